"""Queries with a length that ends Core to the router, in every form of HTTP/1.1 and HTTP/2, over and over."""

from tests.deadly_lengths import LENGTHS, write_deadly_forms, write_deadly_streams
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_deadly_lengths import run_deadly


async def _run(ports: Ports, stand: Stand) -> None:
    requests = [form for length in LENGTHS for form in (*write_deadly_forms(length), *write_deadly_streams(length))]
    await run_deadly(ports["read"], stand, requests)


ATTACK = Attack("queries with lengths that end Core", "router", _run)
