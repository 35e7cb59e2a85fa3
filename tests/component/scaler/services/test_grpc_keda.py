"""KEDA's contract on the wire: the real scaler process, real gRPC, real nodes, asked in the order KEDA asks in."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import pytest
import pytest_asyncio

from readpool.keda.externalscaler_pb2 import GetMetricsRequest, GetMetricsResponse, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.component.core_nodes import CoreNode, run_core_nodes
from tests.component.scaler_process import ScalerProcess, run_scaler

if TYPE_CHECKING:
    from readpool.keda.externalscaler_pb2_grpc import ExternalScalerAsyncStub  # exists in the typed stub only

DEAD = "http://127.0.0.1:9"
GROUND_SECONDS = 20.0


@pytest.fixture(scope="module")
def scaler() -> Iterator[ScalerProcess]:
    with run_scaler("--allow-static-nodes", "--allow-loopback-nodes", "--poll-interval", "0.2") as process:
        yield process


@pytest_asyncio.fixture
async def keda(scaler: ScalerProcess) -> AsyncIterator["ExternalScalerAsyncStub"]:
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        yield ExternalScalerStub(channel)


@pytest_asyncio.fixture
async def nodes() -> AsyncIterator[list[CoreNode]]:
    async with run_core_nodes(3) as running:
        yield running


def build_ref(*nodes: CoreNode, **metadata: str) -> ScaledObjectRef:
    """Build what KEDA sends for one trigger; without nodes, of one that nobody answers for."""
    urls = ",".join(node.url for node in nodes) or DEAD
    given = {"scalerAddress": "readpool:9090", "nodes": urls, "targetReplicas": "3", "maxReplicas": "10", **metadata}
    return ScaledObjectRef(name="core", namespace="stellar", scalerMetadata=given)


async def ask_until_ground(keda: "ExternalScalerAsyncStub", request: GetMetricsRequest) -> GetMetricsResponse:
    """Ask as the HPA does, again and again, until there is a value."""
    deadline = time.monotonic() + GROUND_SECONDS
    while True:
        try:
            return await keda.GetMetrics(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


async def refuse(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """Return the error that a call must end with."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value


async def test_the_first_question_starts_observing_and_never_waits_for_a_poll(
    keda: "ExternalScalerAsyncStub", nodes: list[CoreNode]
) -> None:
    request = GetMetricsRequest(scaledObjectRef=build_ref(*nodes), metricName="desiredReplicas")
    error = await refuse(keda.GetMetrics(request))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    reason, _, sentence = (error.details() or "").partition(": ")
    assert reason.isidentifier()
    assert sentence
    values = (await ask_until_ground(keda, request)).metricValues
    assert [(v.metricName, v.metricValue, v.metricValueFloat) for v in values] == [("desiredReplicas", 3, 3.0)]


async def test_keda_2_5_asks_with_the_triggers_number_and_with_keys_of_its_own(
    keda: "ExternalScalerAsyncStub", nodes: list[CoreNode]
) -> None:
    ref = build_ref(*nodes, tlsCertFile="/tls/ca.crt")
    (spec,) = (await keda.GetMetricSpec(ref)).metricSpecs
    request = GetMetricsRequest(scaledObjectRef=ref, metricName=f"s0-{spec.metricName}")
    values = (await ask_until_ground(keda, request)).metricValues
    assert [(v.metricName, v.metricValue) for v in values] == [("s0-desiredReplicas", 3)]


async def test_asking_for_the_metric_spec_starts_observing_as_well(
    keda: "ExternalScalerAsyncStub", nodes: list[CoreNode]
) -> None:
    await keda.GetMetricSpec(build_ref(*nodes))
    deadline = time.monotonic() + GROUND_SECONDS
    while min(node.polls for node in nodes) < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_the_metric_spec_is_the_same_twice_whatever_the_nodes_do(keda: "ExternalScalerAsyncStub") -> None:
    first, second = [await keda.GetMetricSpec(build_ref()) for _ in range(2)]
    assert first == second
    assert [(s.metricName, s.targetSize, s.targetSizeFloat) for s in first.metricSpecs] == [("desiredReplicas", 1, 1.0)]


