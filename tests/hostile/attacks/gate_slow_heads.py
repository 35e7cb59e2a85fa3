"""1,000 connections, each of which sends a head byte by byte; others come when they are sent away."""

import asyncio
import itertools

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd, wait_for_end

CONNECTIONS = 1000
EVERY_SECONDS = 1.0
HEAD = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
BODY = b"key=" + b"A" * 996


async def run_slow(port: int, stand: Stand, at_once: bytes, byte_by_byte: bytes, count: int = CONNECTIONS) -> None:
    """Send what goes at once, then a byte each second."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        for byte in itertools.chain(byte_by_byte, itertools.repeat(ord("A"))):
            await asyncio.sleep(EVERY_SECONDS)
            writer.write(bytes([byte]))

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
        writer.write(at_once)
        arrive()
        dripping = asyncio.ensure_future(drip(writer))
        try:
            await wait_for_end(reader)
        finally:
            dripping.cancel()

    await Crowd(port, count, use, again_seconds=0.5).stand(stand)


async def _run(ports: Ports, stand: Stand) -> None:
    await run_slow(ports["read"], stand, HEAD[:1], HEAD[1:])


ATTACK = Attack("1,000 heads, byte by byte", "gate", _run)
