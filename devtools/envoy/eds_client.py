"""A client of endpoint discovery that speaks the protocol by hand, request by request, over a real connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc
from google.rpc import status_pb2

from controller.eds.eds_messages import TYPE_URL

ANSWER_SECONDS = 30.0
QUIET_SECONDS = 0.3
NODE = base_pb2.Node(id="test")


class EdsClient:
    """One stream of either variant."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._reading: asyncio.Task[Any] | None = None

    async def want(self, *names: str, after: Any = None, refusing: str = "", type_url: str = TYPE_URL) -> None:
        """Subscribe to all that is wanted; `after` is the answer that this acknowledges, or refuses."""
        request = discovery_pb2.DiscoveryRequest(node=NODE, resource_names=names, type_url=type_url)
        await self._write(request, after, refusing)

    async def change(
        self, *names: str, remove: Sequence[str] = (), after: Any = None, refusing: str = "", **known: str
    ) -> None:
        """Subscribe to more, and unsubscribe from others, by delta."""
        request = discovery_pb2.DeltaDiscoveryRequest(
            node=NODE,
            type_url=TYPE_URL,
            resource_names_subscribe=names,
            resource_names_unsubscribe=remove,
            initial_resource_versions=known,
        )
        await self._write(request, after, refusing)

    async def _write(self, request: Any, after: Any, refusing: str) -> None:
        if after is not None:
            request.response_nonce = after.nonce
        if refusing:
            request.error_detail.CopyFrom(status_pb2.Status(code=3, message=refusing))
        await self.call.write(request)

    async def read(self) -> Any:
        """Read the next answer."""
        reading = self._reading or asyncio.create_task(self.call.read())
        self._reading = None
        return await asyncio.wait_for(reading, ANSWER_SECONDS)

    async def is_quiet(self) -> bool:
        """Return whether nothing more comes for a moment."""
        self._reading = self._reading or asyncio.create_task(self.call.read())
        done, _ = await asyncio.wait({self._reading}, timeout=QUIET_SECONDS)
        return not done


@contextlib.asynccontextmanager
async def open_stream(
    port: int, *, is_delta: bool = False, credentials: grpc.ChannelCredentials | None = None
) -> AsyncIterator[EdsClient]:
    """Open a stream over a connection of its own."""
    target, options = f"localhost:{port}", (("grpc.use_local_subchannel_pool", 1),)
    channel = (
        grpc.aio.secure_channel(target, credentials, options)
        if credentials
        else grpc.aio.insecure_channel(target, options)
    )
    async with channel:
        stub = eds_pb2_grpc.EndpointDiscoveryServiceStub(channel)
        call = stub.DeltaEndpoints() if is_delta else stub.StreamEndpoints()
        try:
            yield EdsClient(call)
        finally:
            call.cancel()


def read_weights(answer: Any) -> dict[str, dict[str, int]]:
    """Read an answer of either variant: each pool's addresses with their weights."""
    packed = [getattr(one, "resource", one) for one in answer.resources]
    messages = [endpoint_pb2.ClusterLoadAssignment.FromString(one.value) for one in packed]
    return {
        message.cluster_name: {
            one.endpoint.address.socket_address.address: one.load_balancing_weight.value
            for locality in message.endpoints
            for one in locality.lb_endpoints
        }
        for message in messages
    }
