"""Connections of one address that say their words and stay until the other side ends them; then they come again."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.connections import connect, wait_for_end


async def say_and_stay(
    port: int, stand: Stand, said: Sequence[bytes], *, again_seconds: float, opened_at_once: int
) -> None:
    """Keep a connection for each of `said`; so many are opened at once, and each waits before it comes again."""
    arrivals, opening = Arrivals(len(said), stand), asyncio.Semaphore(opened_at_once)

    async def be_one(number: int, words: bytes) -> None:
        while True:
            with contextlib.suppress(OSError):
                async with opening:
                    reader, writer = await connect(port)
                try:
                    writer.write(words)
                    arrivals.note(number)
                    await wait_for_end(reader)
                finally:
                    writer.transport.abort()
            arrivals.note(number)
            await asyncio.sleep(again_seconds)

    async with asyncio.TaskGroup() as group:
        for number, words in enumerate(said):
            group.create_task(be_one(number, words))
