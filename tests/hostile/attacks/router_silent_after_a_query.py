"""4,096 connections, all that a router has, each silent after one plain query; none comes again."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_silent_after_a_query import run_silent

CONNECTIONS = 4096


async def _run(ports: Ports, stand: Stand) -> None:
    await run_silent(ports["read"], stand, CONNECTIONS)


ATTACK = Attack("4,096 connections that are silent after a query", "router", _run, serves_throughout=False)
