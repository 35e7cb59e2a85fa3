"""A pod that means harm at the scaler's gRPC port: the real process, and what others are answered meanwhile."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from readpool.keda.externalscaler_pb2 import GetMetricSpecResponse, IsActiveResponse, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.v1.observer_pb2 import Fleets, Trigger, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from tests.component.other_caller import calling_from
from tests.component.scaler.services.call_codes import ANSWER_SECONDS, EXHAUSTED, INVALID, find_code
from tests.component.scaler_process import ScalerProcess, run_scaler

STREAMS, FLEETS = 40, 5
OF_NAMESPACE = STREAMS
health: Any = health_pb2_grpc.HealthStub  # whose types are those of channels that block
reflection: Any = reflection_pb2_grpc.ServerReflectionStub


@pytest.fixture
def scaler() -> Iterator[ScalerProcess]:
    flags = ("--streams-per-caller", str(STREAMS), "--fleets-per-namespace", str(FLEETS))
    with run_scaler(*flags, "--dns-server", "127.0.0.1:9") as process:
        yield process


@pytest_asyncio.fixture
async def hostile(scaler: ScalerProcess) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        yield channel


@pytest_asyncio.fixture
async def keda(scaler: ScalerProcess) -> AsyncIterator[grpc.aio.Channel]:
    """KEDA calls from an address of its own."""
    async with calling_from("127.0.0.2", scaler.grpc) as address, grpc.aio.insecure_channel(address) as channel:
        yield channel


def build_ref(namespace: str, **metadata: str) -> ScaledObjectRef:
    given = {"service": "core", "port": "11626", "targetReplicas": "3", **metadata}
    return ScaledObjectRef(name="core", namespace=namespace, scalerMetadata=given)


def read_metric(scaler: ScalerProcess, what: str, share: str) -> float:
    with urlopen(f"http://{scaler.telemetry}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(
        rf'^readpool_refused_requests_total{{resource="{what}",scope="{share}"}} (\S+)$', text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("kind", ["push", "observer", "all fleets", "reflection", "health"])
async def test_streams_that_one_caller_holds_leave_all_others_theirs(
    hostile: grpc.aio.Channel, keda: grpc.aio.Channel, kind: str
) -> None:
    async def ask_services() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        await asyncio.sleep(ANSWER_SECONDS)

    def open_stream(channel: grpc.aio.Channel, namespace: str) -> Any:
        if kind == "push":
            return ExternalScalerStub(channel).StreamIsActive(build_ref(namespace))
        if kind == "observer":
            given = build_ref(namespace).scalerMetadata
            return ObserverStub(channel).Watch(WatchRequest(trigger=Trigger(namespace=namespace, metadata=given)))
        if kind == "all fleets":
            return ObserverStub(channel).Watch(WatchRequest(fleets=Fleets(namespace=namespace)))
        if kind == "health":
            return health(channel).Watch(health_pb2.HealthCheckRequest())
        return reflection(channel).ServerReflectionInfo(ask_services())

    if kind == "all fleets":  # whose first message comes with a fleet
        await ExternalScalerStub(keda).IsActive(build_ref("evil"))
    most = {"push": STREAMS, "observer": STREAMS // 2, "all fleets": 8, "reflection": 8, "health": 50}[kind]
    calls = [open_stream(hostile, "evil") for _ in range(most + 5)]
    codes = await asyncio.gather(*map(find_code, calls))
    assert codes.count(grpc.StatusCode.OK) == most
    assert set(codes) == {grpc.StatusCode.OK, EXHAUSTED}
    assert await find_code(open_stream(keda, "evil")) is grpc.StatusCode.OK
    assert await find_code(ExternalScalerStub(keda).IsActive(build_ref("victim"))) is grpc.StatusCode.OK
    for call in calls:
        call.cancel()


async def test_a_caller_that_names_others_namespaces_takes_nothing_of_theirs(
    hostile: grpc.aio.Channel, keda: grpc.aio.Channel
) -> None:
    taken = [ExternalScalerStub(hostile).StreamIsActive(build_ref("victim")) for _ in range(STREAMS + 1)]
    assert (await asyncio.gather(*map(find_code, taken))).count(EXHAUSTED) == 1
    own = [ExternalScalerStub(keda).StreamIsActive(build_ref("victim")) for _ in range(STREAMS)]
    assert set(await asyncio.gather(*map(find_code, own))) == {grpc.StatusCode.OK}
    for call in (*taken, *own):
        call.cancel()


async def test_fleets_without_end_of_one_namespace_leave_room_for_others_and_are_counted_and_logged_seldom(
    scaler: ScalerProcess, hostile: grpc.aio.Channel, keda: grpc.aio.Channel
) -> None:
    watch = ObserverStub(hostile).Watch
    for lag in range(1, FLEETS + 1):
        assert await ExternalScalerStub(hostile).IsActive(build_ref("evil", lagThreshold=str(lag))) == IsActiveResponse(
            result=True
        )
    for lag in range(100, 120):
        metadata = {**build_ref("evil").scalerMetadata, "lagThreshold": str(lag)}
        assert await find_code(watch(WatchRequest(trigger=Trigger(namespace="evil", metadata=metadata)))) is EXHAUSTED
    other = Trigger(namespace="victim", metadata=build_ref("victim").scalerMetadata)
    for channel in (hostile, keda):
        call = ObserverStub(channel).Watch(WatchRequest(trigger=other))
        assert await find_code(call) is grpc.StatusCode.OK
        call.cancel()
    assert await asyncio.to_thread(read_metric, scaler, "fleets", "namespace") == 20
    refusals = scaler.events_named("callerRefused")
    assert 1 <= len(refusals) <= 3
    assert refusals[0]["message"] == f"127.0.0.1 has {FLEETS} fleets for namespace evil, at most {FLEETS} are allowed"


async def test_bytes_that_are_no_request_are_refused_without_a_line(
    scaler: ScalerProcess, hostile: grpc.aio.Channel
) -> None:
    service = "/externalscaler.ExternalScaler/"
    before = len(scaler.events)
    for _ in range(20):
        call: Any = hostile.unary_unary(f"{service}GetMetrics")
        stream: Any = hostile.unary_stream(f"{service}StreamIsActive")
        assert await find_code(call(b"\xff\xff\xff")) is INVALID
        assert await find_code(stream(b"\xff\xff\xff")) is INVALID
    assert scaler.events[before:] == []


async def test_triggers_without_end_and_names_without_end_are_few_and_short_lines(
    scaler: ScalerProcess, hostile: grpc.aio.Channel, keda: grpc.aio.Channel
) -> None:
    stub = ExternalScalerStub(hostile)
    for number in range(300):
        code = await find_code(stub.IsActive(build_ref("evil", **{f"key{number}": "1"})))
        assert code is INVALID
    long = "\x01" * 60_000
    for namespace, name in ((long, "core"), ("evil", long)):
        ref = ScaledObjectRef(name=name, namespace=namespace, scalerMetadata={"service": long, long: long})
        assert await find_code(stub.IsActive(ref)) is INVALID
    assert await find_code(ExternalScalerStub(keda).IsActive(build_ref("victim", nonsense="1"))) is INVALID
    line = await asyncio.to_thread(scaler.wait_for, "triggerRefused", namespace="victim")
    assert "nonsense" in line["message"]
    lines = scaler.events_named("triggerRefused")
    assert len(lines) <= 30
    assert all(len(str(line)) < 5000 for line in lines)


async def test_the_default_answer_is_still_given_for_a_trigger_that_is_refused(hostile: grpc.aio.Channel) -> None:
    answer: GetMetricSpecResponse = await ExternalScalerStub(hostile).GetMetricSpec(build_ref("evil", nonsense="1"))
    assert [spec.metricName for spec in answer.metricSpecs] == ["desiredReplicas"]
