"""A real gate that is told how full the volume beside it is: it tells the scaler, follows it, and refuses nobody."""

import asyncio
from pathlib import Path

import pytest

from controller.gate.gate_listeners import STATS_PATH
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import Gate, build_request, read_status, run_gate, send
from devtools.machine.ports import take_ports
from scaler.probes.gate import parse_gate

pytestmark = pytest.mark.timeout(120)
SECONDS = 30.0


async def read_used(gate: Gate) -> int | None:
    """Read how full the volume is, as the scaler does."""
    answer = await send(gate.ports.stats, build_request("GET", STATS_PATH))
    return parse_gate(answer.partition(b"\r\n\r\n")[2]).volume_used_percent


async def wait_for(gate: Gate, percent: int | None) -> None:
    async with asyncio.timeout(SECONDS):
        while await read_used(gate) != percent:  # noqa: ASYNC110 - the gate reads a file
            await asyncio.sleep(0.1)


def tell(file: Path, text: str) -> None:
    """Put a file in place of another as a whole."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


async def test_the_gate_tells_how_full_the_volume_is_and_follows_it(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    folder.mkdir()
    used = folder / "used"
    command, query = take_ports(2)
    async with run_gate(require_envoy(), tmp_path, command, query, space_file=used) as gate:
        assert await read_used(gate) in (None, 0), "nobody has told anything yet"
        for text, percent in (("0.835", 83), ("0.005", 0), ("0.995", 99), ("1", 100)):
            tell(used, text)
            await wait_for(gate, percent)
        tell(used, "nonsense")
        await asyncio.sleep(1.0)
        assert await read_used(gate) == 100
        answer = await send(gate.ports.stats, build_request("GET", "/ready"))
        assert read_status(answer) == 200, "a full volume refuses nobody"


async def test_a_gate_that_watches_no_volume_tells_of_none(tmp_path: Path) -> None:
    command, query = take_ports(2)
    async with run_gate(require_envoy(), tmp_path, command, query) as gate:
        assert await read_used(gate) is None
