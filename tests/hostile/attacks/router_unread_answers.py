"""128 connections to the router that ask for sixty large entries each, and take nothing of the answers."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_unread_answers import run_unread


async def _run(ports: Ports, stand: Stand) -> None:
    await run_unread(ports["read"], stand)


ATTACK = Attack("128 answers of megabytes that nobody takes", "router", _run, serves_throughout=False)
