"""Both scalers are ended in an overload and started anew, as by an upgrade: no size changes, nothing is forgotten.

Real processes throughout: two scalers, a controller that keeps what they remember in the pool's status, simulated
nodes on sockets and their DNS. The API server is one in memory.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from devtools.api.small_api import SmallApi, serve_small_api
from devtools.pools.pool_manifests import ARCHIVE, build_manifest
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.kubernetes.kinds import POOL, ObjectKey
from readpool.simulator.fleet import FleetSettings, SimulatedFleet, start_fleet
from readpool.simulator.network import NetworkSettings
from readpool.simulator.node import NodeSettings
from tests.component.scaler_process import ScalerProcess, run_scaler

pytestmark = pytest.mark.timeout(240)
SECONDS = 60.0
TARGET = 3
PASSPHRASE = "Standalone Network ; February 2017"  # noqa: S105 - no secret
REF = ScaledObjectRef(name="reads", namespace="stellar", scalerMetadata={"pool": "reads"})
LEDGER_SECONDS = 1.0
UTILIZATION = 0.97


@dataclass
class Stage:
    """What the test acts on."""

    api: SmallApi
    fleet: SimulatedFleet
    flags: tuple[str, ...]

    def start_scalers(self, stack: contextlib.ExitStack, ports: tuple[int, ...]) -> list[ScalerProcess]:
        return [stack.enter_context(run_scaler(*self.flags, "--listen", f"127.0.0.1:{port}")) for port in ports]

    def remembers(self, field: str, after: str = "") -> Callable[[], Awaitable[dict[str, Any] | None]]:
        """Build what looks whether the pool's status remembers something, told after a time."""

        async def look() -> dict[str, Any] | None:
            status = self.api.objects[ObjectKey(POOL, "stellar", "reads")].get("status") or {}
            memory: dict[str, Any] = status.get("scalingMemory") or {}
            return memory if field in memory and memory["reportedAt"] > after else None

        return look


@contextlib.asynccontextmanager
async def run_stage(folder: Path) -> AsyncIterator[Stage]:
    settings = FleetSettings(
        name="reads-nodes",
        namespace="stellar",
        nodes=TARGET,
        port_name="info",
        network=NetworkSettings(passphrase=PASSPHRASE, ledger_seconds=LEDGER_SECONDS, checkpoint_ledgers=8),
        node=NodeSettings(bucket_seconds=1.0),
    )
    async with serve_small_api(folder) as (api, _), await start_fleet(settings) as fleet:
        dns = await fleet.start_dns()
        flags = ("--pools", "--kubeconfig", str(folder / "kubeconfig"), "--dns-server", dns.address)
        yield Stage(api, fleet, (*flags, "--allow-loopback-nodes", "--poll-interval", "1"))


@contextlib.asynccontextmanager
async def run_controller(folder: Path, scaler: str) -> AsyncIterator[None]:
    """Run a controller of its own process that hears this scaler."""
    command = [sys.executable, "-W", "error", "-m", "controller", "--kubeconfig", str(folder / "kubeconfig")]
    command += ["--scaler", scaler, "--lease-namespace", "stellar", "--telemetry-listen", "127.0.0.1:0"]
    with (folder / "controller.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def ask(scaler: ScalerProcess) -> float | None:
    """Ask as KEDA does; None where it has no ground to say."""
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        request = GetMetricsRequest(scaledObjectRef=REF, metricName="desiredReplicas")
        try:
            answer = await ExternalScalerStub(channel).GetMetrics(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return None
        return answer.metricValues[0].metricValueFloat


async def until(find: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait until something is found, and return it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while not (found := await find()):  # noqa: ASYNC110 - what is waited for is in other processes
                await asyncio.sleep(0.1)
            return found
    raise AssertionError(f"not within {SECONDS} s: {what}")


async def test_both_scalers_started_anew_in_an_overload_change_no_size(tmp_path: Path) -> None:
    async with run_stage(tmp_path) as stage:
        pool = build_manifest(
            "reads",
            "stellar",
            network="Custom",
            networkPassphrase=PASSPHRASE,
            historyArchiveUrls=[ARCHIVE],
            minReplicas=1,
            targetReplicas=TARGET,
            maxReplicas=9,
            replicas=TARGET,
            autoscaling={"sustainSeconds": 1},
            loadBalancing={"enabled": True, "lagThreshold": 4, "updateIntervalSeconds": 1},
            gate={"enabled": False},
        )
        stage.api.put(ObjectKey(POOL, "stellar", "reads"), pool)
        with contextlib.ExitStack() as stack:
            first = stage.start_scalers(stack, (0, 0))
            ports = tuple(int(one.grpc.rpartition(":")[2]) for one in first)
            async with run_controller(tmp_path, first[0].grpc):
                await overload(stage, first)
                known = await until(stage.remembers("surplusSince"), "the wait is remembered")
                assert known["desiredReplicas"] == TARGET + 2
                assert "overloadedAt" in known
                for one in first:
                    assert one.stop() == 0
                known = await until(stage.remembers("surplusSince"), "what they told last")
                await stage.fleet.scale(TARGET + 1)  # a pod that is made anew is not in DNS for a while
                second = stage.start_scalers(stack, ports)
                await check_nothing_changes(second, TARGET + 2)
                again = await until(stage.remembers("surplusSince", after=known["reportedAt"]), "it is told again")
                for field in ("desiredReplicas", "surplusSince", "overloadedAt"):
                    assert again[field] == known[field], field


async def overload(stage: Stage, scalers: list[ScalerProcess]) -> None:
    """Make two replicas fall behind for want of time until there are two more, as the first is asked for them."""
    busy = ("reads-nodes-0", "reads-nodes-1")
    for name in busy:
        await stage.fleet.load(name, UTILIZATION)

    async def has_grown() -> bool:
        asked = await ask(scalers[0])
        if asked is not None:
            await stage.fleet.scale(max(len(stage.fleet.names()), int(asked)))
        return len(stage.fleet.names()) == TARGET + 2

    await until(has_grown, "two more are there")
    for name in busy:
        await stage.fleet.load(name, 0.0)


async def check_nothing_changes(scalers: list[ScalerProcess], size: int) -> None:
    """Ask each until it has answered twenty times: with that size, or for want of ground with none."""
    for scaler in scalers:
        answers: list[float] = []
        async with asyncio.timeout(SECONDS):
            while len(answers) < 20:
                answer = await ask(scaler)
                answers += [] if answer is None else [answer]
                await asyncio.sleep(0.1)
        assert set(answers) == {size}
