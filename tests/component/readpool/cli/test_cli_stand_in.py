"""The stand-in for KEDA and the HPA: a real gRPC answer in, a simulated fleet of another size out."""

from collections.abc import AsyncIterator

import grpc
import pytest_asyncio

from readpool.cli.clients.keda_client import KedaClient
from readpool.cli.demo.demo_plan import build_plan
from readpool.cli.demo.stand_in import StandIn
from readpool.keda import externalscaler_pb2 as pb
from readpool.simulator.fleet import FleetSettings, SimulatedFleet, start_fleet
from tests.component.answering_scaler import AnsweringScaler, serve_answers

PLAN = build_plan(3, 90, is_core=False)


@pytest_asyncio.fixture
async def scaler() -> AsyncIterator[AnsweringScaler]:
    async with serve_answers() as servicer:
        servicer.specs = [pb.MetricSpec(metricName="desiredReplicas", targetSize=1, targetSizeFloat=1.0)]
        yield servicer


@pytest_asyncio.fixture
async def fleet() -> AsyncIterator[SimulatedFleet]:
    async with await start_fleet(FleetSettings(name="core", nodes=3)) as simulated:
        yield simulated


@pytest_asyncio.fixture
async def stand_in(scaler: AnsweringScaler, fleet: SimulatedFleet) -> AsyncIterator[StandIn]:
    async with KedaClient("demo", "core", {"scalerAddress": f"127.0.0.1:{scaler.port}"}) as keda:
        yield StandIn(keda, PLAN.hpa, fleet)


def answer(scaler: AnsweringScaler, value: float) -> None:
    scaler.values = [pb.MetricValue(metricName="desiredReplicas", metricValueFloat=value)]


async def test_the_fleet_follows_the_metric_up_at_once_and_down_after_the_window(
    scaler: AnsweringScaler, fleet: SimulatedFleet, stand_in: StandIn
) -> None:
    answer(scaler, 4.0)
    await stand_in.sync(0.0)
    assert fleet.names() == ("core-0", "core-1", "core-2", "core-3")
    answer(scaler, 3.0)
    await stand_in.sync(1.0)
    await stand_in.sync(PLAN.stabilization_seconds)
    assert len(fleet.names()) == 3, "the last 4 was said a window ago, at 0 s"


async def test_a_refusal_changes_nothing_and_is_told(
    scaler: AnsweringScaler, fleet: SimulatedFleet, stand_in: StandIn
) -> None:
    answer(scaler, 3.0)
    await stand_in.sync(0.0)
    scaler.refusal = (grpc.StatusCode.UNAVAILABLE, "the network has halted")
    sync = await stand_in.sync(100.0)
    assert (sync.metric, sync.refusal) == (None, "UNAVAILABLE: the network has halted")
    assert len(fleet.names()) == 3


async def test_the_metric_spec_is_asked_until_it_is_answered_and_its_target_counts(
    scaler: AnsweringScaler, fleet: SimulatedFleet, stand_in: StandIn
) -> None:
    scaler.refusal = (grpc.StatusCode.UNAVAILABLE, "starting")
    await stand_in.sync(0.0)
    scaler.refusal = None
    scaler.specs = [pb.MetricSpec(metricName="maxLag", targetSizeFloat=2.5)]
    answer(scaler, 10.0)
    await stand_in.sync(1.0)
    await stand_in.sync(2.0)
    assert len(fleet.names()) == 4
    assert [name for name, _ in scaler.calls].count("GetMetricSpec") == 2
