"""Calls and streams at the scaler by someone who takes none of the answers."""

from readpool.v1.observer_pb2 import Trigger, WatchRequest
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.keda import VICTIM, build_ref
from tests.hostile.untaken import take_nothing


async def _run(ports: Ports, stand: Stand) -> None:
    metadata = {"service": "core", "port": str(ports["nodes"]), "targetReplicas": "3"}
    activity = build_ref("evil", metadata).SerializeToString()
    watch = WatchRequest(trigger=Trigger(namespace=VICTIM, metadata=metadata)).SerializeToString()
    methods = [(b"/externalscaler.ExternalScaler/IsActive", activity)] * 3
    await take_nothing(ports["grpc"], stand, [*methods, (b"/readpool.v1.Observer/Watch", watch)])


ATTACK = Attack("calls whose answers nobody takes", "scaler", _run)
