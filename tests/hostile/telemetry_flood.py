"""What a pod that means harm does at a telemetry port: silence, requests without end, heads and bodies without end."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.readers import write_get
from tests.hostile.stays import say_and_stay

CONNECTIONS = 600
_AGAIN_SECONDS = 0.1
POURING = 24
_POURED: Sequence[tuple[bytes, bytes]] = (
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\n", b"X-A: " + b"a" * 8000 + b"\r\n"),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\n", b"a: b\r\n"),
    (b"GET /", b"a" * 1000),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"a" * 1000),
    (b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    (b"", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
)
_BLOCK_BYTES = 100_000


async def flood_telemetry(port: int, stand: Stand, paths: Sequence[str]) -> None:
    """Open connections of one address: a third says nothing, a third begins a head, a third asks for these in turn."""
    silent = (b"", b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    asked = [write_get(path) for path in paths]
    said = [(*silent, asked[number // 3 % len(asked)])[number % 3] for number in range(CONNECTIONS)]
    await say_and_stay(port, stand, said, again_seconds=_AGAIN_SECONDS, opened_at_once=CONNECTIONS)


async def pour_into_telemetry(port: int, stand: Stand) -> None:
    """Send heads, bodies and requests in line without end, and come again at once where that is cut."""
    arrivals = Arrivals(POURING, stand)

    async def be_one(number: int) -> None:
        head, more = _POURED[number % len(_POURED)]
        block = more * (1 + _BLOCK_BYTES // len(more))
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(head)
                    while True:
                        arrivals.note(number)
                        writer.write(block)
                        await writer.drain()
                        await asyncio.sleep(0)
                finally:
                    writer.transport.abort()
            arrivals.note(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(POURING):
            group.create_task(be_one(number))
