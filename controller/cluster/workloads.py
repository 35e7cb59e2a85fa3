"""The workloads that pools stand before: each with its ReplicaSets, its pods, and the HPAs of its namespace.

Only workloads that a pool names are watched, and of those only their own pods, by the workload's selector. Pods belong
to a workload by their controllers, never by labels alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from controller.cluster.trims import trim, trim_pod, trim_replica_set, trim_scaler
from controller.observed.pool_keys import PoolKey, WorkloadKey, find_scaled_workload, read_workload
from controller.observed.workload import write_selector
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.informer import Informer, Trim
from readpool.kubernetes.kinds import DEPLOYMENT, HPA, POD, REPLICA_SET, Kind, Manifest

_REFUSAL_SECONDS = 1.0
"""After so long without a first list the pool is looked at, since it may have to say that we are not let in."""


class FollowedWorkload:
    """One workload and what belongs to it, for as long as `run` does.

    Args:
        client: to the API server.
        key: names the workload.
        on_change: told of any change.
    """

    def __init__(self, client: KubernetesClient, key: WorkloadKey, on_change: Callable[[], None]) -> None:
        self._client = client
        self._key = key
        self._on_change = on_change
        self._selector: str | None = None
        self._moved = asyncio.Event()
        self._workload = self._build(key.kind, trim, fields=f"metadata.name={key.name}")
        self._scalers = self._build(HPA, trim_scaler)
        self._members: dict[Kind, Informer] = {}

    @property
    def manifest(self) -> Manifest | None:
        """The workload; None if it does not exist."""
        return self._workload.get(self._key.namespace, self._key.name)

    @property
    def is_seen(self) -> bool:
        """Whether all of it is listed."""
        if not (self._workload.synced.is_set() and self._scalers.synced.is_set()):
            return False
        manifest = self.manifest
        if manifest is None:
            return True
        return self._selector == write_selector(manifest) and all(one.synced.is_set() for one in self._members.values())

    @property
    def refusal(self) -> str:
        """Why it cannot be listed; empty if it can."""
        for one in (self._workload, self._scalers, *self._members.values()):
            if not one.synced.is_set() and one.failure is not None and one.failure.is_permanent:
                return f"cannot list {one.kind.plural} in namespace {self._key.namespace}: {one.failure.message}"
        return ""

    def list_pods(self) -> Iterator[Manifest]:
        """List the pods that the workload controls, a Deployment's through its ReplicaSets."""
        manifest, pods = self.manifest, self._members.get(POD)
        if manifest is None or pods is None:
            return
        owners = {manifest["metadata"]["uid"]}
        if self._key.kind == DEPLOYMENT:
            sets = self._members[REPLICA_SET]
            owners = {one["metadata"]["uid"] for one in sets if _find_controller(one) in owners}
        for pod in pods:
            if _find_controller(pod) in owners:
                yield pod

    def list_scalers(self) -> Iterator[Manifest]:
        """List the HPAs that scale the workload."""
        return (one for one in self._scalers if find_scaled_workload(one) == self._key)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow((self._workload, self._scalers)))
            members: asyncio.Task[None] | None = None
            while True:
                self._moved.clear()
                manifest = self.manifest
                selector = None if manifest is None else write_selector(manifest)
                if selector != self._selector:
                    if members is not None:
                        members.cancel()
                    members = group.create_task(self._follow(self._begin(selector)))
                await self._moved.wait()

    def _begin(self, selector: str | None) -> list[Informer]:
        """Follow the pods of another selector; without a selector there are none."""
        kinds = (POD, REPLICA_SET) if self._key.kind == DEPLOYMENT else (POD,)
        trims = {POD: trim_pod, REPLICA_SET: trim_replica_set}
        self._members = {kind: self._build(kind, trims[kind], selector=selector) for kind in kinds if selector}
        self._selector = selector
        return list(self._members.values())

    async def _follow(self, informers: Iterable[Informer]) -> None:
        async with asyncio.TaskGroup() as group:
            for informer in informers:
                group.create_task(informer.run(), name=f"{informer.kind.plural} of {self._key.name}")
                group.create_task(self._tell_when_listed(informer))

    async def _tell_when_listed(self, informer: Informer) -> None:
        try:
            async with asyncio.timeout(_REFUSAL_SECONDS):
                await informer.synced.wait()
        except TimeoutError:
            self._on_change()
            await informer.synced.wait()
        self._moved.set()
        self._on_change()

    def _build(self, kind: Kind, trimmed: Trim, *, selector: str | None = None, fields: str | None = None) -> Informer:
        informer = Informer(self._client, kind, self._key.namespace, selector=selector, fields=fields, trim=trimmed)
        informer.on_change(self._hear)
        return informer

    def _hear(self, *_: Any) -> None:
        self._moved.set()
        self._on_change()


class Workloads:
    """The workloads of all pools.

    Args:
        client: to the API server.
        on_pool: told which pool a change concerns.
    """

    def __init__(self, client: KubernetesClient, on_pool: Callable[[PoolKey], None]) -> None:
        self._client = client
        self._on_pool = on_pool
        self._keys: dict[PoolKey, WorkloadKey] = {}
        self._pools: defaultdict[WorkloadKey, set[PoolKey]] = defaultdict(set)
        self._followed: dict[WorkloadKey, FollowedWorkload] = {}
        self._tasks: dict[WorkloadKey, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def note_pool(self, pool: PoolKey, manifest: Manifest | None) -> None:
        """Note what a pool stands before, and None that it is gone; the others before the same are told."""
        wanted = None if manifest is None else read_workload(manifest)
        known = self._keys.get(pool)
        for key in {one for one in (known, wanted) if one is not None}:
            for other in self.list_rivals(pool, key):
                self._on_pool(other)
        if wanted == known:
            return
        if known is not None:
            self._leave(pool, known)
        if wanted is not None:
            self._keys[pool] = wanted
            self._pools[wanted].add(pool)
            self._enter(wanted)

    def find(self, key: WorkloadKey) -> FollowedWorkload | None:
        """Find a workload that is followed."""
        return self._followed.get(key)

    def list_rivals(self, pool: PoolKey, key: WorkloadKey) -> set[PoolKey]:
        """List the other pools before the same workload."""
        return self._pools.get(key, set()) - {pool}

    def list_pools(self, key: WorkloadKey) -> set[PoolKey]:
        """List the pools before a workload."""
        return set(self._pools.get(key, ()))

    async def run(self) -> None:
        """Follow what is noted until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for key in self._followed:
                self._start(key)
            await asyncio.get_running_loop().create_future()

    def _enter(self, key: WorkloadKey) -> None:
        if key in self._followed:
            return
        self._followed[key] = FollowedWorkload(self._client, key, lambda: self._tell(key))
        if self._group is not None:
            self._start(key)

    def _start(self, key: WorkloadKey) -> None:
        if self._group is not None:
            self._tasks[key] = self._group.create_task(self._followed[key].run(), name=f"workload {key.name}")

    def _leave(self, pool: PoolKey, key: WorkloadKey) -> None:
        del self._keys[pool]
        self._pools[key].discard(pool)
        if self._pools[key]:
            return
        del self._pools[key], self._followed[key]
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    def _tell(self, key: WorkloadKey) -> None:
        for pool in tuple(self._pools.get(key, ())):
            self._on_pool(pool)


def _find_controller(manifest: Manifest) -> str | None:
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
