"""The stand-in's KEDA side over real gRPC, against a small scaler that answers what it is told to."""

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from readpool.cli.clients.keda_client import KedaClient, KedaError, MetricReading, MetricTarget
from readpool.keda import externalscaler_pb2 as pb
from tests.component.answering_scaler import AnsweringScaler, serve_answers


@pytest_asyncio.fixture
async def scaler() -> AsyncIterator[AnsweringScaler]:
    async with serve_answers() as servicer:
        yield servicer


@pytest_asyncio.fixture
async def keda(scaler: AnsweringScaler) -> AsyncIterator[KedaClient]:
    metadata = {"scalerAddress": f"127.0.0.1:{scaler.port}", "service": "core", "port": "11626"}
    async with KedaClient("stellar", "core", metadata, trigger_index=2) as client:
        yield client


async def test_metric_names_get_the_prefix_of_their_trigger_and_floats_go_first(
    scaler: AnsweringScaler, keda: KedaClient
) -> None:
    scaler.specs = [
        pb.MetricSpec(metricName="desiredReplicas", targetSize=9, targetSizeFloat=1.5),
        pb.MetricSpec(metricName="maxLag", targetSize=7),
    ]
    assert await keda.fetch_metric_targets() == (
        MetricTarget("s2-desiredReplicas", 1.5),
        MetricTarget("s2-maxLag", 7.0),
    )


@pytest.mark.parametrize(
    ("values", "read"),
    [
        pytest.param([(3, 3.25)], 3.25, id="the float"),
        pytest.param([(3, 0.0)], 3.0, id="the integer where the float is 0"),
        pytest.param([(3, float("nan"))], 3.0, id="the integer where the float is NaN"),
        pytest.param([(3, -1.0)], 3.0, id="the integer where the float is negative"),
        pytest.param([(3, float("inf"))], 0.0, id="infinity is written as 0"),
        pytest.param([(-3, 0.0)], 0.0, id="a negative integer is written as 0"),
        pytest.param([(0, 1.00049)], 1.0, id="three decimals"),
        pytest.param([(1, 0.0), (0, 2.5)], 3.5, id="several values are added up"),
    ],
)
async def test_the_value_of_a_metric_is(
    scaler: AnsweringScaler, keda: KedaClient, values: list[tuple[int, float]], read: float
) -> None:
    scaler.values = [
        pb.MetricValue(metricName="m", metricValue=whole, metricValueFloat=exact) for whole, exact in values
    ]
    assert await keda.fetch_metric("s2-m") == MetricReading(read, is_active=True)


async def test_get_metrics_is_asked_without_the_prefix_and_is_active_after_it(
    scaler: AnsweringScaler, keda: KedaClient
) -> None:
    scaler.active = False
    scaler.values = [pb.MetricValue(metricName="desired-replicas", metricValue=3)]
    assert not (await keda.fetch_metric("s2-desired-replicas")).is_active
    (first, request), (second, reference) = scaler.calls
    assert (first, second) == ("GetMetrics", "IsActive")
    assert isinstance(request, pb.GetMetricsRequest)
    assert request.metricName == "desired-replicas"
    assert request.scaledObjectRef == reference
    assert dict(request.scaledObjectRef.scalerMetadata)["scalerAddress"].startswith("127.0.0.1:"), (
        "KEDA sends its own keys too"
    )


async def test_a_refusal_names_its_code_and_the_scalers_own_words(scaler: AnsweringScaler, keda: KedaClient) -> None:
    scaler.refusal = (grpc.StatusCode.UNAVAILABLE, "the network has halted")
    with pytest.raises(KedaError, match="UNAVAILABLE: the network has halted"):
        await keda.fetch_metric("s2-m")
    with pytest.raises(KedaError, match="UNAVAILABLE"):
        await keda.fetch_metric_targets()


async def test_an_answer_without_a_value_gives_the_hpa_none(scaler: AnsweringScaler, keda: KedaClient) -> None:
    scaler.values = []
    with pytest.raises(KedaError, match="no matching metrics found for s2-m"):
        await keda.fetch_metric("s2-m")


async def test_a_name_without_the_prefix_is_refused_before_anything_is_asked(
    scaler: AnsweringScaler, keda: KedaClient
) -> None:
    with pytest.raises(ValueError, match="must start with 's2-'"):
        await keda.fetch_metric("s1-m")
    assert scaler.calls == []


async def test_a_scaler_that_is_not_there_is_an_error_too() -> None:
    async with KedaClient("stellar", "core", {"scalerAddress": "127.0.0.1:1"}) as keda:
        with pytest.raises(KedaError, match="UNAVAILABLE"):
            await keda.fetch_metric("s0-m")
