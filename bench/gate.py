"""What the gate adds to a query at 500 requests a second: through a real Envoy and past it, in turns, to one server.

The server closes each connection after its answer, as Core does. A request's time runs from when it is due, so that a
late answer makes no later one look fast. Turns are short and many: whatever else the machine does falls on both.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from bench.http_servers import run_server
from bench.quantiles import take_percentile
from controller.gate.gate_listeners import READ_PATHS
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.gate_process import run_gate

REQUESTS_PER_SECOND = 500
_QUESTION = b"key=AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
_HEAD = f"POST {READ_PATHS[0]} HTTP/1.1\r\nHost: pool\r\nContent-Length: {len(_QUESTION)}\r\n"
_ONCE = f"{_HEAD}Connection: close\r\n\r\n".encode() + _QUESTION
_KEPT = f"{_HEAD}\r\n".encode() + _QUESTION
_Ask = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One way of asking for a few seconds: how long each answer took, and how many requests failed."""

    latencies: list[float]
    failed: int

    def percentile_ms(self, percent: int) -> float:
        """Compute a percentile in milliseconds."""
        return 1000 * take_percentile(self.latencies, percent)


def run(*, quick: bool) -> dict[str, float]:
    """Measure p50 and p99 in milliseconds, each the median of those of the turns.

    What is added to a reader who keeps connections where the server lets him, as routers and HTTP clients do: the gate
    lets him, Core closes each. And what is added where one is opened `once` for each query all the same.
    """
    turns, seconds = (2, 1.0) if quick else (30, 2.0)
    with run_server(keeps_open=False) as port:
        direct, once, kept = zip(*uvloop.run(_measure(port, turns, seconds)), strict=True)
    return {
        "gate_direct_p50_ms": median(turn.percentile_ms(50) for turn in direct),
        "gate_direct_p99_ms": median(turn.percentile_ms(99) for turn in direct),
        "gate_added_p50_ms": _compare(kept, direct, 50),
        "gate_added_p99_ms": _compare(kept, direct, 99),
        "gate_added_once_p50_ms": _compare(once, direct, 50),
        "gate_added_once_p99_ms": _compare(once, direct, 99),
        "gate_requests": float(sum(len(turn.latencies) for turn in (*once, *kept))),
        "gate_failed_requests": float(sum(turn.failed for turn in (*once, *kept))),
    }


def _compare(gated: Sequence[Turn], direct: Sequence[Turn], percent: int) -> float:
    """Return the median of what is added, turn by turn: whatever else the machine does falls on neighbours alike."""
    added = [
        one.percentile_ms(percent) - other.percentile_ms(percent) for one, other in zip(gated, direct, strict=True)
    ]
    return median(added)


async def _measure(port: int, turns: int, seconds: float) -> list[tuple[Turn, Turn, Turn]]:
    """Ask past the gate, through it, and through it over kept connections, turn by turn."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        async with run_gate(find_envoy(), Path(folder), port, port) as gate:
            connections = _Connections(gate.ports.read)
            for _ in range(turns + 1):
                direct = await _load(_ask_once, port, seconds)
                once = await _load(_ask_once, gate.ports.read, seconds)
                measured.append((direct, once, await _load(connections.ask, gate.ports.read, seconds)))
            connections.close()
    return measured[1:]  # the first turn warms up


async def _load(ask: _Ask, port: int, seconds: float) -> Turn:
    """Send requests as they are due; return how long each took, in seconds."""
    latencies: list[float] = []

    async def take(due: float) -> None:
        if await ask(port):
            latencies.append(time.perf_counter() - due)

    began, count = time.perf_counter(), int(seconds * REQUESTS_PER_SECOND)
    async with asyncio.TaskGroup() as requests:
        for number in range(count):
            due = began + number / REQUESTS_PER_SECOND
            await asyncio.sleep(due - time.perf_counter())
            requests.create_task(take(due))
    return Turn(latencies, count - len(latencies))


async def _ask_once(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ONCE)
    head = await _read_answer(reader)
    writer.close()
    return _is_answer(head)


class _Connections:
    """A router's pool of connections, each for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, port: int) -> bool:
        """Ask over a connection that is idle, or over a new one."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(_KEPT)
        head = await _read_answer(reader)
        if b"connection: close" in head:
            writer.close()  # the gate ends connections by and by
        else:
            self._idle.append((reader, writer))
        return _is_answer(head)

    def close(self) -> None:
        """Close them all."""
        for _, writer in self._idle:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length))
    return head


def _is_answer(head: bytes) -> bool:
    return b" 200 " in head[:16]
