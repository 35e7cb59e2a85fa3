"""1,000 connections to the router, each of which sends a head byte by byte."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_slow_heads import HEAD, run_slow


async def _run(ports: Ports, stand: Stand) -> None:
    await run_slow(ports["read"], stand, HEAD[:1], HEAD[1:])


ATTACK = Attack("1,000 heads, byte by byte", "router", _run)
