"""1,024 connections, all that a gate has, each silent after one plain query; none comes again."""

import asyncio

from controller.gate.gate_listeners import MOST_READERS
from devtools.envoy.gate_process import read_answer
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd, wait_for_end

_QUERY = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nkey=AAAA"


async def run_silent(port: int, stand: Stand, count: int) -> None:
    """Do it."""

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
        writer.write(_QUERY)
        await read_answer(reader)
        arrive()
        await wait_for_end(reader)

    await Crowd(port, count, use, again_seconds=None).stand(stand)


async def _run(ports: Ports, stand: Stand) -> None:
    await run_silent(ports["read"], stand, MOST_READERS)


ATTACK = Attack("1,024 connections that are silent after a query", "gate", _run, serves_throughout=False)
