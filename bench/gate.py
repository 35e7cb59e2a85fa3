"""What the gate adds to a query at 500 requests a second: through a real Envoy and past it, in turns, to one server.

The server closes each connection after its answer, as Core does. A request's time runs from when it is due, so that a
late answer makes no later one look fast. Turns are short and many: whatever else the machine does falls on both.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench.http_servers import run_server
from controller.gate_listeners import READ_PATHS
from tests.envoy_binary import find_envoy
from tests.gate_process import run_gate

REQUESTS_PER_SECOND = 500
_QUESTION = b"key=AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
_HEAD = f"POST {READ_PATHS[0]} HTTP/1.1\r\nHost: pool\r\nContent-Length: {len(_QUESTION)}\r\n"
_ONCE = f"{_HEAD}Connection: close\r\n\r\n".encode() + _QUESTION
_KEPT = f"{_HEAD}\r\n".encode() + _QUESTION
_Ask = Callable[[int], Awaitable[None]]


def run(*, quick: bool) -> dict[str, float]:
    """Measure p50 and p99 in milliseconds.

    What is added where readers open a connection for each query, as Core makes them do without a gate; and what is
    added, or saved, where they keep theirs.
    """
    turns, seconds = (2, 1.0) if quick else (30, 2.0)
    with run_server(keeps_open=False) as port:
        direct, once, kept = uvloop.run(_measure(port, turns, seconds))
    return {
        "gate_direct_p50_ms": _quantile(direct, 0.5),
        "gate_direct_p99_ms": _quantile(direct, 0.99),
        "gate_added_p50_ms": _quantile(once, 0.5) - _quantile(direct, 0.5),
        "gate_added_p99_ms": _quantile(once, 0.99) - _quantile(direct, 0.99),
        "gate_added_kept_p99_ms": _quantile(kept, 0.99) - _quantile(direct, 0.99),
        "gate_requests": float(len(once)),
    }


async def _measure(port: int, turns: int, seconds: float) -> tuple[list[float], list[float], list[float]]:
    direct: list[float] = []
    once: list[float] = []
    kept: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with run_gate(find_envoy(), Path(folder), port, port) as gate:
            connections = _Connections(gate.ports.read)
            for turn in range(turns + 1):
                measured = [
                    await _load(_ask_once, port, seconds),
                    await _load(_ask_once, gate.ports.read, seconds),
                    await _load(connections.ask, gate.ports.read, seconds),
                ]
                if turn:  # the first one warms up
                    for latencies, more in zip((direct, once, kept), measured, strict=True):
                        latencies.extend(more)
            connections.close()
    return direct, once, kept


async def _load(ask: _Ask, port: int, seconds: float) -> list[float]:
    """Send requests as they are due; give how long each took, in seconds."""
    latencies: list[float] = []

    async def take(due: float) -> None:
        await ask(port)
        latencies.append(time.perf_counter() - due)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as requests:
        for number in range(int(seconds * REQUESTS_PER_SECOND)):
            due = began + number / REQUESTS_PER_SECOND
            await asyncio.sleep(due - time.perf_counter())
            requests.create_task(take(due))
    return latencies


async def _ask_once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ONCE)
    await _read_answer(reader)
    writer.close()


class _Connections:
    """A router's pool of connections, each for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, port: int) -> None:
        """Ask over a connection that is idle, or over a new one."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(_KEPT)
        if b"connection: close" in await _read_answer(reader):
            writer.close()  # the gate ends connections by and by
        else:
            self._idle.append((reader, writer))

    def close(self) -> None:
        """Close them all."""
        for _, writer in self._idle:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head[:16]:
        raise RuntimeError(f"a query failed: {head[:40]!r}")
    length = head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length))
    return head


def _quantile(latencies: list[float], quantile: float) -> float:
    """Take a quantile in milliseconds."""
    return 1000 * sorted(latencies)[int(quantile * (len(latencies) - 1))]
