"""Heads, bodies and requests in line without end to the telemetry port, over connections that come again at once."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.telemetry_flood import pour_into_telemetry


async def _run(ports: Ports, stand: Stand) -> None:
    await pour_into_telemetry(ports["telemetry"], stand)


ATTACK = Attack("heads and bodies without end to the telemetry port", "scaler", _run)
