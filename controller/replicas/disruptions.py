"""May a drain evict a replica now? The budget depends on which replicas are fresh, and never blocks a drain forever.

The kubelet calls a replica ready seconds after its start, and it is fresh minutes or hours later. So the budget is shut
while too few are fresh and somebody is on the way; an hour after it was shut at most it lets one more go.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.observed.labels import CLOSED_ANNOTATION, read_number
from controller.observed.observed import ObservedPool
from controller.replicas.replicas import Replica
from readpool.kubernetes.kinds import PDB, Manifest
from readpool.replica_class import ReplicaClass

SHUT_SECONDS = 3600.0
"""So long a drain waits for a replica to be fresh; managed clusters give a node's drain about as much."""


@dataclass(frozen=True, slots=True)
class Disruptions:
    """How many replicas may be taken at once; since when none may, in Unix seconds, kept beyond its end.

    `due` is when time alone changes it.
    """

    most: int = 1
    shut_since: int | None = None
    due: float | None = None


def compute_disruptions(observed: ObservedPool, replicas: Sequence[Replica], wanted: int, now: float) -> Disruptions:
    """Decide whether one more may be evicted. The time is noted on the budget, so that the next leader knows it."""
    last = read_shut_since(observed.find(PDB, observed.pool.name))
    if not _is_to_be_shut(observed, replicas, wanted, was_shut=last is not None):
        return Disruptions()
    since = int(now) if last is None else min(last, int(now))  # whoever noted it may have had another clock
    if now >= since + SHUT_SECONDS and _has_one_gone(replicas, since + SHUT_SECONDS):
        since = int(now)
    ends = since + SHUT_SECONDS
    return Disruptions(0, since, ends) if now < ends else Disruptions(1, since)


def read_shut_since(live: Manifest | None) -> int | None:
    """Read since when a budget is shut; None for one that is not, or of which that cannot be read."""
    return read_number(live or {}, CLOSED_ANNOTATION)


def _is_to_be_shut(observed: ObservedPool, replicas: Sequence[Replica], wanted: int, *, was_shut: bool) -> bool:
    fleet = observed.current_fleet
    if fleet is None:
        return was_shut  # no one knows better
    fresh = sum(one.is_fresh and not one.is_dead for one in replicas)
    enough = min(wanted, observed.pool.spec.target_replicas)
    if fleet.is_halted or not 0 < fresh < enough:
        return False
    return fresh == 1 or len(replicas) < wanted or any(map(_is_on_the_way, replicas))


def _is_on_the_way(replica: Replica) -> bool:
    """Return whether it is expected to be fresh: it is recreated, starts, catches up, or gains."""
    if replica.is_out_of_service:
        return False
    if replica.replica_class is ReplicaClass.LAGGING:
        return replica.view is not None and replica.view.seconds_to_fresh is not None
    return replica.is_terminating or replica.replica_class not in (ReplicaClass.FRESH, ReplicaClass.FOREIGN)


def _has_one_gone(replicas: Sequence[Replica], since: float) -> bool:
    """Return whether a replica was evicted since then, by the API server's times of its pod or the next one."""
    return any(max(one.made_at or 0.0, one.ends_at or 0.0) >= since for one in replicas)
