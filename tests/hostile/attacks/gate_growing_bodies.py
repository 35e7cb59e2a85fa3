"""1,000 connections that all begin a query at once, and only then send bodies that lack their last byte."""

import asyncio

from controller.gate.gate_listeners import MOST_BODY_BYTES
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd, wait_for_end

CONNECTIONS = 1000
_HEAD = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nk"
_BEGIN_SECONDS = 1.0
"""From a head until its body, so that all of them have been let in before memory is short."""


async def run_growing_bodies(port: int, stand: Stand, count: int = CONNECTIONS) -> None:
    """Do it, again and again."""

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
        writer.write(_HEAD % MOST_BODY_BYTES)
        await asyncio.sleep(_BEGIN_SECONDS)
        writer.write(b"A" * (MOST_BODY_BYTES - 2))
        await writer.drain()
        arrive()
        await wait_for_end(reader)

    await Crowd(port, count, use, again_seconds=0.5).stand(stand)


async def _run(ports: Ports, stand: Stand) -> None:
    await run_growing_bodies(ports["read"], stand)


ATTACK = Attack("1,000 bodies that grow and never end", "gate", _run)
