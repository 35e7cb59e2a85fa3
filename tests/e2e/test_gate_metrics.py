"""What KEDA is told of readers: the real scaler process, asked by gRPC, and gates, in one test those of a real Envoy.

Reads are sent at a known pace, so that what comes out can be held against it.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
import pytest_asyncio

from controller.gate.gate_listeners import READ_PATHS, GatePorts
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import build_request, read_status, run_gate, send
from devtools.machine.ports import take_ports
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.component.controller.gate.gate_stage import QUESTION
from tests.component.core_nodes import run_core_nodes
from tests.component.scaler.polling.fake_gates import run_gates
from tests.component.scaler_process import ScalerProcess, run_scaler
from tests.recording_core import run_recording_core

if TYPE_CHECKING:
    from readpool.keda.externalscaler_pb2_grpc import ExternalScalerAsyncStub  # exists in the typed stub only

RATE, LATENCY, ERRORS = "requestsPerSecond", "requestLatencyP90Milliseconds", "requestErrorPercent"
READS_PER_SECOND = 20.0
DEADLINE_SECONDS = 40.0


@pytest.fixture(scope="module")
def scaler() -> Iterator[ScalerProcess]:
    with run_scaler("--allow-static-nodes", "--allow-loopback-nodes", "--poll-interval", "0.5") as process:
        yield process


@pytest_asyncio.fixture
async def keda(scaler: ScalerProcess) -> AsyncIterator["ExternalScalerAsyncStub"]:
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        yield ExternalScalerStub(channel)


class Asker:
    """Asks for metrics of one trigger as the HPA does, and keeps every value that was told."""

    def __init__(self, keda: "ExternalScalerAsyncStub", nodes: str, stats_port: int) -> None:
        self._keda = keda
        metadata = {"nodes": nodes, "targetReplicas": "1", "statsPort": str(stats_port), "metric": RATE}
        self._ref = ScaledObjectRef(name="reads", namespace="stellar", scalerMetadata=metadata)
        self.told: list[float] = []
        self.refused: set[str] = set()

    async def ask(self, metric: str) -> float | None:
        """Ask once; None while there is no value, whose reason is kept."""
        try:
            answer = await self._keda.GetMetrics(GetMetricsRequest(scaledObjectRef=self._ref, metricName=metric))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            self.refused.add((error.details() or "").partition(":")[0])
            return None
        value = answer.metricValues[0].metricValueFloat
        self.told.append(value)
        return value

    async def wait_for(self, metric: str, lowest: float, highest: float) -> float:
        """Ask until a value is within these bounds, and return it."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                value = await self.ask(metric)
                if value is not None and lowest <= value <= highest:
                    return value
                await asyncio.sleep(0.1)

    async def wait_until_unknown(self, metric: str) -> None:
        """Ask until there is no value."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await self.ask(metric) is not None:  # noqa: ASYNC110 - another process knows when
                await asyncio.sleep(0.1)


async def read_steadily(port: int, statuses: list[int]) -> None:
    """Send READS_PER_SECOND reads, one after the other, and keep each answer's status; 0 where there was none."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        try:
            statuses.append(read_status(await send(port, build_request("POST", READ_PATHS[0], QUESTION))))
        except OSError:
            statuses.append(0)  # the gate is being started anew
        due = max(due + 1 / READS_PER_SECOND, loop.time() - 1.0)
        await asyncio.sleep(due - loop.time())


@contextlib.asynccontextmanager
async def reading(port: int) -> AsyncIterator[list[int]]:
    """Read at a steady pace for as long as the block runs."""
    statuses: list[int] = []
    reader = asyncio.create_task(read_steadily(port, statuses))
    try:
        yield statuses
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def test_readers_of_a_real_gate_are_counted_and_a_restart_makes_nothing_absurd(
    keda: "ExternalScalerAsyncStub", tmp_path: Path
) -> None:
    envoy, ports = require_envoy(), GatePorts(*take_ports(3))
    async with run_core_nodes(1) as (core,), run_recording_core() as query, reading(ports.read) as statuses:
        command_port = int(core.url.rpartition(":")[2])
        asker = Asker(keda, f"http://127.0.0.1:{ports.info}", ports.stats)
        async with run_gate(envoy, tmp_path, command_port, query.port, ports):
            await asker.wait_for(RATE, 0.85 * READS_PER_SECOND, 1.15 * READS_PER_SECOND)
            assert await asker.wait_for(LATENCY, 0.01, 1000.0)
            query.status = b"503 Busy"
            await asker.wait_for(ERRORS, 20.0, 100.0)
            query.status = b"200 OK"
        await asker.wait_until_unknown(RATE)
        answered = statuses.count(200)
        asker.told.clear()
        async with run_gate(envoy, tmp_path, command_port, query.port, ports):
            await asker.wait_for(RATE, 0.85 * READS_PER_SECOND, 1.15 * READS_PER_SECOND)
        assert all(0 <= value <= 1.5 * READS_PER_SECOND for value in asker.told)
        assert statuses.count(200) > answered
    assert "RequestsUnknown" in asker.refused


async def test_what_a_gate_counts_goes_out_as_it_is_and_its_restart_as_no_value(
    keda: "ExternalScalerAsyncStub",
) -> None:
    async with run_core_nodes(1) as (core,), run_gates(200.0, failing=0.1) as (gate,):
        asker = Asker(keda, core.url, gate.port)
        await asker.wait_for(RATE, 180.0, 220.0)
        await asker.wait_for(ERRORS, 9.0, 11.0)
        await asker.wait_for(LATENCY, 9.4, 9.6)
        gate.restart()
        await asker.wait_until_unknown(RATE)
        await asker.wait_for(RATE, 180.0, 220.0)
        assert all(math.isfinite(value) and 0 <= value <= 220.0 for value in asker.told)
    assert asker.refused <= {"StillObserving", "NoTip", "RequestsUnknown"}
