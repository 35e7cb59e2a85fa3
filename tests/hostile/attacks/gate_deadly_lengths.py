"""Queries with a length that ends Core, in every form, over and over."""

import asyncio
import itertools

from tests.deadly_lengths import LENGTHS, write_deadly_forms
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd

CONNECTIONS = 16
_ANSWER_SECONDS = 2.0


async def run_deadly(port: int, stand: Stand, requests: list[bytes]) -> None:
    """Send all of these, each over a connection of its own, again and again."""
    left = itertools.cycle(requests)

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
        writer.write(next(left))
        arrive()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while await reader.read(1 << 16):
                    pass
        except TimeoutError:
            return

    await Crowd(port, CONNECTIONS, use, again_seconds=0.0).stand(stand)


async def _run(ports: Ports, stand: Stand) -> None:
    await run_deadly(ports["read"], stand, [form for length in LENGTHS for form in write_deadly_forms(length)])


ATTACK = Attack("queries with lengths that end Core", "gate", _run)
