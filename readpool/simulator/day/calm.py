"""When nothing can happen: replicas keep pace for their share, download or are stuck, and no fault begins or ends.

Most steps of most days are like that. The model takes them in a few assignments, and comes to the same figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from readpool.replica_class import ReplicaClass
from readpool.simulator.day.oddities import Span
from readpool.simulator.day.replica import FULL_SPEED, NETWORK_RATE, READS_AT_FULL_USE, ModelReplica
from readpool.simulator.day.scenario import FaultKind
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.traffic import STEP_SECONDS

_FRESH = ReplicaClass.FRESH
_LEAST_SPEED = 1.001 * NETWORK_RATE / FULL_SPEED
"""Of its speed a replica needs this to apply a ledger in each of the network's; the rest is for reads."""


@dataclass(frozen=True, slots=True)
class Calm:
    """Nothing happens before `until`, in seconds from midnight, at no more than `most_demand` reads/s.

    `serving` replicas are fresh and have the reads; the others download, or are stuck, and have none. `healthy` ones
    have no fault.
    """

    until: float
    most_demand: float
    serving: int
    healthy: int


NO_CALM = Calm(-inf, 0.0, 0, 0)
_STILL_RATE = 0.01
"""Ledgers/s of one that has been stuck for a minute, as it is seen; nothing goes by whether it is less."""


def find_calm(
    replicas: Sequence[ModelReplica],
    sights: Mapping[str, Sight],
    weights: Mapping[str, int],
    tip: int,
    stale_lag: int,
    now: float,
    due: float,
) -> Calm:
    """Find how long all stays calm: at most until `due`, when the next thing of the day happens."""
    if due <= now or not len(sights) == len(weights) == len(replicas) > 0:
        return NO_CALM
    shares = set(weights.values()) - {0}
    if len(shares) != 1:
        return NO_CALM  # one that is still to move
    (share,), total, most, serving, healthy = shares, sum(weights.values()), inf, 0, 0
    for replica in replicas:
        sight, weight = sights.get(replica.name), weights.get(replica.name)
        if sight is None or sight.restarts != replica.restarts or sight.failed or sight.dissenting:
            return NO_CALM
        if not weight and _is_stuck(replica, sight, tip, stale_lag, now):
            due = min(due, replica.fault_until, replica.resumes_at)
            continue
        healthy += 1
        if not weight and _downloads(replica, sight, now):
            due = min(due, replica.downloaded_at)
            continue
        if not weight or not _is_in_step(replica, sight, tip):
            return NO_CALM
        serving += 1
        most = min(most, READS_AT_FULL_USE * (replica.speed - _LEAST_SPEED) * total / share)
    return Calm(due, most, serving, healthy)


def _is_in_step(replica: ModelReplica, sight: Sight, tip: int) -> bool:
    """Return whether a replica has no fault, is fresh and at the tip, and is seen so."""
    if replica.fault is not None or replica.loops_at != inf:
        return False
    return replica.ledger == tip == sight.ledger and sight.replica_class is _FRESH and sight.is_quiet


def _downloads(replica: ModelReplica, sight: Sight, now: float) -> bool:
    """Return whether a replica answers that it has nothing yet, as it did before."""
    is_known = sight.replica_class is ReplicaClass.CATCHING_UP and sight.ledger == 0 and sight.lag_ledgers is None
    is_under_way = not replica.ledger and replica.answers_at <= now < replica.downloaded_at
    return is_under_way and is_known and replica.fault is None and replica.loops_at == inf


def _is_stuck(replica: ModelReplica, sight: Sight, tip: int, stale_lag: int, now: float) -> bool:
    """Return whether a replica lags and is seen to stand still, by any threshold."""
    if sight.replica_class is not ReplicaClass.LAGGING or sight.rate is None or sight.rate >= _STILL_RATE:
        return False
    is_still = replica.fault is FaultKind.STUCK and replica.answers_at <= now < replica.resumes_at
    return is_still and replica.loops_at == inf and replica.ledger > 0 and tip - replica.ledger >= stale_lag


def find_last_step(calm: Calm, traffic: Sequence[float], step: int, last: int) -> int:
    """Find the last step, `last` or one before it, up to which all is calm from `step` on; `step` - 1 where none is."""
    end = min(last + 1, len(traffic))
    if calm.until < end * STEP_SECONDS:
        end = ceil(calm.until / STEP_SECONDS)
    most = calm.most_demand
    while step < end and traffic[step] <= most:
        step += 1
    return step - 1


def find_look(step: int, until: float, every: int) -> int:
    """Find the first of every so many steps that is neither before `step` nor before `until`, in seconds."""
    return every * ceil(max(step, until / STEP_SECONDS) / every)


def find_due(now: float, spans: Iterable[Span], moments: Iterable[float]) -> float:
    """Find when the next span begins or a moment comes; `now` where one of the spans holds."""
    due = min(moments, default=inf)
    for span in spans:
        if span.holds(now):
            return now
        if span.start > now:
            due = min(due, span.start)
    return due
