"""Is the load the reason that replicas fall behind? Inferred, without a request rate, from those that do so together.

One replica that falls behind tells of that replica; two of them within ten minutes, both still advancing, tell of the
load that they share. A stuck one tells nothing, nor does one that comes back from silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass
from scaler.standing.standing import ReplicaState

_ADVANCES_RATE = 0.02
"""Ledgers/s: a replica that applies fewer than one in 50 s is stuck, not busy."""
_FRESH, _LAGGING = ReplicaClass.FRESH, ReplicaClass.LAGGING
_TOGETHER_SECONDS = 600.0
_PROOF_SECONDS = 60.0
"""One that has just begun to lag is shown by then to be busy, or is stuck."""


@dataclass(frozen=True, slots=True)
class Overload:
    """What has been seen of it.

    Attributes:
        fresh: replicas that were fresh at the last look, or lag since and are not yet shown to be busy or stuck.
        alone: the last one that fell behind without company yet, and when, in seconds.
        seen_at: when a pair was last seen, in seconds; None while none was.
    """

    fresh: frozenset[str] = frozenset()
    alone: tuple[str, float] | None = None
    seen_at: float | None = None


def watch_overload(overload: Overload, standings: Mapping[str, ReplicaState], now: float) -> Overload:
    """Note which replicas have fallen behind since the last call; the order of `standings` does not matter."""
    alone, seen_at = overload.alone, overload.seen_at
    lagging = [name for name, one in standings.items() if one.replica_class is _LAGGING and name in overload.fresh]
    for name in sorted(lagging):
        if falls_behind(standings[name]):
            if alone is not None and is_company(alone, name, now):
                seen_at = now
            alone = (name, now)
    fresh = {name for name, one in standings.items() if one.replica_class is _FRESH}
    fresh.update([name for name in lagging if is_on_proof(standings[name], now)])
    is_same = fresh == overload.fresh and alone is overload.alone and seen_at is overload.seen_at
    return overload if is_same else Overload(frozenset(fresh), alone, seen_at)


def falls_behind(standing: ReplicaState) -> bool:
    """Return whether a replica lags because it is too slow: it still advances, and has done so since it lags."""
    if standing.replica_class is not ReplicaClass.LAGGING or (standing.rate or 0.0) < _ADVANCES_RATE:
        return False
    return standing.closed_at is None or standing.closed_at > standing.since


def is_on_proof(standing: ReplicaState, now: float) -> bool:
    """Return whether it is too early to say whether a lagging replica advances or is stuck."""
    if standing.replica_class is not ReplicaClass.LAGGING or standing.closed_at is None:
        return False
    return standing.closed_at <= standing.since and now - standing.since <= _PROOF_SECONDS


def is_company(alone: tuple[str, float], name: str, now: float) -> bool:
    """Return whether a replica that falls behind now shares the load with one that did so at a time before."""
    return alone[0] != name and now - alone[1] <= _TOGETHER_SECONDS
