"""Subscriptions to names without end, of both variants of endpoint discovery, as many as go into a request."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc

from controller.eds.eds_messages import TYPE_URL
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import hold_streams, open_channels

STREAMS, NAMES = 64, 4000


async def run_names(ports: Ports, stand: Stand) -> None:
    """Do it; a stream that is ended is opened again with other names."""
    numbers = itertools.count()

    def name_many() -> list[str]:
        return [f"ns/{next(numbers):x}" for _ in range(NAMES)]

    async def want() -> AsyncIterator[Any]:
        while True:
            yield discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=name_many())

    async def change() -> AsyncIterator[Any]:
        names: list[str] = []
        while True:
            removed, names = names, name_many()
            yield discovery_pb2.DeltaDiscoveryRequest(
                type_url=TYPE_URL, resource_names_subscribe=names, resource_names_unsubscribe=removed
            )

    async with open_channels(ports["eds"], 4) as channels:
        stubs = itertools.cycle([eds_pb2_grpc.EndpointDiscoveryServiceStub(channel) for channel in channels])
        whole, delta = (lambda: next(stubs).StreamEndpoints(want())), (lambda: next(stubs).DeltaEndpoints(change()))
        await hold_streams([whole, delta] * (STREAMS // 2), stand)


ATTACK = Attack("64 streams of names without end", "controller", run_names)
