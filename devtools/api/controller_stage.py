"""A stage for the controller: a real API server behind a relay, a scripted scaler, a played StatefulSet controller.

The controller runs within the test, or as a process of its own where it is to be killed.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.process import Controller
from controller.settings import ControllerSettings
from devtools.api.api_relay import ApiRelay, run_relay
from devtools.api.api_server import ApiServer
from devtools.api.played_cluster import PlayedCluster
from devtools.pools.pool_manifests import build_manifest
from devtools.pools.scripted_observer import ScriptedObserver, build_snapshot, serve_observer
from readpool.clock import Clock, steady_clock
from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POOL, Kind, Manifest

SECONDS = 60.0
QUIET_SECONDS = 1.0
USER = "somebody"
"""A field manager that is not ours."""


@dataclass
class ControllerStage:
    """One namespace with all that a controller talks to.

    Attributes:
        client: of the API server, as its administrator, past the relay.
        clock: the controller's, where it runs within the test.
        folder: for files; the relay's kubeconfig is `folder`/relay.kubeconfig.
    """

    server: ApiServer
    namespace: str
    client: KubernetesClient
    relay: ApiRelay
    observer: ScriptedObserver
    folder: Path
    clock: Clock = field(default_factory=steady_clock)
    cluster: PlayedCluster = field(init=False)

    def __post_init__(self) -> None:
        self.cluster = PlayedCluster(self.client, self.namespace)

    async def apply(self, name: str = "pool", **spec: Any) -> Manifest:
        """Apply a pool as a user does; `spec` beside or instead of the least."""
        return await self.client.apply(POOL, build_manifest(name, self.namespace, **spec), manager=USER)

    async def get(self, kind: Kind, name: str) -> Manifest | None:
        return await self.client.get(kind, self.namespace, name)

    async def read(self, kind: Kind, name: str) -> Manifest:
        """Return what must be there."""
        found = await self.get(kind, name)
        assert found is not None
        return found

    async def until(self, holds: Callable[[], Awaitable[Any]], what: str, seconds: float = SECONDS) -> Any:
        """Wait until something holds, and return it."""
        last: Any = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (last := await holds()):  # noqa: ASYNC110 - what holds is in the cluster
                    await asyncio.sleep(0.03)
                return last
        raise AssertionError(f"not within {seconds} s: {what}; the last answer was {last!r}")

    async def until_there(self, kind: Kind, name: str) -> Manifest:
        found: Manifest = await self.until(lambda: self.get(kind, name), f"{kind.name} {name}")
        return found

    async def until_condition(self, type_: str, *, pool: str = "pool", **values: str) -> Manifest:
        """Wait until a condition of the pool has these values."""

        async def read() -> Manifest | None:
            found = await self.get(POOL, pool)
            conditions = ((found or {}).get("status") or {}).get("conditions") or ()
            matching = (one for one in conditions if one["type"] == type_ and values.items() <= one.items())
            return next(matching, None)

        condition: Manifest = await self.until(read, f"{type_} {values}")
        return condition

    async def until_weights(self, weights: Mapping[str, int], seconds: float = SECONDS) -> None:
        """Wait until readers are sent to these pods with these weights."""
        await self.until(lambda: self._has_weights(weights), f"weights {weights}", seconds)

    async def until_quiet(self, quiet_seconds: float = QUIET_SECONDS) -> None:
        """Wait until nothing has been written for a while."""
        async with asyncio.timeout(SECONDS):
            written = -1
            while written != len(self.relay.writes):
                written = len(self.relay.writes)
                await asyncio.sleep(quiet_seconds)

    async def read_weights(self) -> dict[str, int]:
        """Read the weight of each pod from the EndpointSlices, as a router does."""
        slices, _ = await self.client.list(ENDPOINT_SLICE, self.namespace, selector="stellar.org/pool")
        return {
            endpoint["targetRef"]["name"]: int(one["metadata"]["annotations"]["stellar.org/weight"])
            for one in slices
            if one["metadata"]["labels"]["kubernetes.io/service-name"] == one["metadata"]["labels"]["stellar.org/pool"]
            for endpoint in one["endpoints"]
        }

    def read_log(self, event: str) -> dict[str, Any]:
        """Read the first line of a process's log with this event."""
        lines = (json.loads(line) for line in (self.folder / "log").read_text().splitlines())
        found: dict[str, Any] = next(line for line in lines if line["event"] == event)
        return found

    async def _has_weights(self, weights: Mapping[str, int]) -> bool:
        return await self.read_weights() == weights

    async def say(self, pool: str = "pool", **changes: Any) -> None:
        """Make the scaler report that the pool's five replicas are fresh, but for `classes` and what else is given."""
        classes = {f"{pool}-{ordinal}": "fresh" for ordinal in range(5)} | changes.pop("classes", {})
        await self.observer.say(
            self.namespace, pool, build_snapshot(classes, changes.pop("at", time.time()), **changes)
        )

    def build_settings(self, **changes: Any) -> ControllerSettings:
        """Build the settings of a controller on this stage."""
        settings: dict[str, Any] = {
            "scaler_address": f"127.0.0.1:{self.observer.port}",
            "scaler_namespace": "readpool",
            "scaler_labels": (("app.kubernetes.io/component", "scaler"),),
            "lease_namespace": self.namespace,
            "lease_name": "readpool-controller",
            "identity": "within-the-test",
            "namespaces": (self.namespace,),
        }
        return ControllerSettings(**(settings | changes))

    @contextlib.asynccontextmanager
    async def controller(self, **changes: Any) -> AsyncIterator[Controller]:
        """Run a controller within the test during the block; `changes` are of its settings."""
        async with connect(self.folder / "relay.kubeconfig") as client:
            controller = Controller(client, self.build_settings(**changes), self.clock)
            work = asyncio.create_task(controller.run())
            try:
                yield controller
            finally:
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work

    @contextlib.asynccontextmanager
    async def process(self, *flags: str, kubeconfig: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start a controller as a process; it is killed after the block if it still runs. Its log: `folder`/log.

        It reaches the API server through the relay, where no other kubeconfig is given.
        """
        settings = self.build_settings()
        command = [sys.executable, "-W", "error", "-m", "controller", "--telemetry-listen", "127.0.0.1:0"]
        command += ["--kubeconfig", str(kubeconfig or self.folder / "relay.kubeconfig")]
        command += [] if "--scaler" in flags else ["--scaler", settings.scaler_address]
        command += ["--namespaces", self.namespace, "--lease-namespace", self.namespace, *flags]
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()


@contextlib.asynccontextmanager
async def set_stage(server: ApiServer, namespace: str, folder: Path) -> AsyncIterator[ControllerStage]:
    """Set the stage in a namespace during the block."""
    async with (
        connect(server.kubeconfig) as client,
        run_relay(server, folder) as relay,
        serve_observer() as observer,
    ):
        yield ControllerStage(server, namespace, client, relay, observer, folder)
