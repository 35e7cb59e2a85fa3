"""An installation to be scraped: a real scaler and controller on a real API server, gates and router that are Envoys.

What the cluster and KEDA do, the stage does: pods, DNS, a question a second. Readers read through gates and router.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.gate.gate_listeners import READ_PATHS, STATS_PATH, GatePorts
from devtools.api.api_server import ApiServer
from devtools.api.played_cluster import PlayedCluster
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import build_request, run_gate, send
from devtools.machine.ports import take_ports
from tests.component.controller.gate.gate_stage import QUESTION
from tests.component.core_nodes import CoreNode, run_core_nodes
from tests.e2e.api.pool_stage import PoolStage, run_pool_stage
from tests.e2e.rendered_chart import Helm
from tests.hostile.chart_router import ChartRouter, run_chart_router
from tests.prometheus_process import Target
from tests.recording_core import RecordingCore, run_recording_core

POOL = "reads"
_WITH_US = ("setpriv", "--pdeathsig=KILL", "--")
_READS_PER_SECOND = 10.0


@dataclass
class MonitoredStage:
    """The installation.

    Attributes:
        pools: the scaler, the nodes behind the gates, and who asks as KEDA does.
        query: the query server behind each gate.
        reference: the trusted node.
        targets: what there is to scrape.
    """

    pools: PoolStage
    query: RecordingCore
    reference: CoreNode
    router: ChartRouter
    controller: asyncio.subprocess.Process
    targets: Sequence[Target] = field(default_factory=list)

    @property
    def fleet(self) -> str:
        """The name of its one fleet."""
        return f"{self.pools.namespace}/{POOL}"


@contextlib.asynccontextmanager
async def set_monitored_stage(
    server: ApiServer, namespace: str, helm: Helm, folder: Path
) -> AsyncIterator[MonitoredStage]:
    """Set the stage during the block: three replicas that are fresh, and readers."""
    async with contextlib.AsyncExitStack() as stack:
        (reference,) = await stack.enter_async_context(run_core_nodes(1))
        query = await stack.enter_async_context(run_recording_core())
        flags = ("--reference", f"core={reference.url}")
        pools = await stack.enter_async_context(run_pool_stage(namespace, server.kubeconfig, *flags))
        gates = [await _start_gate(stack, folder, ordinal, node, query) for ordinal, node in enumerate(pools.nodes)]
        _tell_dns(pools, gates)
        image = {"image": "envoyproxy/envoy:distroless-v1.40.0"}
        await pools.apply(
            gate=image,
            storage={"size": "10Gi", "autoGrow": {"maxSize": "20Gi"}},
            loadBalancing={"enabled": True, "lagThreshold": 12},
        )
        (telemetry,) = take_ports(1)
        controller = await _start_controller(stack, server, pools, telemetry, folder)
        router = await stack.enter_async_context(run_chart_router(helm, folder, gates[0].read, "router"))
        for port in (router.read, *(gate.read for gate in gates)):
            _start(stack, _read(port))
        _start(stack, _ask_as_keda(pools))
        _start(stack, _run_pods(PlayedCluster(pools.client, namespace)))
        targets = _list_targets(pools, gates, router, telemetry)
        yield MonitoredStage(pools, query, reference, router, controller, targets)


def _start(stack: contextlib.AsyncExitStack, work: object) -> None:
    """Keep work going until the stage ends."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def _start_gate(
    stack: contextlib.AsyncExitStack, folder: Path, ordinal: int, node: CoreNode, query: RecordingCore
) -> GatePorts:
    place = folder / f"gate-{ordinal}"
    place.mkdir()
    space = place / "space"
    space.write_text("0.42")
    command_port = int(node.url.rpartition(":")[2])
    gate = await stack.enter_async_context(run_gate(require_envoy(), place, command_port, query.port, space_file=space))
    return gate.ports


def _tell_dns(pools: PoolStage, gates: Sequence[GatePorts]) -> None:
    """Make DNS name the gates as the headless Service of a pool does."""
    service = f"{POOL}-nodes.{pools.namespace}.svc.cluster.local."
    for name in ("info", "stats"):
        pools.dns.records[f"_{name}._tcp.{service}", "SRV"] = [
            f"0 50 {getattr(gate, name)} {POOL}-{ordinal}.{service}" for ordinal, gate in enumerate(gates)
        ]


async def _start_controller(
    stack: contextlib.AsyncExitStack, server: ApiServer, pools: PoolStage, telemetry: int, folder: Path
) -> asyncio.subprocess.Process:
    (eds,) = take_ports(1)
    command = [sys.executable, "-W", "error", "-m", "controller", "--kubeconfig", str(server.kubeconfig)]
    command += ["--telemetry-listen", f"127.0.0.1:{telemetry}", "--scaler", pools.scaler.grpc]
    command += ["--namespaces", pools.namespace, "--lease-namespace", pools.namespace]
    command += ["--eds-listen", f"127.0.0.1:{eds}"]
    log = stack.enter_context((folder / "controller.log").open("wb"))
    process = await asyncio.create_subprocess_exec(*_WITH_US, *command, stdout=log, stderr=log)

    async def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    stack.push_async_callback(end)
    return process


def _list_targets(pools: PoolStage, gates: Sequence[GatePorts], router: ChartRouter, controller: int) -> list[Target]:
    """List what the chart's monitors would find, with the labels that the operator gives."""
    own = {"namespace": "readpool"}
    labels = {"namespace": pools.namespace, "stellar_org_pool": POOL}
    scaler = int(pools.scaler.telemetry.rpartition(":")[2])
    return [
        Target(scaler, "/metrics", {**own, "pod": "readpool-scaler-0"}),
        Target(controller, "/metrics", {**own, "pod": "readpool-controller-0"}),
        Target(router.telemetry, "/metrics", {**own, "pod": "readpool-router-0"}),
        *(Target(gate.stats, STATS_PATH, {**labels, "pod": f"{POOL}-{at}"}) for at, gate in enumerate(gates)),
    ]


async def _read(port: int) -> None:
    """Read at a steady pace."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = build_request("POST", READ_PATHS[0], QUESTION)
            await send(port, request)
        await asyncio.sleep(1 / _READS_PER_SECOND)


async def _ask_as_keda(pools: PoolStage) -> None:
    while True:
        await pools.ask(POOL)
        await asyncio.sleep(1.0)


async def _run_pods(cluster: PlayedCluster) -> None:
    """Run the pods of the pool, once there are any."""
    while True:
        with contextlib.suppress(AssertionError, KeyError, LookupError):
            await cluster.run_pods(POOL)
        await asyncio.sleep(1.0)
