"""256 polls for endpoints at once, without end, one in two for 4,000 names; and refusals of answers with long words."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc
from google.rpc import status_pb2

from controller.eds.eds_messages import TYPE_URL
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood, open_channels

AT_ONCE, NAMES, LONG = 256, 4000, 60_000


async def run_polls(ports: Ports, stand: Stand) -> None:
    """Do it."""
    numbers = itertools.count()
    many = discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=[f"ns/{one:x}" for one in range(NAMES)])
    one = discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=["victim/pool"])

    async def refuse() -> AsyncIterator[Any]:
        words = f"\x1b]0;{next(numbers)}\x07\n" + "\x01" * LONG
        yield discovery_pb2.DiscoveryRequest(
            node=base_pb2.Node(id=words), type_url=TYPE_URL, error_detail=status_pb2.Status(code=3, message=words)
        )

    async with open_channels(ports["eds"], 4) as channels:
        stubs = itertools.cycle([eds_pb2_grpc.EndpointDiscoveryServiceStub(channel) for channel in channels])
        polls = [lambda: next(stubs).FetchEndpoints(many), lambda: next(stubs).FetchEndpoints(one)]
        await flood([*polls, lambda: next(stubs).StreamEndpoints(refuse()).read()], stand, AT_ONCE)


ATTACK = Attack("256 polls and refusals at once, without end", "controller", run_polls)
