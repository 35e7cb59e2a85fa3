"""A scaler at the far end of real gRPC that says of each pool what a test tells it to."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc

from readpool.replica_class import ReplicaClass
from readpool.replica_class_messages import CLASS_TO_MESSAGE
from readpool.v1 import observer_pb2 as pb
from readpool.v1.observer_pb2_grpc import ObserverServicer, add_ObserverServicer_to_server

Context = grpc.aio.ServicerContext[object, object]
PoolName = tuple[str, str]


class ScriptedObserver(ObserverServicer):
    """Sends each pool's newest snapshot at once and whenever it is another; a pool of which nothing is said, nothing.

    Attributes:
        port: on loopback.
        watched: how many streams are open, by pool.
        refusal: how every watch is answered instead.
        asked: how many watches were begun.
        peers: from where.
    """

    def __init__(self) -> None:
        self.port = 0
        self.watched: defaultdict[PoolName, int] = defaultdict(int)
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.asked = 0
        self.peers: set[str] = set()
        self._server: grpc.aio.Server | None = None
        self._snapshots: dict[PoolName, pb.Snapshot] = {}
        self._news = asyncio.Condition()

    async def say(self, namespace: str, name: str, snapshot: pb.Snapshot) -> None:
        """Report this of a pool from now on."""
        self._snapshots[namespace, name] = snapshot
        async with self._news:
            self._news.notify_all()

    async def say_all(self, snapshots: Mapping[PoolName, pb.Snapshot]) -> None:
        """Report these of many pools."""
        self._snapshots.update(snapshots)
        async with self._news:
            self._news.notify_all()

    async def start(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        """Serve on a loopback port."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        add_ObserverServicer_to_server(self, self._server)
        address = f"localhost:{port}" if credentials is not None else f"127.0.0.1:{port}"
        if credentials is not None:
            self.port = self._server.add_secure_port(address, credentials)
        else:
            self.port = self._server.add_insecure_port(address)
        await self._server.start()

    async def stop(self) -> None:
        """End all streams, and close the port."""
        if self._server is not None:
            await self._server.stop(None)

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.Snapshot]:  # noqa: N802 - the proto's
        """Stream what is said of one pool."""
        self.asked += 1
        self.peers.add(context.peer())
        if self.refusal is not None:
            await context.abort(*self.refusal)
        pool = (request.pool.namespace, request.pool.name)
        self.watched[pool] += 1
        told = None
        try:
            while True:
                snapshot = self._snapshots.get(pool)
                if snapshot is not None and snapshot is not told:
                    told = snapshot
                    yield snapshot
                    continue
                async with self._news:
                    await self._news.wait()
        finally:
            self.watched[pool] -= 1


def build_snapshot(
    classes: Mapping[str, str],
    at: float,
    *,
    tip: int = 1000,
    desired: int | None = 5,
    lags: Mapping[str, int] | None = None,
    since: float | None = None,
    used: Mapping[str, int] | None = None,
) -> pb.Snapshot:
    """Build a snapshot from each replica's class by name; `lags` are those that are not 0, `since` when not `at`.

    `used` is how full volumes are, in per cent, of those whose gates tell.
    """
    replicas = [
        pb.Replica(
            name=name,
            address=f"{name}:11626",
            since=at if since is None else since,
            ledger=tip - (lags or {}).get(name, 0),
            lag=(lags or {}).get(name, 0),
            state="Synced!",
            observed_at=at,
            started_on=at + 86_400.0,  # of whatever pod is there meanwhile, as a scaler says that goes on polling
            volume_used_percent=(used or {}).get(name),
            **{"class": CLASS_TO_MESSAGE[ReplicaClass(replica_class)]},  # type: ignore[arg-type]
        )
        for name, replica_class in classes.items()
    ]
    decision = pb.Decision(desired_replicas=desired, reason="Steady") if desired is not None else pb.Decision()
    return pb.Snapshot(at=at, replicas=replicas, tip=pb.Tip(ledger=tip, moved_at=at), decision=decision)


@asynccontextmanager
async def serve_observer(
    port: int = 0, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[ScriptedObserver]:
    """Serve on a loopback port during the block."""
    observer = ScriptedObserver()
    await observer.start(port, credentials)
    try:
        yield observer
    finally:
        await observer.stop()
