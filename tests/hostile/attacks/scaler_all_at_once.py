"""All attacks on a scaler at once, from one address."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.scaler_calls import run_calls
from tests.hostile.attacks.scaler_fleets import run_fleets
from tests.hostile.attacks.scaler_frames import PATH
from tests.hostile.attacks.scaler_streams import run_streams
from tests.hostile.attacks.scaler_telemetry import PATHS
from tests.hostile.attacks.scaler_words import run_words
from tests.hostile.calls import reflect
from tests.hostile.combined import run_all
from tests.hostile.frames import connect_silently, send_frames
from tests.hostile.telemetry_flood import flood_telemetry, pour_into_telemetry

_STREAMS_DIVIDED_BY = 10


async def _run(ports: Ports, stand: Stand) -> None:
    grpc = ports["grpc"]
    await run_all(
        stand,
        lambda arrive: run_calls(ports, arrive),
        lambda arrive: run_fleets(ports, arrive),
        lambda arrive: run_streams(ports, arrive, _STREAMS_DIVIDED_BY),
        lambda arrive: run_words(ports, arrive),
        lambda arrive: reflect(grpc, arrive),
        lambda arrive: connect_silently(grpc, arrive),
        lambda arrive: send_frames(grpc, arrive, PATH),
        lambda arrive: flood_telemetry(ports["telemetry"], arrive, PATHS),
        lambda arrive: pour_into_telemetry(ports["telemetry"], arrive),
    )


ATTACK = Attack("all of these at once", "scaler", _run)
