"""14,000 streams of each kind that a scaler has, of fleets of others as well; those that are refused come again."""

import itertools
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.v1.observer_pb2 import Fleets, Trigger, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import hold_streams, open_channels
from tests.hostile.evil_triggers import build_ref, build_trigger
from tests.hostile.keda import VICTIM

PUSHES, OBSERVERS, ALL_FLEETS, HEALTH = 9_000, 4_500, 100, 400
_NAMESPACES = ("evil", VICTIM, "", "evil-2")


async def run_streams(ports: Ports, stand: Stand, divided_by: int = 1) -> None:
    """Do it, with a part of the streams where others attack as well."""
    namespaces = itertools.cycle(_NAMESPACES)
    async with open_channels(ports["grpc"], 4) as channels:
        turns = itertools.cycle(channels)

        def push() -> Any:
            return ExternalScalerStub(next(turns)).StreamIsActive(build_ref(next(namespaces)))

        def observe() -> Any:
            trigger = Trigger(namespace=next(namespaces), metadata=build_trigger())
            return ObserverStub(next(turns)).Watch(WatchRequest(trigger=trigger))

        def observe_all() -> Any:
            return ObserverStub(next(turns)).Watch(WatchRequest(fleets=Fleets()))

        def watch_health() -> Any:
            stub: Any = health_pb2_grpc.HealthStub(next(turns))
            return stub.Watch(health_pb2.HealthCheckRequest())

        counts = {push: PUSHES, observe: OBSERVERS, observe_all: ALL_FLEETS, watch_health: HEALTH}
        openers = [one for kind, count in counts.items() for one in [kind] * (count // divided_by)]
        await hold_streams(openers, stand)


ATTACK = Attack("14,000 streams of each kind, opened again and again", "scaler", run_streams)
