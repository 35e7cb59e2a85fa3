"""A scaler that comes later is asked as well: clients look for it again, and neither a call nor a stream is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest_asyncio

from readpool.clock import steady_clock
from readpool.host_port import HostPort
from readpool.keda.externalscaler_pb2 import ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.v1.observer_pb2 import Fleets as FleetsTarget
from readpool.v1.observer_pb2 import WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from scaler.server import GrpcServer
from scaler.settings import ScalerSettings
from scaler.telemetry.stats import ScalerStats
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.scaler.polling.polling import Running, run_fleets

if TYPE_CHECKING:
    from readpool.keda.externalscaler_pb2_grpc import ExternalScalerAsyncStub  # both exist in the typed stub only
    from readpool.v1.observer_pb2_grpc import ObserverAsyncStub

NAME = "scaler.readpool."
CONNECTION_SECONDS = 0.5
REF = ScaledObjectRef(
    name="core",
    namespace="stellar",
    scalerMetadata={"service": "core", "port": "11626", "targetReplicas": "3", "maxReplicas": "10"},
)


@asynccontextmanager
async def run_server(host: str, port: int = 0) -> AsyncIterator[tuple[int, Running]]:
    """Serve at an address; yield the port and the fleets that are watched for who asked there."""
    settings = ScalerSettings(listen=HostPort(host, port))
    async with run_fleets() as running:
        stats, clock = ScalerStats(), steady_clock()
        server = GrpcServer(settings, running.fleets, stats, clock, connection_seconds=CONNECTION_SECONDS)
        await server.start()
        try:
            yield server.port, running
        finally:
            await server.drain(1.0)


@pytest_asyncio.fixture
async def names() -> AsyncIterator[FakeDns]:
    async with run_dns() as server:
        yield server


def open_channel(names: FakeDns, port: int) -> grpc.aio.Channel:
    """Open a channel as KEDA does: to all addresses of a name, in turn."""
    options = [
        ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
        ("grpc.dns_min_time_between_resolutions_ms", 100),
    ]
    return grpc.aio.insecure_channel(f"dns://127.0.0.1:{names.port}/{NAME}:{port}", options)


async def test_a_scaler_that_comes_later_is_asked_too_and_nothing_is_lost(names: FakeDns) -> None:
    names.records[NAME, "A"] = ["127.0.0.1"]
    async with run_server("127.0.0.1") as (port, first), open_channel(names, port) as channel:
        keda: ExternalScalerAsyncStub = ExternalScalerStub(channel)
        observer: ObserverAsyncStub = ObserverStub(channel)
        await keda.IsActive(REF)
        stream = observer.Watch(WatchRequest(fleets=FleetsTarget()))
        await stream.read()
        async with run_server("127.0.0.2", port) as (_, second):
            names.records[NAME, "A"].append("127.0.0.2")
            async with asyncio.timeout(20):
                while not second.fleets.all():
                    await keda.IsActive(REF)
                    await asyncio.sleep(0.01)
            for _ in range(300):  # over several connections
                await keda.IsActive(REF)
                await asyncio.sleep(0.01)
            assert [fleet.name for fleet in first.fleets.all()] == [fleet.name for fleet in second.fleets.all()]
            assert not stream.done()
        stream.cancel()
