"""3,000 streams of endpoint discovery for another's pool; those that are refused come again."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc

from controller.eds.eds_messages import TYPE_URL
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import hold_streams, open_channels

STREAMS = 3000
_NAME = "victim/pool"


async def run_streams(ports: Ports, stand: Stand, count: int = STREAMS) -> None:
    """Do it."""

    async def want() -> AsyncIterator[Any]:
        yield discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=[_NAME])

    async with open_channels(ports["eds"], 4) as channels:
        stubs = itertools.cycle([eds_pb2_grpc.EndpointDiscoveryServiceStub(channel) for channel in channels])
        await hold_streams([lambda: next(stubs).StreamEndpoints(want())] * count, stand)


ATTACK = Attack("3,000 streams, opened again and again", "controller", run_streams)
