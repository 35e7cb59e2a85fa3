"""All objects of one kind as the API server has them, kept up to date by list and watch, as client-go's reflector does.

Objects are plain JSON, trimmed to what their reader needs; the store is what the controller decides from, so that a
steady cluster costs no requests at all.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog

from readpool.backoff import compute_backoff
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import Kind, Manifest, ObjectKey, key_of

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 30.0
SHORT_WATCH_SECONDS = 1.0
"""A watch that ends sooner, and has brought nothing, has failed."""
MOST_GONE = 1000
"""Deletions that are remembered; a response is seconds late, not thousands of deletions."""
_log = structlog.get_logger()

Trim = Callable[[dict[str, Any]], dict[str, Any]]
OnChange = Callable[[ObjectKey, Manifest], None]
"""Told the key and the newest state of what was added, changed or deleted."""
FindIndexKeys = Callable[[Manifest], Iterable[str]]
"""Finds what an object can be looked up by, besides its name."""


def without_managed_fields(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim what the API server keeps for itself and makes up half of many objects."""
    manifest["metadata"].pop("managedFields", None)
    return manifest


def find_owners(manifest: Manifest) -> Iterable[str]:
    """Find the uids of an object's owners."""
    return (owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or ())


class Informer:
    """The objects of one kind in one namespace, or in all of them (None).

    What this process writes itself is put in by `observe` and `observe_deleted` at once, so that no one decides from
    what was there before his own write; what the watch brings of older versions than that is passed over.

    Attributes:
        synced: set once the first list is in; from then on the store is never empty for want of knowledge.
        lost_at: since when the store may be out of date, by the loop's clock; None while it is followed.
        failure: what the last round failed with; None while the store is followed.
    """

    def __init__(
        self,
        client: KubernetesClient,
        kind: Kind,
        namespace: str | None,
        *,
        selector: str | None = None,
        fields: str | None = None,
        trim: Trim = without_managed_fields,
        find_index_keys: FindIndexKeys = find_owners,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self.lost_at: float | None = None
        self.failure: ApiError | None = None
        self._has_followed = False
        """Since the last list, a watch has brought something or lasted for a while."""
        self._client = client
        self._namespace = namespace
        self._selector = selector
        self._fields = fields
        self._trim = trim
        self._objects: dict[ObjectKey, Manifest] = {}
        self._find_index_keys = find_index_keys
        self._index: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        self._written: set[ObjectKey] = set()
        """By this process, since the last list was asked for."""
        self._deleted: dict[ObjectKey, str] = {}
        """The uids of what this process deleted, until the watch has said so."""
        self._gone: dict[ObjectKey, int] = {}
        """The versions of the last deletions: the response of a write may come after the watch's event for one."""
        self._listeners: list[OnChange] = []

    def on_change(self, listener: OnChange) -> None:
        """Call `listener` at every change, in the event loop and before the next one is read."""
        self._listeners.append(listener)

    def get(self, namespace: str, name: str) -> Manifest | None:
        """Return the cached object."""
        return self._objects.get(ObjectKey(self.kind, namespace, name))

    def list_by_index(self, index_key: str) -> Iterator[Manifest]:
        """Return the cached objects with an index key, by default those owned by the object of this uid."""
        return (self._objects[key] for key in sorted(self._index.get(index_key, ()), key=lambda key: key[1:]))

    def observe(self, manifest: dict[str, Any]) -> None:
        """Put the response of a write into the cache; the watch's event for it is then skipped."""
        key = key_of(self.kind, manifest)
        self._written.add(key)
        if not self._is_older(key, manifest) and _order_of(manifest) >= self._gone.get(key, 0):
            self._put_if_other(key, manifest)

    def observe_deleted(self, key: ObjectKey, uid: str) -> None:
        """Remove an object from the cache: listeners are called now, and again at the watch's event."""
        known = self._objects.get(key)
        self._written.add(key)
        if known is not None and known["metadata"].get("uid") == uid:
            self._deleted[key] = uid
            self._remove(key, known)

    def __iter__(self) -> Iterator[Manifest]:
        """Return all cached objects, in no particular order."""
        return iter(list(self._objects.values()))

    def __len__(self) -> int:
        """Count the objects."""
        return len(self._objects)

    async def run(self) -> None:
        """Keep the store up to date until cancelled: a failure is logged once, and tried again ever more slowly."""
        failures = 0
        while True:
            self._has_followed = False
            try:
                await self._follow(await self._relist())
            except ApiError as error:
                failures = 1 if self._has_followed else failures + 1
                self._note_lost(error, failures)
                if self._has_followed and error.is_expired:
                    continue
                await asyncio.sleep(_compute_pause(failures, error))

    def _note_lost(self, error: ApiError, failures: int) -> None:
        self.failure = error
        if self.lost_at is None:
            self.lost_at = asyncio.get_running_loop().time()
        if failures == 1 and not error.is_expired:
            _log.warning("watchFailed", kind=self.kind.name, reason=error.reason, message=error.message)

    def _note_found(self) -> None:
        if self.failure is not None and not self.failure.is_expired:
            _log.info("watchRecovered", kind=self.kind.name)
        self.lost_at = self.failure = None

    async def _relist(self) -> str:
        """Replace the cache by the whole list; whatever is not in it was deleted unseen.

        What was written while the list was under way may be newer than the list.
        """
        self._written.clear()
        self._deleted.clear()
        self._gone.clear()
        listed, version = await self._client.list(
            self.kind, self._namespace, selector=self._selector, fields=self._fields
        )
        found = {key_of(self.kind, manifest): manifest for manifest in listed}
        for key in self._objects.keys() - found.keys():
            if not (key in self._written and _order_of(self._objects[key]) > _parse_order(version)):
                self._remove(key, self._objects[key])
        for key, manifest in found.items():
            if not (key in self._written and self._is_older(key, manifest)):
                self._put_if_other(key, manifest)
        self.synced.set()
        self._note_found()
        return version

    async def _follow(self, version: str) -> None:
        """Watch, again and again, for as long as the server remembers where we are.

        Raises:
            ApiError: also where a watch ended at once and brought nothing, so that no one is asked without a pause.
        """
        while True:
            began, has_news = asyncio.get_running_loop().time(), False
            try:
                async with contextlib.aclosing(
                    self._client.watch(
                        self.kind, self._namespace, version, selector=self._selector, fields=self._fields
                    )
                ) as events:
                    async for change, manifest in events:
                        has_news = has_news or (change != "BOOKMARK" and _version_of(manifest) != version)
                        version = _version_of(manifest)
                        self._take_event(change, manifest)
            finally:
                lasted = asyncio.get_running_loop().time() - began
                self._has_followed = self._has_followed or has_news or lasted >= SHORT_WATCH_SECONDS
            if not has_news and lasted < SHORT_WATCH_SECONDS:
                raise ApiError(0, "EmptyWatch", "the watch ended at once and brought nothing")

    def _take_event(self, change: str, manifest: dict[str, Any]) -> None:
        if change == "DELETED":
            self._see_deleted(key_of(self.kind, manifest), manifest)
        elif change != "BOOKMARK":
            self._see(key_of(self.kind, manifest), manifest)

    def _see(self, key: ObjectKey, manifest: dict[str, Any]) -> None:
        if not self._is_older(key, manifest):
            self._put_if_other(key, manifest)

    def _see_deleted(self, key: ObjectKey, manifest: dict[str, Any]) -> None:
        known = self._objects.get(key)
        self._deleted.pop(key, None)
        self._gone.pop(key, None)
        self._gone[key] = _order_of(manifest)
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]
        if known is not None and known["metadata"].get("uid") != manifest["metadata"].get("uid"):
            return  # of its name there is another by now, which this process has made
        self._remove(key, manifest)

    def _is_older(self, key: ObjectKey, manifest: Manifest) -> bool:
        """Return whether more is known already. Versions of one kind are ordered numbers (KEP-5504)."""
        known = self._objects.get(key)
        if known is None:
            return bool(self._deleted.get(key) == manifest["metadata"].get("uid", ""))
        return _order_of(manifest) < _order_of(known)

    def _put_if_other(self, key: ObjectKey, manifest: dict[str, Any]) -> None:
        known = self._objects.get(key)
        if known is None or _version_of(known) != _version_of(manifest):
            self._tell(key, self._store(key, manifest))

    def _store(self, key: ObjectKey, manifest: dict[str, Any]) -> Manifest:
        self._remove_from_index(key)
        trimmed = self._trim(manifest)
        self._objects[key] = trimmed
        for index_key in self._find_index_keys(trimmed):
            self._index[index_key].add(key)
        return trimmed

    def _remove(self, key: ObjectKey, manifest: Manifest) -> None:
        self._drop(key)
        self._tell(key, manifest)

    def _drop(self, key: ObjectKey) -> None:
        self._remove_from_index(key)
        self._objects.pop(key, None)

    def _remove_from_index(self, key: ObjectKey) -> None:
        known = self._objects.get(key)
        for index_key in self._find_index_keys(known) if known is not None else ():
            indexed = self._index[index_key]
            indexed.discard(key)
            if not indexed:
                del self._index[index_key]

    def _tell(self, key: ObjectKey, manifest: Manifest) -> None:
        for listener in self._listeners:
            listener(key, manifest)


def _version_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])


def _order_of(manifest: Manifest) -> int:
    return _parse_order(_version_of(manifest))


def _parse_order(version: str) -> int:
    return int(version) if version.isascii() and version.isdigit() else 0


def _compute_pause(failures: int, error: ApiError) -> float:
    """Compute the back-off in seconds, never less than the server asks for."""
    return max(error.retry_after_seconds or 0.0, compute_backoff(failures, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS))
