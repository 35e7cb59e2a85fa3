"""Frames of HTTP/2 without end: heads that never end, streams that are reset at once, pings, empty data."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.frames import send_frames

PATH = b"/envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints"


async def _run(ports: Ports, stand: Stand) -> None:
    await send_frames(ports["eds"], stand, PATH)


ATTACK = Attack("frames of HTTP/2 without end", "controller", _run)
