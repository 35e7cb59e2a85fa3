"""A gRPC proxy that knows KEDA's contract as it was before floats and StreamMetricSpec, and passes on what it knows.

What KEDA hears through it is what a pair of an older contract would say to each other: integers alone, no pushed specs.
It runs in a pod on our image: `python float_stripping_proxy.py LISTEN_ADDRESS SCALER_ADDRESS`.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from readpool.keda import externalscaler_pb2

SERVICE = "externalscaler.ExternalScaler"
_NEWER_FIELDS = {"MetricSpec": "targetSizeFloat", "MetricValue": "metricValueFloat"}
_NEWER_METHOD = "StreamMetricSpec"
_Context = grpc.aio.ServicerContext[Any, Any]
_ROUND_ROBIN = (("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),)


def build_old_service() -> ServiceDescriptor:
    """Build the service of the older contract: our own descriptor less what came later."""
    file = descriptor_pb2.FileDescriptorProto()
    externalscaler_pb2.DESCRIPTOR.CopyToProto(file)
    for message in file.message_type:
        kept = [field for field in message.field if field.name != _NEWER_FIELDS.get(message.name)]
        del message.field[:]
        message.field.extend(kept)
    (service,) = file.service
    methods = [method for method in service.method if method.name != _NEWER_METHOD]
    del service.method[:]
    service.method.extend(methods)
    pool = DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName(SERVICE)


def read_as_old(method: MethodDescriptor, answer: bytes) -> Message:
    """Read an answer as one who knows the older contract alone: what came later is not there."""
    message: Message = GetMessageClass(method.output_type).FromString(answer)
    message.DiscardUnknownFields()
    return message


def _write(message: Message) -> bytes:
    return message.SerializeToString()


def build_handler(channel: grpc.aio.Channel, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
    """Build the handler that passes each method of the older contract on over `channel`."""
    build = {False: _build_unary, True: _build_stream}
    handlers = {method.name: build[method.server_streaming](channel, method) for method in service.methods}
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _build_unary(channel: grpc.aio.Channel, method: MethodDescriptor) -> "grpc.RpcMethodHandler[bytes, Message]":
    ask = channel.unary_unary(f"/{SERVICE}/{method.name}", request_serializer=bytes, response_deserializer=bytes)

    async def pass_on(request: bytes, context: _Context) -> Message:
        try:
            return read_as_old(method, await ask(request))
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")

    return grpc.unary_unary_rpc_method_handler(pass_on, response_serializer=_write)


def _build_stream(channel: grpc.aio.Channel, method: MethodDescriptor) -> "grpc.RpcMethodHandler[bytes, Message]":
    ask = channel.unary_stream(f"/{SERVICE}/{method.name}", request_serializer=bytes, response_deserializer=bytes)

    async def pass_on(request: bytes, context: _Context) -> AsyncIterator[Message]:
        try:
            async for answer in ask(request):
                yield read_as_old(method, answer)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")

    return grpc.unary_stream_rpc_method_handler(pass_on, response_serializer=_write)


async def serve(listen: str, scaler: str) -> None:
    """Serve at `listen` until SIGTERM, passing on to `scaler`; the first line says at which port."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with grpc.aio.insecure_channel(scaler, _ROUND_ROBIN) as channel:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((build_handler(channel, build_old_service()),))
        print(server.add_insecure_port(listen), flush=True)  # noqa: T201  # for whoever chose port 0
        await server.start()
        await ended.wait()
        await server.stop(1.0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
