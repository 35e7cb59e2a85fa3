"""An Observer at the far end of real gRPC that plays what it is given: the scaler as `top` and `explain` see it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from readpool.v1 import observer_pb2 as pb
from readpool.v1.observer_pb2_grpc import ObserverServicer, add_ObserverServicer_to_server

Context = grpc.aio.ServicerContext[object, object]


@dataclass
class PlayingObserver(ObserverServicer):
    """Sends what it is told to, then keeps the stream open until told to end it."""

    snapshots: Sequence[pb.Snapshot] = ()
    refusal: grpc.StatusCode | None = None
    requests: list[pb.WatchRequest] = field(default_factory=list)
    address: str = ""

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.Snapshot]:  # noqa: N802  # the contract's name; an iterator, as grpc.aio has it
        self.requests.append(request)
        if self.refusal:
            await context.abort(self.refusal, "not like that")
        for snapshot in self.snapshots:
            yield snapshot
        await asyncio.Event().wait()


@asynccontextmanager
async def serve(
    observer: PlayingObserver, address: str = "127.0.0.1:0", *, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[PlayingObserver]:
    server = grpc.aio.server()
    add_ObserverServicer_to_server(observer, server)
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    observer.address = f"127.0.0.1:{port}"
    await server.start()
    yield observer
    await server.stop(None)
