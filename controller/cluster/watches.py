"""The controller's view of the cluster: an informer for each kind and namespace; optional kinds while they are served.

Each change queues the pools that it concerns; controller.cluster.observe reads the stores.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import structlog

from controller.cluster.own_writes import OwnWrites
from controller.cluster.sight import Sight
from controller.cluster.trims import trim, trim_pod
from controller.cluster.watched_kinds import OPTIONAL, SELECTORS
from controller.cluster.workloads import Workloads
from controller.observed.pool_keys import PoolKey, find_index_keys, find_pool_keys, find_scaled_workload
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.informer import Informer, OnChange
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POD, POOL, SCALED_OBJECT, Kind, Manifest, ObjectKey, key_of

CHECK_SECONDS = 10.0
"""How often the cluster is asked which optional kinds it serves: four small requests, which need no permission."""
_FIRST_LIST_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_log = structlog.get_logger()


class Watches:
    """The informers. `run` keeps them up to date.

    `synced` is set once each has its first list, or a namespace has been waited for that we are not let into: its pools
    are left alone until we are. `sight` says whether EndpointSlices are seen.

    Args:
        client: to the API server.
        namespaces: those that are watched; none given: all.
        on_pool: told which pool a change concerns, within the event loop.
        check_seconds: how often the cluster is asked which optional kinds it serves.
    """

    def __init__(
        self,
        client: KubernetesClient,
        namespaces: Sequence[str],
        on_pool: Callable[[PoolKey], None],
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._client = client
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._on_pool = on_pool
        self._check_seconds = check_seconds
        self._informers: dict[Kind, dict[str | None, Informer]] = {
            kind: self._build(kind) for kind in SELECTORS if kind not in OPTIONAL
        }
        self._beginning: dict[Kind, dict[str | None, Informer]] = {}
        self._whole: set[str | None] = set()
        """Namespaces of which all that every cluster has is listed; pools of others are left alone."""
        self.synced = asyncio.Event()
        self.workloads = Workloads(client, self._tell)
        self.sight = Sight(self._informers[ENDPOINT_SLICE].values())
        self._follows: dict[Kind, asyncio.Task[None]] = {}
        self._listeners: list[OnChange] = []
        self._is_writing = False
        self._own_writes = OwnWrites()

    @property
    def optional_kinds(self) -> frozenset[Kind]:
        """Which optional kinds the cluster serves."""
        return frozenset(OPTIONAL.keys() & self._informers.keys())

    def find_optional_kinds(self, namespace: str) -> frozenset[Kind]:
        """Find which optional kinds the cluster serves, and lets us see in a namespace."""
        found = {kind: self._find(kind, namespace) for kind in OPTIONAL}
        return frozenset(kind for kind, one in found.items() if one is not None and one.synced.is_set())

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are watched at present."""
        return tuple(self._informers)

    def get(self, key: ObjectKey) -> Manifest | None:
        """Return the cached object."""
        informer = self._find(key.kind, key.namespace)
        return informer.get(key.namespace, key.name) if informer is not None else None

    def list_by_index(self, kind: Kind, namespace: str, index_key: str) -> Iterator[Manifest]:
        """Return the cached objects of a kind by an index key of controller.observed.pool_keys."""
        informer = self._find(kind, namespace)
        return informer.list_by_index(index_key) if informer is not None else iter(())

    def list_pools(self) -> list[Manifest]:
        """Return the pools whose other objects are in the cache."""
        informers = (informer for namespace, informer in self._informers[POOL].items() if namespace in self._whole)
        return [manifest for informer in informers for manifest in informer]

    def count(self, kind: Kind) -> int:
        """Count the objects of a kind."""
        return sum(map(len, self._informers.get(kind, {}).values()))

    def observe(self, kind: Kind, manifest: dict[str, Any]) -> None:
        """Put the response of a write into the cache."""
        informer = self._find(kind, manifest["metadata"].get("namespace", ""))
        if informer is not None:
            with self._writing():
                informer.observe(manifest)
            key = key_of(kind, manifest)
            self._own_writes.account_for(key, manifest, self.get(key))

    def observe_deleted(self, key: ObjectKey, uid: str) -> None:
        """Remove an object from the cache."""
        informer = self._find(key.kind, key.namespace)
        if informer is not None:
            with self._writing():
                informer.observe_deleted(key, uid)

    @contextlib.contextmanager
    def writing(self, key: ObjectKey) -> Iterator[None]:
        """Queue no pool for what the watch tells of an object while the block writes it and observes the answer.

        At its end it is queued after all, if the write failed or is not all that has happened to the object.
        """
        self._own_writes.begin(key, self.get(key))
        try:
            yield
        finally:
            if (held_back := self._own_writes.end(key)) is not None:
                self._queue_for(key, held_back)

    def on_change(self, listener: OnChange) -> None:
        """Call `listener` at every change of any kind, including the changes of this process."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in tuple(self._informers):
                self._start(group, kind)
            for namespace in self._namespaces:
                group.create_task(self._complete(namespace), name=f"first lists of {namespace or 'all namespaces'}")
            await self._check(group)
            await self._wait_until_synced()
            self.synced.set()
            group.create_task(self.sight.run(), name="whether the API server is seen")
            group.create_task(self.workloads.run(), name="workloads that pools stand before")
            while True:
                await asyncio.sleep(self._check_seconds)
                await self._check(group)

    async def _check(self, group: asyncio.TaskGroup) -> None:
        """Begin and end to watch optional kinds as the cluster begins and ends to serve them."""
        for kind in OPTIONAL:
            try:
                is_served = await self._client.serves(kind)
            except ApiError as error:
                _log.debug("cannotDiscoverKind", kind=kind.name, reason=error.reason)
                continue
            if is_served and kind not in self._informers:
                await self._begin(group, kind)
            elif not is_served and kind in self._follows:
                self._end(kind)

    async def _begin(self, group: asyncio.TaskGroup, kind: Kind) -> None:
        """Watch a kind. Plans see it after its first list has succeeded, which may have to wait for permission."""
        if kind not in self._beginning:
            informers = self._beginning[kind] = self._build(kind)
            self._follows[kind] = group.create_task(_follow(informers.values()), name=f"informers of {kind.name}")
        begun = tuple(self._beginning[kind].values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LIST_SECONDS):
                while not all(one.synced.is_set() or _is_refused(one) for one in begun):  # noqa: ASYNC110 - two things
                    await asyncio.sleep(_LOOK_SECONDS)
        if any(informer.synced.is_set() for informer in begun):
            _log.info("watchingOptionalKind", kind=kind.name)
            self._informers[kind] = self._beginning.pop(kind)
            self._queue_all()
            for informer in begun:
                group.create_task(self._queue_once_listed(informer))

    def _end(self, kind: Kind) -> None:
        _log.info("optionalKindRemoved", kind=kind.name)
        self._follows.pop(kind).cancel()
        self._beginning.pop(kind, None)
        self._informers.pop(kind, None)
        self._queue_all()

    def _start(self, group: asyncio.TaskGroup, kind: Kind) -> None:
        group.create_task(_follow(self._informers[kind].values()), name=f"informers of {kind.name}")

    async def _complete(self, namespace: str | None) -> None:
        """Start with the pools of a namespace once every required kind is listed there."""
        for informer in self._list_needed(namespace):
            await informer.synced.wait()
        self._whole.add(namespace)
        if self.synced.is_set():
            _log.info("watchingNamespace", namespace=namespace)
            self._queue_all()

    async def _queue_once_listed(self, informer: Informer) -> None:
        """Requeue the pools for which an optional kind was not listed before."""
        if not informer.synced.is_set():
            await informer.synced.wait()
            self._queue_all()

    async def _wait_until_synced(self) -> None:
        """Wait for the first lists; for a namespace that refuses us, not long if there is another."""
        began = asyncio.get_running_loop().time()
        while True:
            missing = [namespace for namespace in self._namespaces if namespace not in self._whole]
            is_late = asyncio.get_running_loop().time() - began >= _FIRST_LIST_SECONDS
            if not missing or (is_late and self._whole and all(map(self._is_closed, missing))):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        for namespace in missing:
            _log.warning("namespaceForbidden", namespace=namespace)

    def _is_closed(self, namespace: str | None) -> bool:
        return any(not one.synced.is_set() and _is_refused(one) for one in self._list_needed(namespace))

    def _list_needed(self, namespace: str | None) -> list[Informer]:
        return [informers[namespace] for kind, informers in self._informers.items() if kind not in OPTIONAL]

    def _queue_all(self) -> None:
        for manifest in self.list_pools():
            self._on_pool(PoolKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"]))

    def _find(self, kind: Kind, namespace: str) -> Informer | None:
        informers = self._informers.get(kind, {})
        return informers[None] if None in informers else informers.get(namespace)

    def _build(self, kind: Kind) -> dict[str | None, Informer]:
        return {namespace: self._build_one(kind, namespace) for namespace in self._namespaces}

    def _build_one(self, kind: Kind, namespace: str | None) -> Informer:
        informer = Informer(
            self._client,
            kind,
            namespace,
            selector=SELECTORS[kind],
            trim=trim_pod if kind == POD else trim,
            find_index_keys=find_index_keys,
        )
        informer.on_change(self._hear)
        return informer

    def _hear(self, key: ObjectKey, manifest: Manifest) -> None:
        for listener in self._listeners:
            listener(key, manifest)
        if key.kind == POOL:
            self.workloads.note_pool(PoolKey(key.namespace, key.name), self.get(key))
        if not self._own_writes.hold_back(key, manifest):
            self._queue_for(key, manifest)

    def _queue_for(self, key: ObjectKey, manifest: Manifest) -> None:
        """Queue the pools that an object concerns."""
        pools = find_pool_keys(key.kind, manifest)
        if key.kind == SCALED_OBJECT and (workload := find_scaled_workload(manifest)) is not None:
            pools |= self.workloads.list_pools(workload)
        for pool in pools:
            self._tell(pool)

    def _tell(self, pool: PoolKey) -> None:
        """Queue a pool, unless a worker is writing its objects: it plans again itself when it has written them."""
        if not self._is_writing and self._whole & {None, pool.namespace}:
            self._on_pool(pool)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._is_writing = True
        try:
            yield
        finally:
            self._is_writing = False


def _is_refused(informer: Informer) -> bool:
    """Return whether the API server answers, and does not let us list what there is."""
    return informer.failure is not None and informer.failure.is_permanent


async def _follow(informers: Iterable[Informer]) -> None:
    async with asyncio.TaskGroup() as group:
        for informer in informers:
            group.create_task(informer.run())
