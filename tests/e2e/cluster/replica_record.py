"""A record of every number of replicas that a fleet was told to have: from a watch, so that none is missed."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from devtools.cluster.access import Access
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.kubectl_watch import read_watch

FIRST_WORD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """A number of replicas, and when it was seen first, in Unix seconds."""

    replicas: int
    at: float


class ReplicaRecord:
    """Every value of `spec.replicas` of one StatefulSet, in order, each change once."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def note(self, replicas: int) -> None:
        """Note what the watch tells."""
        if not self.steps or self.steps[-1].replicas != replicas:
            self.steps.append(Step(replicas, time.time()))

    @property
    def values(self) -> list[int]:
        """The numbers, each change once."""
        return [step.replicas for step in self.steps]

    @property
    def largest_rise(self) -> int:
        """By how many it grew at most from one value to the next."""
        return max((after - before for before, after in pairwise(self.values)), default=0)

    def first_at(self, replicas: int) -> float:
        """Return when a number was first seen, in Unix seconds."""
        return next(step.at for step in self.steps if step.replicas == replicas)


@contextlib.contextmanager
def record_replicas(access: Access, namespace: str, stateful_set: str) -> Iterator[ReplicaRecord]:
    """Record what a StatefulSet is told to have while the block runs.

    Raises:
        RuntimeError: the watch ended before the block, so that the record has a gap.
    """
    template = '-o=jsonpath={.spec.replicas}{"\\n"}'
    what = ("statefulset", stateful_set, f"--namespace={namespace}")
    record = ReplicaRecord()
    with read_watch(access, [*what, "--watch", template], lambda line: record.note(int(line))) as find_exit:
        wait_for("the watch's first word", lambda: record.steps, FIRST_WORD_SECONDS, every=0.05)
        yield record
        if (code := find_exit()) is not None:
            raise RuntimeError(f"the watch of {namespace}/{stateful_set} ended with {code}")
