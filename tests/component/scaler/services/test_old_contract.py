"""What KEDA of an older contract, integers only and no pushed specs, reads in our answers: the same, rounded up."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from readpool.keda import externalscaler_pb2 as pb
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from scaler.policy.policy import Bounds
from scaler.services.keda_messages import build_metric_specs, build_metric_values
from scaler.triggers.fleet_spec import FleetSpec, ServiceSource
from scaler.triggers.metric import Metric
from scaler.triggers.trigger import Trigger
from tests.component.answering_scaler import AnsweringScaler, serve_answers
from tests.e2e.cluster import float_stripping_proxy as proxy

OLD = proxy.build_old_service().methods_by_name
FLEET = FleetSpec("stellar", ServiceSource("core", 11626), Bounds(1, 3, 9))


def test_the_old_contract_has_neither_floats_nor_pushed_specs() -> None:
    assert sorted(OLD) == ["GetMetricSpec", "GetMetrics", "IsActive", "StreamIsActive"]
    spec = OLD["GetMetricSpec"].output_type.file.message_types_by_name["MetricSpec"]
    value = OLD["GetMetrics"].output_type.file.message_types_by_name["MetricValue"]
    assert [field.name for field in spec.fields] == ["metricName", "targetSize"]
    assert [field.name for field in value.fields] == ["metricName", "metricValue"]


@pytest.mark.parametrize(("target", "size"), [(0.25, 1), (1.0, 1), (2.5, 3), (100.0, 100)])
def test_old_stubs_read_the_target_as_a_whole_number(target: float, size: int) -> None:
    answer = build_metric_specs(Trigger(FLEET, Metric.MAX_LAG, target))
    old = proxy.read_as_old(OLD["GetMetricSpec"], answer.SerializeToString())
    assert str(old) == f'metricSpecs {{\n  metricName: "maxLag"\n  targetSize: {size}\n}}\n'


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(3.0, "metricValue: 3", id="a count"),
        pytest.param(12.5, "metricValue: 13", id="a fraction, rounded up as the HPA would"),
        pytest.param(0.2, "metricValue: 1", id="less than one"),
        pytest.param(0.0, "", id="nothing"),
    ],
)
def test_old_stubs_read_a_value_as_a_whole_number(value: float, read: str) -> None:
    answer = build_metric_values(Metric.P90_LAG, value)
    old = proxy.read_as_old(OLD["GetMetrics"], answer.SerializeToString())
    words = str(old).split("\n", 2)
    assert words[1].strip() == 'metricName: "p90Lag"'
    assert words[2].replace("}", "").strip() == read


@contextlib.contextmanager
def run_proxy(scaler: str) -> Iterator[str]:
    """Run the proxy as its pod does; yield its address."""
    command = [sys.executable, str(Path(proxy.__file__)), "127.0.0.1:0", scaler]
    root = str(Path(__file__).parents[4])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": root}) as process:
        try:
            assert process.stdout
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest_asyncio.fixture
async def scaler() -> AsyncIterator[AnsweringScaler]:
    async with serve_answers() as servicer:
        yield servicer


async def test_the_proxy_strips_floats_and_passes_on_all_else(scaler: AnsweringScaler) -> None:
    scaler.specs = [pb.MetricSpec(metricName="m", targetSize=3, targetSizeFloat=2.5)]
    scaler.values = [pb.MetricValue(metricName="m", metricValue=13, metricValueFloat=12.5)]
    ref = pb.ScaledObjectRef(name="core", namespace="stellar", scalerMetadata={"service": "core"})
    with run_proxy(f"127.0.0.1:{scaler.port}") as address:
        async with grpc.aio.insecure_channel(address) as channel:
            keda = ExternalScalerStub(channel)
            assert (await keda.IsActive(ref)).result is True
            specs = (await keda.GetMetricSpec(ref)).metricSpecs
            values = (await keda.GetMetrics(pb.GetMetricsRequest(scaledObjectRef=ref, metricName="m"))).metricValues
            assert [(s.metricName, s.targetSize, s.targetSizeFloat) for s in specs] == [("m", 3, 0.0)]
            assert [(v.metricName, v.metricValue, v.metricValueFloat) for v in values] == [("m", 13, 0.0)]
            assert scaler.calls[0] == ("IsActive", ref)
            scaler.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "lagTreshold: not known")
            with pytest.raises(grpc.aio.AioRpcError, match="lagTreshold: not known"):
                await keda.GetMetricSpec(ref)
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await asyncio.wait_for(keda.StreamMetricSpec(ref).read(), 10)
            assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
