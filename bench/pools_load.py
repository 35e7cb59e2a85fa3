"""Pools on a real API server and the controller that looks after them, as a process of its own; under bench.pools."""

import asyncio
import contextlib
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.pools_pods import build_pod
from devtools.api.api_server import ApiServer, Programs, run_api_server
from devtools.api.definition import install_crd
from devtools.pools.pool_manifests import build_manifest
from devtools.pools.scripted_observer import ScriptedObserver, build_snapshot, serve_observer
from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POD, POOL, STATEFUL_SET, Manifest

REPLICAS = 5
_NAMESPACES = 10
_AT_ONCE = 16
_MANAGER = "bench"
_SPEC: dict[str, Any] = {"loadBalancing": {"enabled": True}, "version": "v23.0.0"}
_DEADLINE_SECONDS = 900.0
_QUIET_SECONDS = 3.0
_LOG_TAIL_CHARACTERS = 3000


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    pools: int
    few: int
    changes: int
    rest_seconds: float


@dataclass(frozen=True, slots=True)
class Cold:
    """From the start of the process until every pool has all that it stands for, and status says so."""

    seconds: float
    cpu_seconds: float


class PoolLoad:
    """The pools and what is seen of them. Made by run_load."""

    def __init__(
        self, server: ApiServer, client: KubernetesClient, observer: ScriptedObserver, folder: Path, pools: int
    ) -> None:
        self._server = server
        self._client = client
        self._observer = observer
        self._folder = folder
        self._names = [(f"pools-{number % _NAMESPACES}", f"pool-{number}") for number in range(pools)]
        self._pools = Informer(client, POOL, None)
        self._stateful_sets = Informer(client, STATEFUL_SET, None)
        self._slices = Informer(client, ENDPOINT_SLICE, None, selector="stellar.org/pool")
        self._child: asyncio.subprocess.Process | None = None
        self._process: psutil.Process | None = None

    async def prepare(self) -> None:
        """Make the pools, before there is a controller."""
        for number in range(_NAMESPACES):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"pools-{number}"}}
            await self._client.request("POST", "/api/v1/namespaces", body=namespace)
        await _at_once(
            self._client.apply(POOL, build_manifest(name, namespace, **_SPEC), manager=_MANAGER)
            for namespace, name in self._names
        )

    def follow(self) -> list[asyncio.Task[None]]:
        """Follow what the controller does."""
        return [asyncio.create_task(one.run()) for one in (self._pools, self._stateful_sets, self._slices)]

    async def measure_cold(self) -> Cold:
        """Start the controller, and wait until it has made everything."""
        for informer in (self._pools, self._stateful_sets):
            await informer.synced.wait()
        began = time.monotonic()
        self._child = await self._start()
        self._process = psutil.Process(self._child.pid)
        await self._until(self._are_made, 0.05)
        seconds = time.monotonic() - began
        if not self._names:
            await asyncio.sleep(2.0)
        used = self._process.cpu_times()
        return Cold(seconds, used.user + used.system)

    async def run_pods(self) -> None:
        """Make five pods for each pool, and have the scaler say that all are fresh."""
        await self.say()
        await _at_once(self._run_pods(number, *key) for number, key in enumerate(self._names))
        await self._until(lambda: len(self._slices) == len(self._names), 0.2)
        await self.until_at_rest()

    async def measure_change(self, number: int) -> float:
        """Scale one pool, and return the seconds until its StatefulSet is of that size."""
        namespace, name = random.Random(number).choice(self._names)  # noqa: S311 - no secret
        found = self._stateful_sets.get(namespace, name)
        assert found is not None  # noqa: S101 - measure_cold has waited for it
        wanted = REPLICAS + 1 if found["spec"]["replicas"] == REPLICAS else REPLICAS
        began = time.monotonic()
        patch = {"spec": {"replicas": wanted}}
        await self._client.merge(POOL, namespace, name, patch, manager=_MANAGER, subresource="scale")
        await self._until(lambda: self._has_replicas(namespace, name, wanted), 0.001)
        return time.monotonic() - began

    async def until_at_rest(self) -> None:
        """Wait until nothing has been written for a while."""
        writes = -1
        while writes != (writes := await self.count_writes()):  # noqa: ASYNC110 - it is the server that knows
            await asyncio.sleep(_QUIET_SECONDS)

    async def say(self) -> None:
        """Make the scaler report once more that all are fresh, with the same numbers as before."""
        at = time.time()
        await self._observer.say_all(
            {
                (namespace, name): build_snapshot({f"{name}-{i}": "fresh" for i in range(REPLICAS)}, at)
                for namespace, name in self._names
            }
        )

    async def count_writes(self) -> int:
        """Count what the API server was asked to write so far, Leases aside, by its own metrics."""
        text = await asyncio.to_thread(self._server.access.kubectl, "get", "--raw", "/metrics")
        return sum(int(float(line.rpartition(" ")[2])) for line in text.splitlines() if _is_write(line))

    def read_rss_mb(self) -> float:
        """Read the controller's memory now."""
        assert self._process is not None  # noqa: S101 - measure_cold has started it
        return float(self._process.memory_info().rss) / 2**20

    async def stop(self) -> None:
        """End the controller."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGKILL)
            await self._child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "controller", "--kubeconfig", str(self._server.kubeconfig)]
        command += ["--scaler", f"127.0.0.1:{self._observer.port}", "--telemetry-listen", "127.0.0.1:0"]
        command += ["--lease-namespace", "default"]
        with (self._folder / "controller.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)

    def _are_made(self) -> bool:
        return all(_is_made(self._pools.get(*key)) for key in self._names)

    def _has_replicas(self, namespace: str, name: str, wanted: int) -> bool:
        found = self._stateful_sets.get(namespace, name)
        return found is not None and found["spec"]["replicas"] == wanted

    async def _run_pods(self, number: int, namespace: str, name: str) -> None:
        stateful_set = self._stateful_sets.get(namespace, name)
        assert stateful_set is not None  # noqa: S101 - measure_cold has waited for it
        for ordinal in range(REPLICAS):
            pod = build_pod(stateful_set, ordinal)
            await self._client.create(POD, pod)
            address = f"10.{64 + number // 10_000}.{number // 100 % 100}.{number % 100 + 100 * (ordinal % 2)}"
            status = {
                "podIP": address,
                "podIPs": [{"ip": address}],
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            await self._client.merge(
                POD, namespace, f"{name}-{ordinal}", {"status": status}, manager=_MANAGER, subresource="status"
            )

    async def _until(self, holds: Any, every_seconds: float) -> None:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while not holds():
                if self._child is not None and self._child.returncode is not None:
                    raise RuntimeError((self._folder / "controller.log").read_text()[-_LOG_TAIL_CHARACTERS:])
                await asyncio.sleep(every_seconds)


@contextlib.asynccontextmanager
async def run_load(folder: Path, programs: Programs, pools: int) -> AsyncIterator[PoolLoad]:
    """Run an API server with so many pools during the block; the controller is not started yet."""
    with run_api_server(folder, programs) as server:
        await asyncio.to_thread(install_crd, server)
        async with connect(server.kubeconfig) as client, serve_observer() as observer:
            load = PoolLoad(server, client, observer, folder, pools)
            await load.prepare()
            following = load.follow()
            try:
                yield load
            finally:
                await load.stop()
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)


async def _at_once(work: Iterable[Awaitable[Any]]) -> None:
    """Do all of it, a few at a time."""
    waiting = iter(work)

    async def take() -> None:
        for one in waiting:
            await one

    await asyncio.gather(*(take() for _ in range(_AT_ONCE)))


def _is_made(pool: Manifest | None) -> bool:
    """Return whether a pool's status is of its newest spec, which is written last."""
    status = (pool or {}).get("status") or {}
    return pool is not None and status.get("observedGeneration") == pool["metadata"]["generation"] > 1


def _is_write(line: str) -> bool:
    """Return whether a line of the API server's metrics counts writes, of anything but Leases."""
    if not line.startswith("apiserver_request_total{") or 'resource="leases"' in line:
        return False
    return any(f'verb="{verb}"' in line for verb in ("POST", "PUT", "PATCH", "APPLY", "DELETE"))
