"""What a pod that means harm does at a gRPC port: calls without end, and streams that stay.

All of it comes from one address, as that of one pod; what the other side answers is of no matter to it.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from readpool.keda.externalscaler_pb2 import ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand

Call = Callable[[], Any]
_OPENED_AT_ONCE = 100
_AGAIN_SECONDS = 1.0
_FIRST_ANSWER_SECONDS = 10.0
_REFLECTIONS = 400
_LONG_SYMBOL = 10_000
_OWN_CHANNEL = ("grpc.use_local_subchannel_pool", 1)


@contextlib.asynccontextmanager
async def open_channels(port: int, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Return so many channels, each with a connection of its own."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}", [_OWN_CHANNEL]))
            for _ in range(count)
        ]


async def flood(calls: Sequence[Call], stand: Stand, at_once: int) -> None:
    """Make these calls in turn, so many at once, for ever."""
    turns, arrivals = itertools.cycle(calls), Arrivals(at_once, stand)

    async def go_on(number: int) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await next(turns)()
            arrivals.note(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(go_on(number))


async def flood_activity(
    port: int, refs: Iterator[ScaledObjectRef], stand: Stand, *, connections: int, at_once: int
) -> None:
    """Ask a scaler whether these triggers are active, each once, over so many connections."""
    async with open_channels(port, connections) as channels:
        turns = itertools.cycle(channels)
        await flood([lambda: ExternalScalerStub(next(turns)).IsActive(next(refs))], stand, at_once)


async def hold_streams(openers: Sequence[Call], stand: Stand) -> None:
    """Open all of these streams and keep them; whichever ends is opened again."""
    opening, arrivals = asyncio.Semaphore(_OPENED_AT_ONCE), Arrivals(len(openers), stand)

    async def hold(number: int, open_stream: Call) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
                async with opening:
                    stream = open_stream()
                    async with asyncio.timeout(_FIRST_ANSWER_SECONDS):
                        await stream.read()
                arrivals.note(number)
                while await stream.read() is not grpc.aio.EOF:
                    pass
            arrivals.note(number)
            await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as group:
        for number, opener in enumerate(openers):
            group.create_task(hold(number, opener))


async def reflect(port: int, stand: Stand) -> None:
    """Open streams of reflection, and ask on each without end."""
    asked = (
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.reflection.v1alpha.ServerReflection"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="x" * _LONG_SYMBOL),
    )

    async def ask() -> AsyncIterator[Any]:
        for one in itertools.cycle(asked):
            yield one
            await asyncio.sleep(0)

    async with open_channels(port, 2) as channels:
        build: Any = reflection_pb2_grpc.ServerReflectionStub  # whose types are those of channels that block
        stubs = itertools.cycle([build(channel) for channel in channels])
        await hold_streams([lambda: next(stubs).ServerReflectionInfo(ask())] * _REFLECTIONS, stand)
