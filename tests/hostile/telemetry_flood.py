"""What a pod that means harm does at a telemetry port: silence, requests for metrics and pages without end, streams."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.connections import wait_for_end
from tests.hostile.readers import write_get

CONNECTIONS = 600
_AGAIN_SECONDS = 0.1


async def flood_telemetry(port: int, stand: Stand, paths: Sequence[str]) -> None:
    """Open connections of one address: a third says nothing, a third begins a head, a third asks for these in turn."""
    arrivals = Arrivals(CONNECTIONS, stand)
    said = (b"", b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ")

    async def be_one(number: int) -> None:
        words = said[number % 3] if number % 3 < len(said) else write_get(paths[number // 3 % len(paths)])
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(words)
                    arrivals.note(number)
                    await wait_for_end(reader)
                finally:
                    writer.transport.abort()
            arrivals.note(number)
            await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            group.create_task(be_one(number))
