"""All objects of one kind as the API server has them, kept up to date by list and watch, as client-go's reflector does.

Objects are plain JSON, trimmed to what their reader needs; the store is what the controller decides from, so that a
steady cluster costs no requests at all.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import Kind, Manifest, ObjectKey, key_of

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 30.0
_LOG = structlog.get_logger()

Trim = Callable[[dict[str, Any]], dict[str, Any]]
OnChange = Callable[[ObjectKey, Manifest], None]
"""Told the key and the newest state of what was added, changed or deleted."""


def without_managed_fields(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim what the API server keeps for itself and makes up half of many objects."""
    manifest["metadata"].pop("managedFields", None)
    return manifest


class Informer:
    """The objects of one kind in one namespace, or in all of them (None).

    Attributes:
        synced: set once the first list is in; from then on the store is never empty for want of knowledge.
    """

    def __init__(
        self,
        client: KubernetesClient,
        kind: Kind,
        namespace: str | None,
        *,
        selector: str | None = None,
        trim: Trim = without_managed_fields,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self._client = client
        self._namespace = namespace
        self._selector = selector
        self._trim = trim
        self._objects: dict[ObjectKey, Manifest] = {}
        self._owned: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        self._listeners: list[OnChange] = []

    def on_change(self, listener: OnChange) -> None:
        """Have `listener` called at each change, within the event loop and before the next one is read."""
        self._listeners.append(listener)

    def get(self, namespace: str, name: str) -> Manifest | None:
        """Give one object as last seen."""
        return self._objects.get(ObjectKey(self.kind, namespace, name))

    def list_owned(self, uid: str) -> Iterator[Manifest]:
        """Give the objects that name the object of this uid as an owner."""
        return (self._objects[key] for key in sorted(self._owned.get(uid, ()), key=lambda key: key[1:]))

    def __iter__(self) -> Iterator[Manifest]:
        """Give all objects, in no order, as they are now."""
        return iter(list(self._objects.values()))

    def __len__(self) -> int:
        """Count the objects."""
        return len(self._objects)

    async def run(self) -> None:
        """Keep the store up to date until cancelled: a failure is logged once, and tried again ever more slowly."""
        failures = 0
        while True:
            try:
                version = await self._relist()
                if failures:
                    _LOG.info("watching again", kind=self.kind.name)
                failures = 0
                await self._follow(version)
            except ApiError as error:
                if not error.is_expired:
                    if not failures:
                        _LOG.warning("cannot watch", kind=self.kind.name, reason=error.reason, message=error.message)
                    failures += 1
                    await asyncio.sleep(_compute_pause(failures, error))

    async def _relist(self) -> str:
        """Take the whole list for what there is; whatever is not in it was deleted unseen."""
        listed, version = await self._client.list(self.kind, self._namespace, selector=self._selector)
        found = {key_of(self.kind, manifest): manifest for manifest in listed}
        for key in self._objects.keys() - found.keys():
            self._remove(key, self._objects[key])
        for key, manifest in found.items():
            known = self._objects.get(key)
            if known is None or _version_of(known) != _version_of(manifest):
                self._put(key, manifest)
        self.synced.set()
        return version

    async def _follow(self, version: str) -> None:
        """Watch, again and again, for as long as the server remembers where we are."""
        while True:
            async with contextlib.aclosing(
                self._client.watch(self.kind, self._namespace, version, selector=self._selector)
            ) as events:
                async for change, manifest in events:
                    version = _version_of(manifest)
                    if change == "DELETED":
                        self._remove(key_of(self.kind, manifest), manifest)
                    elif change != "BOOKMARK":
                        self._put(key_of(self.kind, manifest), manifest)

    def _put(self, key: ObjectKey, manifest: dict[str, Any]) -> None:
        self._disown(key)
        trimmed = self._trim(manifest)
        self._objects[key] = trimmed
        for owner in trimmed["metadata"].get("ownerReferences", ()):
            self._owned[owner["uid"]].add(key)
        self._tell(key, trimmed)

    def _remove(self, key: ObjectKey, manifest: Manifest) -> None:
        self._disown(key)
        self._objects.pop(key, None)
        self._tell(key, manifest)

    def _disown(self, key: ObjectKey) -> None:
        for owner in self._objects.get(key, {}).get("metadata", {}).get("ownerReferences", ()):
            owned = self._owned[owner["uid"]]
            owned.discard(key)
            if not owned:
                del self._owned[owner["uid"]]

    def _tell(self, key: ObjectKey, manifest: Manifest) -> None:
        for listener in self._listeners:
            listener(key, manifest)


def _version_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])


def _compute_pause(failures: int, error: ApiError) -> float:
    """Give the pause in seconds before the next try: doubled each time, spread, never less than the server asks for."""
    pause: float = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 16))
    spread = pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
    return max(error.retry_after_seconds or 0.0, spread)
