"""The assignments of all pools as they are now, ready to be sent; controller.eds.eds_service serves them.

Written by controller.eds.eds_feed, from the slices. Encoded once for all the Envoys that ask.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, KeysView
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as PackedMessage

from controller.eds.eds import Assignment, compute_version
from controller.eds.eds_messages import encode_assignment

_EMPTY = Assignment()
_EMPTY_VERSION = compute_version(_EMPTY)


@dataclass(frozen=True, slots=True)
class Resource:
    """An assignment with its version, encoded."""

    version: str
    message: PackedMessage


class EdsStore:
    """The newest assignment of each pool.

    Attributes:
        ready: set once all that there is, is known: before that a pool that is there would seem to have no endpoints.
        is_current: False while changes are not received; clients should connect to another controller then.
    """

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.is_current = True
        self._on_current: list[Callable[[], None]] = []
        self._resources: dict[str, Resource] = {}
        self._watchers: set[Callable[[str], None]] = set()

    def update(self, name: str, assignment: Assignment | None) -> None:
        """Put an assignment in place of an older one; None for a pool that is gone. Watchers hear of what changed."""
        version = compute_version(assignment) if assignment is not None else None
        if version == self.version_of(name):
            return
        if assignment is None or version is None:
            del self._resources[name]
        else:
            self._resources[name] = Resource(version, encode_assignment(name, assignment))
        for watcher in tuple(self._watchers):
            watcher(name)

    def set_current(self, is_current: bool) -> None:
        """Return whether what is here is current."""
        self.is_current = is_current
        for listener in self._on_current:
            listener()

    def on_current(self, listener: Callable[[], None]) -> None:
        """Call `listener` when `is_current` has changed."""
        self._on_current.append(listener)

    def version_of(self, name: str) -> str | None:
        """Return the version of a pool's assignment; None if the pool does not exist."""
        found = self._resources.get(name)
        return found.version if found else None

    def get(self, name: str) -> Resource:
        """Return a pool's assignment; a missing pool has no endpoints."""
        return self._resources.get(name) or Resource(_EMPTY_VERSION, encode_assignment(name, _EMPTY))

    def names(self) -> KeysView[str]:
        """Name the pools that there are, at whatever time they are read."""
        return self._resources.keys()

    @contextlib.contextmanager
    def watching(self, watcher: Callable[[str], None]) -> Iterator[None]:
        """Call `watcher` with the name of each pool whose assignment changes, while the block runs."""
        self._watchers.add(watcher)
        try:
            yield
        finally:
            self._watchers.discard(watcher)
