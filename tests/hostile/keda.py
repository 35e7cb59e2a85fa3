"""Honest callers of a scaler: KEDA, from an address of its own and over one connection, and whoever watches a fleet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial

import grpc

from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.v1.observer_pb2 import Trigger, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from tests.component.other_caller import calling_from
from tests.hostile.part import Honest, UnansweredError

KEDA, CONTROLLER = "127.0.0.7", "127.0.0.8"
KEDA_SECONDS, WATCH_SECONDS = 0.05, 0.5
MOST_P99_MS = 50.0
VICTIM = "victim"


def build_ref(namespace: str, metadata: Mapping[str, str]) -> ScaledObjectRef:
    """Build what KEDA says of a ScaledObject."""
    return ScaledObjectRef(name="core", namespace=namespace, scalerMetadata=metadata)


@dataclass(frozen=True, slots=True)
class Keda:
    """Asks for the metric of one fleet, as KEDA does for each ScaledObject."""

    channel: grpc.aio.Channel
    metadata: Mapping[str, str]

    async def ask(self) -> None:
        """Ask once. Raises UnansweredError where there is no metric."""
        request = GetMetricsRequest(scaledObjectRef=build_ref(VICTIM, self.metadata), metricName="desiredReplicas")
        try:
            answer = await ExternalScalerStub(self.channel).GetMetrics(request)
        except grpc.aio.AioRpcError as error:
            raise UnansweredError(f"{error.code().name}: {error.details()}") from None
        if len(answer.metricValues) != 1:
            raise UnansweredError("no metric came")


@dataclass(frozen=True, slots=True)
class Watcher:
    """Begins to watch the fleet, as the controller does for each pool, and reads what comes first."""

    channel: grpc.aio.Channel
    metadata: Mapping[str, str]

    async def ask(self) -> None:
        """Watch anew. Raises UnansweredError where nothing comes."""
        trigger = Trigger(namespace=VICTIM, metadata=self.metadata)
        call = ObserverStub(self.channel).Watch(WatchRequest(trigger=trigger))
        try:
            first = await call.read()
        except grpc.aio.AioRpcError as error:
            raise UnansweredError(f"{error.code().name}: {error.details()}") from None
        finally:
            call.cancel()
        if first is grpc.aio.EOF:
            raise UnansweredError("the stream ended without a word")


@contextlib.asynccontextmanager
async def call_honestly(
    address: str, metadata: Mapping[str, str], credentials: grpc.ChannelCredentials | None = None
) -> AsyncIterator[list[Honest]]:
    """Return those who call a scaler at HOST:PORT for this fleet, once it knows what to answer KEDA."""
    open_channel = (
        partial(grpc.aio.secure_channel, credentials=credentials) if credentials else grpc.aio.insecure_channel
    )

    async with (
        calling_from(KEDA, address) as from_keda,
        calling_from(CONTROLLER, address) as from_controller,
        open_channel(from_keda) as of_keda,
        open_channel(from_controller) as of_controller,
    ):
        keda, watcher = Keda(of_keda, metadata), Watcher(of_controller, metadata)
        async with asyncio.timeout(60):
            while not await _is_answered(keda):  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.2)
        yield [
            Honest("KEDA", keda.ask, KEDA_SECONDS, is_vital=True, most_p99_ms=MOST_P99_MS),
            Honest("watchers", watcher.ask, WATCH_SECONDS, is_vital=True),
        ]


async def _is_answered(keda: Keda) -> bool:
    try:
        await keda.ask()
    except UnansweredError:
        return False
    return True