@pytest.mark.parametrize(("target", "size"), [("0.25", 1), ("2.5", 3), ("100", 100)])
async def test_the_target_goes_out_as_float_and_rounded_up_for_old_keda(
    keda: "ExternalScalerAsyncStub", target: str, size: int
) -> None:
    ref = build_ref(metric="maxLag", targetValue=target)
    (spec,) = (await keda.GetMetricSpec(ref)).metricSpecs
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == ("maxLag", size, float(target))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        pytest.param({}, True, id="a pool that nobody answers for"),
        pytest.param({"targetReplicas": "0", "minReplicas": "0"}, False, id="a pool that should be empty"),
        pytest.param({"targetReplicas": "1", "minReplicas": "0"}, True, id="one replica wanted"),
    ],
)
async def test_activation_comes_from_the_trigger_alone(
    keda: "ExternalScalerAsyncStub", bounds: dict[str, str], expected: bool
) -> None:
    assert (await keda.IsActive(build_ref(**bounds))).result is expected


async def test_metrics_then_activation_as_keda_asks_on_each_poll(
    keda: "ExternalScalerAsyncStub", nodes: list[CoreNode]
) -> None:
    ref = build_ref(*nodes, metric="freshReplicas")
    (spec,) = (await keda.GetMetricSpec(ref)).metricSpecs
    request = GetMetricsRequest(scaledObjectRef=ref, metricName=spec.metricName)
    deadline = time.monotonic() + GROUND_SECONDS
    while (await ask_until_ground(keda, request)).metricValues[0].metricValueFloat != 3.0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert (await keda.IsActive(ref)).result is True


async def test_nothing_lagging_goes_out_as_zero(keda: "ExternalScalerAsyncStub", nodes: list[CoreNode]) -> None:
    request = GetMetricsRequest(
        scaledObjectRef=build_ref(*nodes, metric="laggingReplicas"), metricName="laggingReplicas"
    )
    (value,) = (await ask_until_ground(keda, request)).metricValues
    assert (value.metricValue, value.metricValueFloat) == (0, 0.0)


async def test_an_unknown_metric_name_is_refused_with_those_that_are_known(keda: "ExternalScalerAsyncStub") -> None:
    error = await refuse(keda.GetMetrics(GetMetricsRequest(scaledObjectRef=build_ref(), metricName="freshness")))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert "'freshness'" in (error.details() or "")
    assert "desiredReplicas" in (error.details() or "")


REFUSING: list[Callable[["ExternalScalerAsyncStub", ScaledObjectRef], Awaitable[Any]]] = [
    lambda keda, ref: keda.IsActive(ref),
    lambda keda, ref: keda.GetMetrics(GetMetricsRequest(scaledObjectRef=ref, metricName="desiredReplicas")),
    lambda keda, ref: keda.StreamIsActive(ref).read(),
    lambda keda, ref: keda.StreamMetricSpec(ref).read(),
]
REFUSING_NAMES = ["IsActive", "GetMetrics", "StreamIsActive", "StreamMetricSpec"]


async def test_a_bad_trigger_is_refused_where_keda_passes_the_reason_on_and_logged_once(
    scaler: ScalerProcess, keda: "ExternalScalerAsyncStub"
) -> None:
    ref = build_ref(lagTreshold="5")
    for method in REFUSING:
        error = await refuse(method(keda, ref))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "lagTreshold" in (error.details() or "")
    said = scaler.wait_for("triggerRefused", namespace="stellar", scaledObject="core", message=error.details())
    assert scaler.events_named("triggerRefused").count(said) == 1


