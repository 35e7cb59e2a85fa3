"""A controller on the API server of devtools.api.small_api, with played StatefulSets and a scripted scaler."""

import asyncio
import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.process import Controller
from controller.settings import ControllerSettings
from devtools.api.small_api import SmallApi, serve_small_api
from devtools.pools.pool_manifests import build_manifest
from devtools.pools.scripted_observer import ScriptedObserver, build_snapshot, serve_observer
from readpool.clock import steady_clock
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POD, POOL, PVC, STATEFUL_SET, ObjectKey

SECONDS = 90.0
BALANCED: dict[str, Any] = {
    "version": "v22.4.1",
    "minReplicas": 1,
    "targetReplicas": 2,
    "maxReplicas": 9,
    "loadBalancing": {"enabled": True, "laggingNodeWeight": 0, "httpRoute": {"parentRefs": [{"name": "edge"}]}},
    "alerting": True,
}


@dataclass
class SmallCluster:
    """What a test acts on; `classes` is what the scaler says of each replica, fresh where it says nothing else."""

    api: SmallApi
    controller: Controller
    observer: ScriptedObserver
    classes: dict[str, str] = field(default_factory=dict)
    since: float | None = None
    """Since when each replica is what it is; None for since just now."""
    _addresses: Any = field(default_factory=lambda: itertools.count(1))
    _told: dict[Any, Any] = field(default_factory=dict)

    def make(self, name: str, namespace: str = "default", **spec: Any) -> None:
        """Make a pool as a user does."""
        self.api.put(ObjectKey(POOL, namespace, name), build_manifest(name, namespace, **(BALANCED | spec)))

    def change(self, name: str, namespace: str = "default", **spec: Any) -> None:
        """Change a pool's spec as a user does."""
        pool = self.read_pool(name, namespace)
        self.api.put(ObjectKey(POOL, namespace, name), {**pool, "spec": {**pool["spec"], **spec}})

    def read_pool(self, name: str, namespace: str = "default") -> dict[str, Any]:
        return self.api.objects[ObjectKey(POOL, namespace, name)]

    def read_conditions(self, name: str, namespace: str = "default") -> dict[str, dict[str, Any]]:
        """Read what status says, by the condition's type."""
        conditions = (self.read_pool(name, namespace).get("status") or {}).get("conditions") or ()
        return {one["type"]: one for one in conditions}

    def read_readers(self, service: str, namespace: str = "default") -> dict[str, int]:
        """Read where readers of a Service are sent: weight by address."""
        return {
            endpoint["addresses"][0]: int(one["metadata"]["annotations"]["stellar.org/weight"])
            for one in self.api.find(ENDPOINT_SLICE, namespace).values()
            if one["metadata"]["labels"]["kubernetes.io/service-name"] == service
            for endpoint in one["endpoints"]
        }

    def list_alive(self, pool: str, namespace: str = "default") -> dict[str, str]:
        """List the replicas that are there: address by name."""
        pods = self.api.find(POD, namespace).items()
        return {name: pod["status"]["podIP"] for name, pod in pods if name.rpartition("-")[0] == pool}

    def list_fresh(self, pool: str, namespace: str = "default") -> set[str]:
        """List the addresses of the replicas that are there and fresh."""
        alive = self.list_alive(pool, namespace).items()
        return {address for name, address in alive if self.classes.get(name, "fresh") == "fresh"}

    def is_served_by_the_fresh(self, pool: str, namespace: str = "default") -> bool:
        """Whether readers are sent to all replicas that are fresh, and to no other."""
        sent = {address for address, weight in self.read_readers(pool, namespace).items() if weight}
        return bool(sent) and sent == self.list_fresh(pool, namespace)

    async def until(self, holds: Callable[[], Any], what: str, seconds: float = SECONDS) -> float:
        """Wait until something holds; return how long it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def until_empty(self, find: Callable[[], Any], what: str, seconds: float = SECONDS) -> None:
        """Wait until nothing is found any more."""
        began = time.monotonic()
        while found := find():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}: {found}"
            await asyncio.sleep(0.02)

    async def play(self) -> None:
        """Play the StatefulSet controller, the kubelet and the scaler until cancelled."""
        while True:
            for key, stateful_set in [*self.api.objects.items()]:
                if key.kind == STATEFUL_SET:
                    self._play_pods(key, stateful_set)
            for key in [key for key in self.api.objects if key.kind == POOL]:
                await self._say(key)
            await asyncio.sleep(0.05)

    def _play_pods(self, key: ObjectKey, stateful_set: dict[str, Any]) -> None:
        revision = hashlib.sha256(json.dumps(stateful_set["spec"]["template"]).encode()).hexdigest()[:10]
        status = {"observedGeneration": stateful_set["metadata"]["generation"], "updateRevision": revision}
        self.api.put(key, {**stateful_set, "status": status})
        wanted = [f"{key.name}-{ordinal}" for ordinal in range(stateful_set["spec"]["replicas"])]
        for name in self.list_alive(key.name, key.namespace).keys() - set(wanted):
            self.api.drop(ObjectKey(POD, key.namespace, name))
        for name in wanted:
            if ObjectKey(POD, key.namespace, name) not in self.api.objects:
                self._make_pod(ObjectKey(POD, key.namespace, name), stateful_set, revision)

    def _make_pod(self, key: ObjectKey, stateful_set: dict[str, Any], revision: str) -> None:
        number = next(self._addresses)
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "controller": True}
        owner |= {name: stateful_set["metadata"][name] for name in ("name", "uid")}
        template = stateful_set["spec"]["template"]
        labels = {**template["metadata"]["labels"], "controller-revision-hash": revision}
        metadata = {"name": key.name, "namespace": key.namespace, "labels": labels, "ownerReferences": [owner]}
        ready = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "podIP": f"10.9.{number // 250}.{number % 250 + 1}", "conditions": [ready]}
        spec = {**template["spec"], "nodeName": "node-1"}
        self.api.put(key, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
        self._make_claim(ObjectKey(PVC, key.namespace, f"data-{key.name}"), stateful_set)

    def _make_claim(self, key: ObjectKey, stateful_set: dict[str, Any]) -> None:
        """Make a bound claim of the StatefulSet's template, unless there is one."""
        template = stateful_set["spec"]["volumeClaimTemplates"][0]
        if key not in self.api.objects:
            metadata = {"name": key.name, "namespace": key.namespace, "labels": template["metadata"]["labels"]}
            made = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}
            self.api.put(key, {**made, "status": {"phase": "Bound"}})

    async def _say(self, pool: ObjectKey) -> None:
        """Make the scaler report the class of each replica."""
        classes = {name: self.classes.get(name, "fresh") for name in self.list_alive(pool.name, pool.namespace)}
        told = (classes, self.list_alive(pool.name, pool.namespace))
        if self._told.get(pool) != told:
            self._told[pool] = told
            lags = {name: 3000 for name, one in classes.items() if one == "lagging"}
            await self.observer.say(
                pool.namespace, pool.name, build_snapshot(classes, time.time(), tip=9000, lags=lags, since=self.since)
            )


@contextlib.asynccontextmanager
async def run_small_cluster(
    folder: Path, namespaces: Iterable[str] = (), **changes: Any
) -> AsyncIterator[SmallCluster]:
    """Run all of it during the block; `changes` are of the controller's settings."""
    async with serve_small_api(folder) as (api, client), serve_observer() as observer:
        settings: dict[str, Any] = {
            "scaler_address": f"127.0.0.1:{observer.port}",
            "scaler_namespace": "readpool",
            "scaler_labels": (("app.kubernetes.io/component", "scaler"),),
            "lease_namespace": "default",
            "lease_name": "readpool-controller",
            "identity": "me",
            "gate_image": "envoyproxy/envoy:distroless-v1.40.0",
            "namespaces": tuple(namespaces),
        }
        controller = Controller(client, ControllerSettings(**(settings | changes)), steady_clock())
        cluster = SmallCluster(api, controller, observer)
        tasks = [asyncio.create_task(controller.run()), asyncio.create_task(cluster.play())]
        try:
            yield cluster
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
