"""The controller as the chart runs it without TLS, on a real API server, with one pool whose classes change.

What the scaler says of the pool is scripted; all else is real. The Lease, an Envoy that goes by endpoint discovery, and
the kubelet are looked after meanwhile.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import grpc

from devtools.api.api_server import find_programs, run_api_server
from devtools.api.controller_stage import ControllerStage, set_stage
from devtools.api.definition import install_crd
from devtools.api.running_pool import BALANCED, has_replicas
from devtools.envoy.eds_client import EdsClient, open_stream, read_weights
from devtools.machine.ports import take_ports
from readpool.kubernetes.kinds import LEASE
from tests.component.other_caller import calling_from
from tests.e2e.rendered_chart import find_helm
from tests.hostile.chart_programs import run_chart_program
from tests.hostile.part import Honest, Part, UnansweredError
from tests.hostile.readers import be_kubelet

SETTINGS = ("tls.mode=off", "controller.eds.enabled=true")
ENVOY = "127.0.0.6"
NAMESPACE, POOL = "victim", "pool"
CHANGE_SECONDS, LEASE_SECONDS, KUBELET_SECONDS = 0.5, 0.5, 0.5
MOST_CHANGE_MS, MOST_HEALTH_P99_MS = 1000.0, 500.0
MOST_LEASE_AGE_SECONDS = 9.0
_REPLICAS = 5
_IDENTITY = "under-attack"
_OPENING_SECONDS = 60.0


class Changes:
    """A replica of another tenant's lags and is fresh again in turn; an Envoy has to hear of each change."""

    def __init__(self, stage: ControllerStage, stream: EdsClient) -> None:
        self._stage, self._stream = stage, stream
        self._turns = itertools.cycle(((10, {"pool-0": "lagging"}), (100, {})))

    async def ask(self) -> None:
        """Change the class, and wait until the Envoy has the weight. Raises UnansweredError where the stream ends."""
        weight, classes = next(self._turns)
        await self._stage.say(classes=classes)
        await self.hear(weight)

    async def hear(self, weight: int) -> None:
        """Wait for a weight of the first replica, beside those of the others. Raises UnansweredError, as above."""
        wanted = sorted([weight, *[100] * (_REPLICAS - 1)])
        while True:
            try:
                answer = await self._stream.call.read()
            except grpc.aio.AioRpcError as error:
                raise UnansweredError(f"{error.code().name}: {error.details()}") from None
            if answer is grpc.aio.EOF:
                raise UnansweredError("the stream ended")
            if sorted(read_weights(answer).get(f"{NAMESPACE}/{POOL}", {}).values()) == wanted:
                return


async def check_lease(stage: ControllerStage) -> None:
    """Check that the controller holds its Lease and has renewed it. Raises UnansweredError where it has not."""
    lease = await stage.get(LEASE, "readpool-controller")
    held = (lease or {}).get("spec", {})
    if held.get("holderIdentity") != _IDENTITY:
        raise UnansweredError(f"{held.get('holderIdentity')} holds the Lease")
    age = datetime.now(UTC) - datetime.fromisoformat(held["renewTime"])
    if age.total_seconds() > MOST_LEASE_AGE_SECONDS:
        raise UnansweredError(f"the Lease was renewed {age.total_seconds():.1f} s ago")


@contextlib.asynccontextmanager
async def run_part(folder: Path) -> AsyncIterator[Part]:
    """Run it."""
    helm, (eds, telemetry) = find_helm(), take_ports(2)
    api_folder = folder / f"api-{eds}"
    api_folder.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(run_api_server(api_folder, find_programs()))
        install_crd(server)
        server.access.kubectl("create", "namespace", NAMESPACE)
        stage = await stack.enter_async_context(set_stage(server, NAMESPACE, folder))
        own = (
            *(f"--eds-listen=127.0.0.1:{eds}", f"--telemetry-listen=127.0.0.1:{telemetry}"),
            *(f"--kubeconfig={server.kubeconfig}", f"--scaler=127.0.0.1:{stage.observer.port}"),
            *(f"--namespaces={NAMESPACE}", f"--lease-namespace={NAMESPACE}", f"--identity={_IDENTITY}"),
        )
        controller = await stack.enter_async_context(run_chart_program(helm, "controller", SETTINGS, own, folder))
        await stage.apply(**BALANCED)
        await stage.until(lambda: has_replicas(stage, _REPLICAS), "a StatefulSet")
        await stage.cluster.run_pods(POOL)
        await stage.say()
        address = await stack.enter_async_context(calling_from(ENVOY, f"127.0.0.1:{eds}"))
        stream = await stack.enter_async_context(open_stream(int(address.rpartition(":")[2]), is_delta=True))
        await stream.change(f"{NAMESPACE}/{POOL}")
        changes = Changes(stage, stream)
        async with asyncio.timeout(_OPENING_SECONDS):
            await changes.hear(100)

        async def find_harm() -> list[str]:
            return await asyncio.to_thread(controller.find_harm)

        honest = (
            Honest("class changes", changes.ask, CHANGE_SECONDS, is_vital=True, most_p99_ms=MOST_CHANGE_MS),
            Honest("Lease", lambda: check_lease(stage), LEASE_SECONDS, is_vital=True),
            be_kubelet(telemetry, KUBELET_SECONDS, most_p99_ms=MOST_HEALTH_P99_MS),
        )
        yield Part({"eds": eds, "telemetry": telemetry}, honest, controller.memory, find_harm)
