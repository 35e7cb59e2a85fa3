"""All attacks on a controller at once, from one address."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.controller_frames import PATH
from tests.hostile.attacks.controller_names import run_names
from tests.hostile.attacks.controller_polls import run_polls
from tests.hostile.attacks.controller_streams import run_streams
from tests.hostile.attacks.controller_telemetry import PATHS
from tests.hostile.calls import reflect
from tests.hostile.combined import run_all
from tests.hostile.frames import connect_silently, send_frames
from tests.hostile.telemetry_flood import flood_telemetry, pour_into_telemetry

_STREAMS = 1200


async def _run(ports: Ports, stand: Stand) -> None:
    eds = ports["eds"]
    await run_all(
        stand,
        lambda arrive: run_names(ports, arrive),
        lambda arrive: run_polls(ports, arrive),
        lambda arrive: run_streams(ports, arrive, _STREAMS),
        lambda arrive: reflect(eds, arrive),
        lambda arrive: connect_silently(eds, arrive),
        lambda arrive: send_frames(eds, arrive, PATH),
        lambda arrive: flood_telemetry(ports["telemetry"], arrive, PATHS),
        lambda arrive: pour_into_telemetry(ports["telemetry"], arrive),
    )


ATTACK = Attack("all of these at once", "controller", _run)
