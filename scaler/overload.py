"""Is it the load that makes replicas fall behind? Told by who falls behind together, where no request rate is known.

One replica that falls behind tells of that replica; two of them within ten minutes, both still advancing, tell of the
load that they share. A stuck one tells nothing, nor does one that comes back from silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass
from scaler.freshness import ReplicaStanding

_ADVANCES_RATE = 0.02
"""Ledgers/s, a tenth of what a network closes: a replica that applies fewer is stuck, not busy."""
_TOGETHER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Overload:
    """What has been seen of it.

    Attributes:
        fresh: replicas that were fresh at the last look.
        alone: the last one that fell behind without company yet, and when, in seconds.
        seen_at: when a pair was last seen, in seconds; None while none was.
    """

    fresh: frozenset[str] = frozenset()
    alone: tuple[str, float] | None = None
    seen_at: float | None = None


def watch_overload(overload: Overload, standings: Mapping[str, ReplicaStanding], now: float) -> Overload:
    """Note who has fallen behind since the last look; the order of `standings` does not matter."""
    alone, seen_at = overload.alone, overload.seen_at
    for name in sorted(overload.fresh):
        if name in standings and falls_behind(standings[name]):
            if alone is not None and is_company(alone, name, now):
                seen_at = now
            alone = (name, now)
    fresh = frozenset(name for name, one in standings.items() if one.replica_class is ReplicaClass.FRESH)
    return Overload(fresh, alone, seen_at)


def falls_behind(standing: ReplicaStanding) -> bool:
    """Tell whether a replica lags for want of time: it still advances."""
    return standing.replica_class is ReplicaClass.LAGGING and (standing.rate or 0.0) >= _ADVANCES_RATE


def is_company(alone: tuple[str, float], name: str, now: float) -> bool:
    """Tell whether a replica that falls behind now shares the load with another one, that did so at a time before."""
    return alone[0] != name and now - alone[1] <= _TOGETHER_SECONDS
