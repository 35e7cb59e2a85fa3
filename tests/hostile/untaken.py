"""What a pod that means harm does with a window of nothing: it calls by gRPC, and takes none of the answers."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.connections import connect, wait_for_end
from tests.http2_frames import PREFACE, SETTINGS, write_frame, write_request

CONNECTIONS = 32
CALLS = 12_000
"""Over one connection, before another takes its place."""
_AT_ONCE = 20
_PAUSE_SECONDS = 0.04
_AGAIN_SECONDS = 0.1
_WINDOW = (4).to_bytes(2, "big") + bytes(4)
Method = tuple[bytes, bytes]
"""A path, and the bytes of a request."""


async def take_nothing(port: int, stand: Stand, methods: Sequence[Method]) -> None:
    """Call these in turn, slowly enough to be no flood of bytes, over connections that come again."""
    arrivals = Arrivals(CONNECTIONS, stand)

    async def be_one(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await connect(port)
                ended = asyncio.ensure_future(wait_for_end(reader))
                try:
                    writer.write(PREFACE + write_frame(SETTINGS, _WINDOW))
                    calls = itertools.islice(zip(itertools.count(1, 2), itertools.cycle(methods)), CALLS)
                    while not ended.done() and (some := tuple(itertools.islice(calls, _AT_ONCE))):
                        for stream, method in some:
                            writer.write(_write_call(stream, *method))
                        await writer.drain()
                        arrivals.note(number)
                        await asyncio.sleep(_PAUSE_SECONDS)
                    await ended
                finally:
                    ended.cancel()
                    await asyncio.gather(ended, return_exceptions=True)
                    writer.transport.abort()
            arrivals.note(number)
            await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            group.create_task(be_one(number))


def _write_call(stream: int, path: bytes, request: bytes) -> bytes:
    """Write a call with its request in one message."""
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")]
    headers += [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    return write_request(stream, headers, b"\0" + len(request).to_bytes(4, "big") + request)
