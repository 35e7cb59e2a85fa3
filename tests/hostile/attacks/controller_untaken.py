"""Polls and streams of endpoint discovery by someone who takes none of the answers."""

from envoy.service.discovery.v3 import discovery_pb2

from controller.eds.eds_messages import TYPE_URL
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.untaken import take_nothing

_SERVICE = b"/envoy.service.endpoint.v3.EndpointDiscoveryService/"


async def _run(ports: Ports, stand: Stand) -> None:
    asked = discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=["victim/pool"]).SerializeToString()
    polls = [(_SERVICE + b"FetchEndpoints", asked)] * 3
    await take_nothing(ports["eds"], stand, [*polls, (_SERVICE + b"StreamEndpoints", asked)])


ATTACK = Attack("polls whose answers nobody takes", "controller", _run)
