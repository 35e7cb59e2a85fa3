"""Fleets without end, of namespaces without end, by calls and by streams of observers."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood_activity
from tests.hostile.evil_triggers import name_fleets

AT_ONCE = 64


async def run_fleets(ports: Ports, stand: Stand) -> None:
    """Do it."""
    await flood_activity(ports["grpc"], name_fleets(), stand, connections=4, at_once=AT_ONCE)


ATTACK = Attack("fleets without end", "scaler", run_fleets)
