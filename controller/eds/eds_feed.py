"""From EndpointSlices as they change to the assignments that are served: gathers each Service's slices, and no others.

An endpoint that changes its class leaves one slice and enters another by two writes, and may be in neither between
them. So what comes within a moment is taken together, and an endpoint that is missing is waited for a little longer.
"""

import asyncio
from collections import defaultdict

import structlog

from controller.cluster.watches import Watches
from controller.eds.eds import Assignment, build_assignment, resource_of
from controller.eds.eds_store import EdsStore
from readpool.kubernetes.kinds import ENDPOINT_SLICE, Manifest, ObjectKey

SETTLE_SECONDS = 0.01
MISSING_SECONDS = 0.25
_log = structlog.get_logger()
_Addresses = frozenset[tuple[str, int]]


class EdsFeed:
    """Keeps a store in step with the slices of all pools that are watched. To be made before the watches run."""

    def __init__(self, watches: Watches, store: EdsStore) -> None:
        self._watches = watches
        self._store = store
        self._slices: defaultdict[str, dict[ObjectKey, Manifest]] = defaultdict(dict)
        self._resources: dict[ObjectKey, str] = {}
        self._told: dict[str, _Addresses] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._missing_since: dict[str, float] = {}
        self._unreadable: set[str] = set()
        watches.on_change(self._note)
        watches.sight.on_change(store.set_current)

    async def run(self) -> None:
        """Mark the store ready once it knows all there is, after the first lists. From then on it follows by itself."""
        await self._watches.synced.wait()
        for resource in tuple(self._slices):
            self._tell(resource)
        self._store.ready.set()

    def stop(self) -> None:
        """Follow no more."""
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _note(self, key: ObjectKey, manifest: Manifest) -> None:
        """Note one change; a slice may also have come to belong to another Service."""
        if key.kind != ENDPOINT_SLICE:
            return
        is_there = self._watches.get(key) is not None
        resource = resource_of(manifest) if is_there else None
        former = self._resources.pop(key, None)
        if former is not None:
            self._slices[former].pop(key, None)
        if resource is not None:
            self._resources[key] = resource
            self._slices[resource][key] = manifest
        if self._store.ready.is_set():
            for changed in {former, resource} - {None}:
                self._settle_within(str(changed), SETTLE_SECONDS)

    def _settle_within(self, resource: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = self._due.get(resource)
        if due is not None and due.when() <= loop.time() + seconds:
            return
        if due is not None:
            due.cancel()
        self._due[resource] = loop.call_later(seconds, self._settle, resource)

    def _settle(self, resource: str) -> None:
        """Serve what is cached, or wait for missing kinds for a limited time."""
        del self._due[resource]
        assignment = self._build(resource)
        if self._told.get(resource, frozenset()) <= _read_addresses(assignment):
            self._tell(resource)
            return
        now = asyncio.get_running_loop().time()
        left = self._missing_since.setdefault(resource, now) + MISSING_SECONDS - now
        if left <= 0:
            self._tell(resource)
        else:
            self._settle_within(resource, left)

    def _tell(self, resource: str) -> None:
        self._missing_since.pop(resource, None)
        slices = self._slices[resource]
        assignment = self._build(resource)
        self._store.update(resource, assignment if slices else None)
        if slices:
            self._told[resource] = _read_addresses(assignment)
        else:
            del self._slices[resource]
            self._told.pop(resource, None)

    def _build(self, resource: str) -> Assignment:
        """Build a pool's assignment; a slice that cannot be read keeps none of its others from being told."""
        slices = self._slices[resource].values()
        try:
            return build_assignment(slices)
        except Exception:  # noqa: BLE001 - whatever somebody has written there
            if resource not in self._unreadable:
                self._unreadable.add(resource)
                _log.exception("cannotReadSlice", resource=resource)
            return build_assignment(manifest for manifest in slices if _is_readable(manifest))


def _is_readable(manifest: Manifest) -> bool:
    try:
        build_assignment([manifest])
    except Exception:  # noqa: BLE001 - as above, where it is logged
        return False
    return True


def _read_addresses(assignment: Assignment) -> _Addresses:
    return frozenset((e.address, e.port) for locality in assignment.localities for e in locality.endpoints)
