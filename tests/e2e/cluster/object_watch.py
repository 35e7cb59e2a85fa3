"""Every write of the objects of a kind, from a watch that begins at a known resourceVersion, so that none is missed."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from devtools.cluster.access import Access
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.kubectl_watch import read_watch

HEARD_SECONDS = 30.0
WATCH_SECONDS = 7200
"""More than any test takes; the API server would end a watch sooner otherwise."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the watch told it: ADDED, MODIFIED or DELETED, and the object after it."""

    kind: str
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The object's."""
        return str(self.manifest["metadata"]["name"])


@dataclass
class ObjectWatch:
    """The writes of a kind in a namespace since the watch began, in their order; `first` is what was there then."""

    access: Access
    namespace: str
    resource: str
    first: list[dict[str, Any]]
    writes: list[Write] = field(default_factory=list)

    def catch_up(self, name: str) -> None:
        """Wait until the watch has told of an object as it is now, and so of all that was written before.

        Raises:
            TimeoutError: it has not, as where it has ended; says what it told last.
        """
        there = self.access.get(self.resource, name, self.namespace) or {}
        version = there["metadata"]["resourceVersion"]

        def has_told() -> bool:
            told = (*self.first, *(write.manifest for write in self.writes))
            return any(one["metadata"].get("resourceVersion") == version for one in told)

        what = f"the watch to tell of {name} at {version}, after {self.writes[-1:]}"
        wait_for(what, has_told, HEARD_SECONDS, every=0.05)

    def note(self, line: str) -> None:
        """Note what a line of the watch tells."""
        event = json.loads(line)
        self.writes.append(Write(event["type"], event["object"]))


@contextlib.contextmanager
def watch_objects(access: Access, group: str, resource: str, namespace: str) -> Iterator[ObjectWatch]:
    """Watch a resource of a group, with its version, in a namespace while the block runs."""
    path = f"/apis/{group}/namespaces/{namespace}/{resource}"
    listed = json.loads(access.kubectl("get", "--raw", path))
    version = listed["metadata"]["resourceVersion"]
    query = f"{path}?watch=true&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
    watch = ObjectWatch(access, namespace, resource, listed["items"])
    with read_watch(access, ["--raw", query], watch.note):
        yield watch
