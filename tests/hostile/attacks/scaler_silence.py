"""4,000 connections to the gRPC port that say nothing, or no more than what HTTP/2 begins with."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.frames import connect_silently


async def _run(ports: Ports, stand: Stand) -> None:
    await connect_silently(ports["grpc"], stand)


ATTACK = Attack("4,000 mute connections to gRPC", "scaler", _run)
