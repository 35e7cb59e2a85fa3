"""The fleet of real processes: what it says of a binary that is none, and that it leaves nothing behind."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.core.core_under_test import require_core
from readpool.simulator.core_network import CoreNetwork, CoreNetworkSettings, start_core_network
from readpool.simulator.core_process import CoreError, CoreProcess, check_binary
from readpool.simulator.port_leases import lease_port


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make all temporary folders in one of our own, so that what is left behind can be seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.glob("readpool-core-*")) == [], "a folder was left behind"


def write_script(path: Path, text: str, *, is_executable: bool = True) -> Path:
    path.write_text(text)
    path.chmod(0o755 if is_executable else 0o644)
    return path


def find_processes(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(entry.joinpath("cwd").readlink()).startswith(str(folder)):
                    found.append(int(entry.name))
            except OSError:
                continue  # gone meanwhile, or not ours
    return found


def remove_left(folder: Path) -> None:
    for left in folder.glob("readpool-core-*"):
        shutil.rmtree(left)


async def test_a_binary_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match="nosuch: there is no such file"):
        await check_binary(tmp_path / "nosuch")


@pytest.mark.parametrize(
    ("text", "is_executable", "message"),
    [
        pytest.param("#!/bin/sh\n", False, "is not executable", id="not executable"),
        pytest.param("#!/bin/sh\necho hello\n", True, "is not stellar-core: its `version` printed 'hello", id="other"),
        pytest.param("#!/bin/sh\necho oh >&2; exit 3\n", True, "version: ended with 3: oh", id="it fails"),
        pytest.param("\x7fELF nonsense", True, "version: cannot be run", id="no program"),
    ],
)
async def test_a_binary_that_is_not_stellar_core_is_refused_with_what_it_did(
    tmp_path: Path, text: str, is_executable: bool, message: str
) -> None:
    with pytest.raises(CoreError, match=message):
        await start_core_network(write_script(tmp_path / "core", text, is_executable=is_executable))


async def test_a_network_that_does_not_start_leaves_nothing_and_shows_the_log(folder: Path) -> None:
    script = """#!/bin/sh
case "$*" in
  version) echo v0; echo "ledger protocol version: 22" ;;
  gen-seed) printf 'Secret seed: S%055d\\nPublic: G%055d\\n' 0 0 | tr 0 A ;;
  *run) echo "cannot open the database"; exit 1 ;;
esac
"""
    with pytest.raises(CoreError, match=r"validator ended at its start; its log ends:\ncannot open the database"):
        await start_core_network(write_script(folder / "core", script))
    assert find_processes(folder) == []


async def test_a_cancelled_start_ends_what_it_started(folder: Path) -> None:
    binary = require_core()
    starting = asyncio.create_task(start_core_network(binary, CoreNetworkSettings(nodes=1)))
    async with asyncio.timeout(20):
        while not find_processes(folder):  # noqa: ASYNC110 - the kernel's list of processes tells nobody
            await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert find_processes(folder) == []


HOLD_A_NETWORK = """
import asyncio, sys
from readpool.simulator.core_network import CoreNetworkSettings, start_core_network
async def hold():
    async with await start_core_network(sys.argv[1], CoreNetworkSettings(nodes=1)) as network:
        await network.stop("pool-0")
        print("up", flush=True)
        await asyncio.sleep(1000)
asyncio.run(hold())
"""


@pytest.mark.parametrize("interrupts", [1, 2], ids=["ctrl-c", "ctrl-c twice"])
async def test_an_interrupt_leaves_no_process_not_even_a_stopped_one(folder: Path, interrupts: int) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_A_NETWORK, require_core(),
        env=os.environ | {"TMPDIR": str(folder)}, stdout=PIPE, stderr=DEVNULL,
    )  # fmt: skip
    assert holder.stdout is not None
    async with asyncio.timeout(60):
        assert await holder.stdout.readline() == b"up\n"
        for _ in range(interrupts):
            holder.send_signal(signal.SIGINT)
            await asyncio.sleep(0.3 * (interrupts - 1))  # the second comes while it ends the nodes
        await holder.wait()
    assert find_processes(folder) == []
    if interrupts == 2:
        remove_left(folder)  # a second Ctrl-C leaves no time for it


async def ask_state(network: CoreNetwork, name: str) -> str:
    return str(json.loads(await network._nodes[name].ask("/info"))["info"]["state"])


async def test_a_network_starts_scales_stops_and_ends_without_a_trace(folder: Path) -> None:
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=2)) as network:
        assert network.names() == ("pool-0", "pool-1")
        assert [await ask_state(network, name) for name in network.names()] == ["Synced!", "Synced!"]
        await network.scale(3)
        addresses = network.addresses()
        assert tuple(addresses) == ("pool-0", "pool-1", "pool-2")
        await network.restart("pool-0")
        assert network.addresses() == addresses
        await network.scale(1)
        assert network.names() == ("pool-0",)
        with pytest.raises(KeyError, match=r"pool-1.*it has pool-0"):
            await network.stop("pool-1")
        await network.stop("pool-0")
        await network.halt()
        assert len(find_processes(folder)) == 2
    assert find_processes(folder) == []
    await network.close()


async def test_a_node_that_crashed_is_started_again_on_its_port_which_nobody_else_is_given_meanwhile(
    folder: Path,
) -> None:
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=1)) as network:
        pid, port = network._nodes["pool-0"].pid, network._nodes["pool-0"].http_port
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await network.restart("pool-0")
        assert network._nodes["pool-0"].pid not in {None, pid}
        await network.die("pool-0")
        assert lease_port(port) is None
    assert find_processes(folder) == []
    lease = lease_port(port)
    assert lease is not None
    lease.close()


async def test_a_process_that_ignores_term_is_killed_with_what_it_started(tmp_path: Path) -> None:
    deaf = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho deaf\nwait\n"
    node = CoreProcess(write_script(tmp_path / "core", deaf), tmp_path / "node", "", 1)
    (tmp_path / "node").mkdir()
    await node.start()
    async with asyncio.timeout(10):
        while "deaf" not in node.log_tail():  # noqa: ASYNC110 - a log tells nobody that it grew
            await asyncio.sleep(0.01)
    await node.end(grace_seconds=0.2)
    assert not node.is_running
    async with asyncio.timeout(10):
        while find_processes(tmp_path):  # noqa: ASYNC110 - the kernel's list of processes tells nobody
            await asyncio.sleep(0.01)
