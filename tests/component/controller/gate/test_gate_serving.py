"""A real gate tells the kubelet whether Core's query server answers: not where it refuses or hangs, and again after."""

import asyncio
from pathlib import Path

import pytest

from controller.gate.gate_listeners import READY_PATH, SERVING_PATH
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import Gate, build_request, read_status, run_gate, send
from devtools.machine.ports import take_ports

pytestmark = pytest.mark.timeout(120)
SECONDS = 40.0
OK, UNAVAILABLE = 200, 503
REFUSED = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
"""What Core's query server says to a query without a key."""


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(REFUSED)
    writer.close()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def ask(gate: Gate, path: str) -> int:
    return read_status(await send(gate.ports.stats, build_request("GET", path))) or 0


async def wait_for(gate: Gate, status: int) -> None:
    async with asyncio.timeout(SECONDS):
        while await ask(gate, SERVING_PATH) != status:  # noqa: ASYNC110 - it is Envoy that looks
            await asyncio.sleep(0.2)


async def test_the_gate_serves_while_cores_query_server_answers(tmp_path: Path) -> None:
    command, query = take_ports(2)
    async with run_gate(require_envoy(), tmp_path, command, query) as gate:
        assert await ask(gate, SERVING_PATH) == UNAVAILABLE, "Core has not begun"
        for is_answering, handler in ((True, answer), (False, hang), (True, answer)):
            async with await asyncio.start_server(handler, "127.0.0.1", query):
                await wait_for(gate, OK if is_answering else UNAVAILABLE)
            assert await ask(gate, READY_PATH) == OK, "the gate itself runs"
        await wait_for(gate, UNAVAILABLE)
        assert await ask(gate, f"{SERVING_PATH}?x=1") == 403, "the very path alone"
