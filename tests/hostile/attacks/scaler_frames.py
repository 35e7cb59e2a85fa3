"""Frames of HTTP/2 without end: heads that never end, streams that are reset at once, pings, empty data."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.frames import send_frames

PATH = b"/externalscaler.ExternalScaler/IsActive"


async def _run(ports: Ports, stand: Stand) -> None:
    await send_frames(ports["grpc"], stand, PATH)


ATTACK = Attack("frames of HTTP/2 without end", "scaler", _run)
