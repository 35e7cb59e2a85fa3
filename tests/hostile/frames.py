"""What a pod that means harm does at a port of HTTP/2 without a call: silence, and frames that no client sends.

All of it comes from one address, as that of one pod.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.connections import connect, wait_for_end
from tests.hostile.stays import say_and_stay
from tests.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    write_frame,
    write_headers,
    write_opening,
)

SILENT_CONNECTIONS = 4000
_CONNECTIONS_OF_A_KIND = 4
_OPENED_AT_ONCE = 400
_AGAIN_SECONDS = 1.0
_TRY_SECONDS = 0.01
_FIELD = write_headers([(b"x", b"A" * 16_000)])
_CANCELLED = (8).to_bytes(4, "big")
_MOST_STREAMS = 1 << 31
Write = Callable[[], bytes]


async def connect_silently(port: int, stand: Stand) -> None:
    """Open connections: one in two says nothing, the others no more than what HTTP/2 begins with."""
    said = [write_opening() if number % 2 else b"" for number in range(SILENT_CONNECTIONS)]
    await say_and_stay(port, stand, said, again_seconds=_AGAIN_SECONDS, opened_at_once=_OPENED_AT_ONCE)


async def send_frames(port: int, stand: Stand, path: bytes) -> None:
    """Send frames without end: heads that never end, streams that are reset at once, pings, empty data."""
    kinds = _list_kinds(path) * _CONNECTIONS_OF_A_KIND
    arrivals = Arrivals(len(kinds), stand)

    async def be_one(number: int, build: Callable[[], tuple[bytes, Write]]) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await connect(port)
                reading = asyncio.ensure_future(wait_for_end(reader))
                first, write_more = build()
                try:
                    writer.write(write_opening() + write_frame(SETTINGS, flags=ACK) + first)
                    while not reading.done():
                        writer.write(write_more())
                        await writer.drain()
                        arrivals.note(number)
                        await asyncio.sleep(0)
                finally:
                    reading.cancel()
                    writer.transport.abort()
            arrivals.note(number)
            await asyncio.sleep(_TRY_SECONDS)

    async with asyncio.TaskGroup() as group:
        for number, build in enumerate(kinds):
            group.create_task(be_one(number, build))


def _list_kinds(path: bytes) -> tuple[Callable[[], tuple[bytes, Write]], ...]:
    """List the kinds of what a connection sends: what it begins with, and what comes again and again."""
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")]
    block = write_headers([*headers, (b"content-type", b"application/grpc"), (b"te", b"trailers")])

    def send_head() -> tuple[bytes, Write]:
        return write_frame(HEADERS, block, stream=1), lambda: write_frame(CONTINUATION, _FIELD, stream=1)

    def send_resets() -> tuple[bytes, Write]:
        numbers = itertools.count(1, 2)

        def reset() -> bytes:
            stream = next(numbers) % _MOST_STREAMS
            opened = write_frame(HEADERS, block, flags=END_HEADERS, stream=stream)
            return opened + write_frame(RST_STREAM, _CANCELLED, stream=stream)

        return b"", reset

    def send_pings() -> tuple[bytes, Write]:
        return b"", lambda: (write_frame(PING, b"12345678") + write_frame(SETTINGS)) * 50

    def send_empty_data() -> tuple[bytes, Write]:
        opened = write_frame(HEADERS, block, flags=END_HEADERS, stream=1)
        return opened, lambda: write_frame(DATA, stream=1) * 100

    return send_head, send_resets, send_pings, send_empty_data
