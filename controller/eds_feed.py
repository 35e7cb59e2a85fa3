"""From EndpointSlices as they change to the assignments that are served: gathers each Service's slices, and no others.

An endpoint that changes its class moves from one slice to another by two writes. What comes within a moment is taken
together, so that it is rarely seen in neither.
"""

import asyncio
from collections import defaultdict

from controller.eds import build_assignment, resource_of
from controller.eds_store import EdsStore
from controller.watches import Watches
from readpool.kubernetes.kinds import ENDPOINT_SLICE, Manifest, ObjectKey

SETTLE_SECONDS = 0.02


class EdsFeed:
    """Keeps a store in step with the slices of all pools that are watched. To be made before the watches run."""

    def __init__(self, watches: Watches, store: EdsStore) -> None:
        self._watches = watches
        self._store = store
        self._slices: defaultdict[str, dict[ObjectKey, Manifest]] = defaultdict(dict)
        self._resources: dict[ObjectKey, str] = {}
        self._changed: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        watches.on_change(self._note)

    async def run(self) -> None:
        """Say when the store knows all there is, which is after the first lists. From then on it follows by itself."""
        await self._watches.synced.wait()
        self._settle()
        self._store.ready.set()

    def _note(self, key: ObjectKey, manifest: Manifest) -> None:
        """Note one change; a slice may also have come to belong to another Service."""
        if key.kind != ENDPOINT_SLICE:
            return
        is_there = self._watches.get(key) is not None
        resource = resource_of(manifest) if is_there else None
        former = self._resources.pop(key, None)
        if former is not None:
            self._slices[former].pop(key, None)
            self._changed.add(former)
        if resource is not None:
            self._resources[key] = resource
            self._slices[resource][key] = manifest
            self._changed.add(resource)
        if self._changed and self._timer is None and self._store.ready.is_set():
            self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle)

    def _settle(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, set()
        for resource in changed:
            slices = self._slices[resource]
            self._store.update(resource, build_assignment(slices.values()) if slices else None)
            if not slices:
                del self._slices[resource]
