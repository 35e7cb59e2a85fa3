"""When nothing can happen: replicas are in step and keep pace for their share, or download, and no fault is due.

Most steps of most days are like that. The model takes them in a few assignments, and comes to the same figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from readpool.replica_class import ReplicaClass
from readpool.simulator.day.oddities import Span
from readpool.simulator.day.replica import FULL_SPEED, NETWORK_RATE, READS_AT_FULL_USE, ModelReplica
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.traffic import STEP_SECONDS

_FRESH = ReplicaClass.FRESH
_LEAST_SPEED = 1.001 * NETWORK_RATE / FULL_SPEED
"""Of its speed a replica needs this to apply a ledger in each of the network's; the rest is for reads."""


@dataclass(frozen=True, slots=True)
class Calm:
    """Nothing happens before `until`, in seconds from midnight, at no more than `most_demand` reads/s.

    `serving` replicas are fresh and have the reads; the others download and have none.
    """

    until: float
    most_demand: float
    serving: int


NO_CALM = Calm(-inf, 0.0, 0)


def find_calm(
    replicas: Sequence[ModelReplica],
    sights: Mapping[str, Sight],
    weights: Mapping[str, int],
    tip: int,
    now: float,
    due: float,
) -> Calm:
    """Find how long all stays calm: at most until `due`, when the next thing of the day happens."""
    if len(sights) != len(replicas) or len(weights) != len(replicas) or not replicas:
        return NO_CALM
    shares = set(weights.values()) - {0}
    if len(shares) != 1:
        return NO_CALM  # one that is still to move
    (share,), total, most, serving = shares, sum(weights.values()), inf, 0
    for replica in replicas:
        sight, weight = sights.get(replica.name), weights.get(replica.name)
        if sight is None or replica.fault is not None or replica.loops_at != inf:
            return NO_CALM
        if not weight and _downloads(replica, sight, now):
            due = min(due, replica.downloaded_at)
            continue
        if not weight or replica.ledger != tip or sight.ledger != tip:
            return NO_CALM
        if sight.replica_class is not _FRESH or not sight.is_quiet:
            return NO_CALM
        serving += 1
        most = min(most, READS_AT_FULL_USE * (replica.speed - _LEAST_SPEED) * total / share)
    return Calm(due, most, serving)


def _downloads(replica: ModelReplica, sight: Sight, now: float) -> bool:
    """Return whether a replica answers that it has nothing yet, as it did before."""
    is_known = sight.replica_class is ReplicaClass.CATCHING_UP and sight.ledger == 0 and sight.lag_ledgers is None
    is_same = sight.restarts == replica.restarts and not sight.failed and not sight.dissenting
    return not replica.ledger and replica.answers_at <= now < replica.downloaded_at and is_known and is_same


def find_last_step(calm: Calm, traffic: Sequence[float], step: int, last: int) -> int:
    """Find the last step, `last` or one before it, up to which all is calm from `step` on; `step` - 1 where none is."""
    end = min(last + 1, len(traffic))
    if calm.until < end * STEP_SECONDS:
        end = ceil(calm.until / STEP_SECONDS)
    most = calm.most_demand
    while step < end and traffic[step] <= most:
        step += 1
    return step - 1


def find_due(now: float, spans: Iterable[Span], moments: Iterable[float]) -> float:
    """Find when the next span begins or a moment comes; `now` where one of the spans holds."""
    due = min(moments, default=inf)
    for span in spans:
        if span.holds(now):
            return now
        if span.start > now:
            due = min(due, span.start)
    return due
