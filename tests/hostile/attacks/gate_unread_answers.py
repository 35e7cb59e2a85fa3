"""128 connections that ask for sixty large entries each, and take nothing of the answers."""

import asyncio

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd
from tests.hostile.core import LARGE_ENTRIES, build_query
from tests.hostile.readers import write_query

CONNECTIONS = 128
"""Twice as many as a gate asks of Core at once."""
_BUFFER_BYTES = 2048
_HOLD_SECONDS = 30.0


async def run_unread(port: int, stand: Stand, count: int = CONNECTIONS) -> None:
    """Do it; whoever is closed without having heard of it comes again after some time."""
    query = write_query(build_query(LARGE_ENTRIES))

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(query)
        await writer.drain()
        arrive()
        await asyncio.sleep(_HOLD_SECONDS)

    await Crowd(port, count, use, again_seconds=0.5, buffer=_BUFFER_BYTES).stand(stand)


async def _run(ports: Ports, stand: Stand) -> None:
    await run_unread(ports["read"], stand)


ATTACK = Attack("128 answers of megabytes that nobody takes", "gate", _run, serves_throughout=False)
