"""A stage for triggers by pool: a real API server with pools, the real scaler, and nodes and DNS on loopback.

What a cluster does for a pool, namely the pods and the DNS records of its headless Service, the stage does.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc

from devtools.pools.pool_manifests import build_manifest
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.kinds import POOL
from readpool.v1.observer_pb2 import Pool, Snapshot, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from tests.component.core_nodes import CoreNode, run_core_nodes
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.scaler_process import ScalerProcess, start_scaler

if TYPE_CHECKING:
    from readpool.keda.externalscaler_pb2_grpc import ExternalScalerAsyncStub  # exists in the typed stub only
    from readpool.v1.observer_pb2_grpc import ObserverAsyncStub

SECONDS = 30.0
POLL_SECONDS = 0.2
_MANAGER = "readpool-test"


@dataclass(frozen=True)
class PoolStage:
    """One namespace with a scaler that serves it.

    Attributes:
        client: of the API server, as its administrator.
        nodes: the replicas of the pool `reads`, if there is such a pool.
    """

    namespace: str
    client: KubernetesClient
    dns: FakeDns
    nodes: Sequence[CoreNode]
    scaler: ScalerProcess
    keda: "ExternalScalerAsyncStub"
    observer: "ObserverAsyncStub"

    def place_nodes(self, pool: str, nodes: Iterable[CoreNode], namespace: str | None = None) -> None:
        """Make DNS name these nodes as the pods of a pool."""
        service = f"{pool}-nodes.{namespace or self.namespace}.svc.cluster.local."
        records = []
        for ordinal, node in enumerate(nodes):
            host = f"{pool}-{ordinal}.{service}"
            records.append(f"0 50 {node.url.rpartition(':')[2]} {host}")
            self.dns.records[host, "A"] = ["127.0.0.1"]
        self.dns.records[f"_info._tcp.{service}", "SRV"] = records

    async def apply(self, pool: str = "reads", namespace: str | None = None, **spec: Any) -> None:
        """Apply a pool, as below."""
        await apply_pool(self.client, namespace or self.namespace, pool, **spec)

    async def delete(self, pool: str = "reads") -> None:
        """Delete a pool."""
        assert await self.client.delete(POOL, self.namespace, pool)

    def build_ref(self, pool: str = "reads", namespace: str | None = None, **metadata: str) -> ScaledObjectRef:
        """Build what KEDA sends for a trigger by pool."""
        given = {"scalerAddress": "scaler:9090", "pool": pool, **metadata}
        return ScaledObjectRef(name=pool, namespace=namespace or self.namespace, scalerMetadata=given)

    async def ask(self, pool: str = "reads", namespace: str | None = None) -> float | str:
        """Ask for the desired replicas as the HPA does: the number, or the refusal as CODE Reason: sentence."""
        ref = self.build_ref(pool, namespace)
        try:
            answer = await self.keda.GetMetrics(GetMetricsRequest(scaledObjectRef=ref, metricName="desiredReplicas"))
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}"
        return answer.metricValues[0].metricValueFloat

    async def ask_until(self, expected: float | str, pool: str = "reads") -> list[float | str]:
        """Ask until the answer is a number, or begins so; return all different answers in the order they came in."""
        answers: list[float | str] = []
        deadline = time.monotonic() + SECONDS
        while True:
            answer = await self.ask(pool)
            if not answers or answers[-1] != answer:
                answers.append(answer)
            if answer == expected or (isinstance(expected, str) and str(answer).startswith(expected)):
                return answers
            assert time.monotonic() < deadline, f"{expected!r} was never answered, but {answers}"
            await asyncio.sleep(0.02)

    def watch(self, pool: str = "reads") -> "PoolStream":
        """Watch a pool as the controller does."""
        return PoolStream(self.observer.Watch(WatchRequest(pool=Pool(namespace=self.namespace, name=pool))))

    async def count_polls(self, seconds: float) -> list[int]:
        """Count how often each node is asked in this time."""
        before = [node.polls for node in self.nodes]
        await asyncio.sleep(seconds)
        return [node.polls - count for node, count in zip(self.nodes, before, strict=True)]


class PoolStream:
    """One stream of a pool's snapshots."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def read(self) -> Snapshot:
        """Read the next snapshot, which must come soon."""
        async with asyncio.timeout(SECONDS):
            return cast("Snapshot", await self._call.read())

    async def read_until(self, reason: str) -> Snapshot:
        """Read until a snapshot has this reason."""
        return await self._read_until(lambda snapshot: snapshot.decision.reason == reason)

    async def read_until_class(self, replica: str, replica_class: int) -> Snapshot:
        """Read until a replica is of this class."""
        wanted = (replica, replica_class)
        return await self._read_until(
            lambda snapshot: any((one.name, getattr(one, "class")) == wanted for one in snapshot.replicas)
        )

    async def _read_until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        async with asyncio.timeout(SECONDS):
            while not holds(snapshot := await self.read()):
                pass
        return snapshot


async def apply_pool(client: KubernetesClient, namespace: str, pool: str = "reads", **spec: Any) -> None:
    """Apply a pool whose replicas have to lag for a second to lack; with these fields of the spec beside or instead."""
    fields = {"minReplicas": 2, "targetReplicas": 3, "autoscaling": {"sustainSeconds": 1}, **spec}
    await client.apply(POOL, build_manifest(pool, namespace, **fields), manager=_MANAGER)


@contextlib.asynccontextmanager
async def run_pool_stage(
    namespace: str, kubeconfig: Path, *flags: str, scaler_kubeconfig: Path | None = None
) -> AsyncIterator[PoolStage]:
    """Run a scaler and three nodes for as long as the block runs. The API server has to be up only for `apply`."""
    async with contextlib.AsyncExitStack() as stack:
        dns = await stack.enter_async_context(run_dns())
        nodes = await stack.enter_async_context(run_core_nodes(3))
        client = await stack.enter_async_context(connect(kubeconfig))
        fixed = ("--pools", "--kubeconfig", str(scaler_kubeconfig or kubeconfig), "--allow-loopback-nodes")
        local = ("--dns-server", f"127.0.0.1:{dns.port}", "--poll-interval", str(POLL_SECONDS))
        scaler = stack.enter_context(start_scaler(*fixed, *local, *flags))
        serving = await asyncio.to_thread(scaler.wait_for, "serving")
        scaler.grpc, scaler.telemetry = serving["grpc"], serving["telemetry"]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(scaler.grpc))
        stage = PoolStage(namespace, client, dns, nodes, scaler, ExternalScalerStub(channel), ObserverStub(channel))
        stage.place_nodes("reads", nodes)
        yield stage
        code = await asyncio.to_thread(scaler.stop)  # while the nodes still see its connections end
        assert code == 0, scaler.events[-15:]
