"""Which replica that never recovers gets a new volume now? At most one; most of the time, none.

Only one that lags and does not gain, or does not answer at all, beside a fresh one, while no one else is on the way
back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class StuckReplica:
    """A replica as replacement sees it.

    Attributes:
        since: Unix seconds since when it has been of its class.
        is_gaining: at its present rate it becomes fresh some time.
        is_silent: the kubelet has no answer of it either, and what it runs is nothing new.
        is_held: it does not start for a reason that a new volume does not change: no node has room for it.
        is_too_old: its Core is too old for the network, and would be with a new volume.
        is_terminating: its pod or its claim is going.
    """

    name: str
    replica_class: ReplicaClass
    since: float
    lag_ledgers: int | None = None
    is_gaining: bool = False
    is_silent: bool = False
    is_held: bool = False
    is_too_old: bool = False
    is_terminating: bool = False


def choose_replacement(replicas: Iterable[StuckReplica], wanted: int, after_seconds: float, now: float) -> str | None:
    """Choose the replica whose volume is given up: the one that has been of no use for longest past `after_seconds`.

    `now` is the time by the clock that `since` is of. The caller asks only while the scaler can be heard and the
    network moves. None where fewer replicas than `wanted` are there, or one is on its way: a replacement takes hours,
    and one at a time is plenty for the archives.
    """
    known = list(replicas)
    if len(known) < wanted or any(one.is_terminating or _is_on_the_way(one) for one in known):
        return None
    if not any(one.replica_class is ReplicaClass.FRESH for one in known):
        return None  # where all lag, it is not the volumes
    candidates = [one for one in known if _is_stuck(one) and now - one.since >= after_seconds]
    worst = min(candidates, key=lambda one: (one.since, -(one.lag_ledgers or 0), one.name), default=None)
    return worst.name if worst is not None else None


def _is_stuck(one: StuckReplica) -> bool:
    if one.is_too_old:
        return False
    lags = one.replica_class is ReplicaClass.LAGGING and not one.is_gaining
    return lags or (one.replica_class is ReplicaClass.UNREACHABLE and one.is_silent and not one.is_held)


def _is_on_the_way(one: StuckReplica) -> bool:
    return one.replica_class in (ReplicaClass.CATCHING_UP, ReplicaClass.UNKNOWN) and not (one.is_held or one.is_too_old)