@pytest.mark.parametrize(
    "metadata", [{"lagTreshold": "5"}, {"metric": "freshness"}, {"targetReplicas": "three"}, {"pool": "core"}]
)
async def test_the_metric_spec_of_a_refused_trigger_is_the_default_so_that_keda_asks_on_and_hears_why(
    keda: "ExternalScalerAsyncStub", metadata: dict[str, str]
) -> None:
    specs = await keda.GetMetricSpec(build_ref(**metadata))
    unnamed = ScaledObjectRef(name="core", namespace="stellar")
    assert specs == await keda.GetMetricSpec(unnamed)
    assert [(s.metricName, s.targetSize, s.targetSizeFloat) for s in specs.metricSpecs] == [("desiredReplicas", 1, 1.0)]


@pytest.mark.parametrize("method", REFUSING, ids=REFUSING_NAMES)
async def test_a_trigger_by_pool_is_refused_where_none_are_read(keda: "ExternalScalerAsyncStub", method: Any) -> None:
    ref = ScaledObjectRef(name="core", namespace="stellar", scalerMetadata={"pool": "core"})
    error = await refuse(method(keda, ref))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "start it with --pools" in (error.details() or "")


@pytest.mark.parametrize("asked", ["desiredReplicas", "s0-desiredReplicas", "s12-desiredReplicas"])
async def test_a_metric_is_known_by_the_name_that_old_keda_asks_by(keda: "ExternalScalerAsyncStub", asked: str) -> None:
    error = await refuse(keda.GetMetrics(GetMetricsRequest(scaledObjectRef=build_ref(), metricName=asked)))
    assert error.code() is grpc.StatusCode.UNAVAILABLE, "nobody answers, and the name was understood"


@pytest.mark.parametrize("asked", ["s-desiredReplicas", "s0-", "0-desiredReplicas", "s0-s1-desiredReplicas"])
async def test_a_name_that_is_none_is_refused_whatever_stands_before_it(
    keda: "ExternalScalerAsyncStub", asked: str
) -> None:
    error = await refuse(keda.GetMetrics(GetMetricsRequest(scaledObjectRef=build_ref(), metricName=asked)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_streams_push_at_once_what_the_calls_answer(keda: "ExternalScalerAsyncStub") -> None:
    ref = build_ref(metric="maxLag", targetValue="2")
    activation, spec = keda.StreamIsActive(ref), keda.StreamMetricSpec(ref)
    assert await activation.read() == await keda.IsActive(ref)
    assert await spec.read() == await keda.GetMetricSpec(ref)
    activation.cancel()
    spec.cancel()


async def test_cancelled_calls_and_streams_leave_the_next_ones_alone(keda: "ExternalScalerAsyncStub") -> None:
    ref = build_ref()
    calls: list[Any] = [keda.GetMetricSpec(ref) for _ in range(100)]
    calls += [method(keda, ref) for method in REFUSING[:2] for _ in range(100)]
    streams = [keda.StreamIsActive(ref) for _ in range(100)]
    for call in (*calls, *streams):
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert (await keda.IsActive(ref)).result is True


async def test_a_thousand_different_triggers_cost_bounded_memory(
    scaler: ScalerProcess, keda: "ExternalScalerAsyncStub"
) -> None:
    process = psutil.Process(scaler.process.pid)

    async def ask(numbers: range) -> None:
        for number in numbers:
            await keda.IsActive(build_ref(metric="maxLag", targetValue=str(number + 1)))
            await refuse(keda.IsActive(build_ref(**{f"key{number}": "x" * 10_000})))

    await asyncio.gather(*(ask(range(start, start + 25)) for start in range(0, 250, 25)))
    before = process.memory_info().rss
    await asyncio.gather(*(ask(range(start, start + 125)) for start in range(250, 1000, 125)))
    assert process.memory_info().rss - before < 64 * 1024 * 1024


async def test_a_trigger_larger_than_any_real_one_is_refused_and_the_next_call_served(
    keda: "ExternalScalerAsyncStub",
) -> None:
    error = await refuse(keda.IsActive(build_ref(nodes="http://127.0.0.1:9," * 20_000)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await keda.IsActive(build_ref())).result is True
