"""600 connections to the telemetry port, mute, slow, or asking for metrics, the page and its stream without end."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.telemetry_flood import flood_telemetry

PATHS = ("/metrics", "/events", "/events?fleet=victim/core", "/", "/nothing")


async def _run(ports: Ports, stand: Stand) -> None:
    await flood_telemetry(ports["telemetry"], stand, PATHS)


ATTACK = Attack("600 connections to the telemetry port", "scaler", _run)
