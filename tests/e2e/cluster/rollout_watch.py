"""Watches a pool while its replicas are replaced: how many are away at a time, and how many readers are sent to."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.e2e.cluster.read_only_pool import Manifest, PoolView

EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """One look: who was ready, the class of each as status said it, and who was sent readers."""

    ready: tuple[str, ...]
    classes: tuple[str, ...]
    routed: tuple[str, ...]


@dataclass
class RolloutSeen:
    """What was seen, each look that differs from the one before."""

    replicas: int
    looks: list[Look] = field(default_factory=list)

    def note(self, look: Look) -> None:
        """Note a look."""
        if not self.looks or self.looks[-1] != look:
            self.looks.append(look)

    @property
    def most_away(self) -> int:
        """How many pods at most were missing, on their way out or not ready, at one moment."""
        return max(self.replicas - len(look.ready) for look in self.looks)

    @property
    def fewest_routed(self) -> int:
        """How many pods at least were sent readers, at one moment at which all but one were fresh.

        On a busy machine another one may be too slow to answer for a moment, and is then rightly sent nobody.
        """
        calm = [look for look in self.looks if look.classes.count("fresh") >= self.replicas - 1]
        return min(len(look.routed) for look in calm)

    def __str__(self) -> str:
        """Describe it look by look, for the message of a failed test."""
        return "\n".join(map(str, self.looks))


@contextlib.contextmanager
def watch_rollout(pool: PoolView) -> Iterator[RolloutSeen]:
    """Look at the pool again and again during the block, from a thread of its own.

    Raises:
        RuntimeError: it was not looked at once.
    """
    seen, is_over = RolloutSeen(len(pool.pods())), threading.Event()

    def look() -> None:
        while not is_over.wait(EVERY_SECONDS):
            pods, status, weights = pool.look()
            ready = tuple(pod["metadata"]["name"] for pod in pods if _is_ready(pod))
            classes = tuple(one["replicaClass"] for one in status["replicaWeights"])
            seen.note(Look(ready, classes, tuple(sorted(weights))))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()
    if not seen.looks:
        raise RuntimeError(f"{pool.namespace}/{pool.name} was not looked at")


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
