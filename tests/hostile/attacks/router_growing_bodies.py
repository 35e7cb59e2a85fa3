"""1,000 connections to the router, each with a body that lacks its last byte."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_growing_bodies import run_growing_bodies


async def _run(ports: Ports, stand: Stand) -> None:
    await run_growing_bodies(ports["read"], stand)


ATTACK = Attack("1,000 bodies that grow and never end", "router", _run)
