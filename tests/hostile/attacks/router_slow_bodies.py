"""1,000 connections to the router, each of which sends a body byte by byte."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_slow_heads import BODY, HEAD, run_slow


async def _run(ports: Ports, stand: Stand) -> None:
    await run_slow(ports["read"], stand, HEAD + b"\r\n", BODY)


ATTACK = Attack("1,000 bodies, byte by byte", "router", _run)
