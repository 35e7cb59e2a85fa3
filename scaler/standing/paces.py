"""What rate has each replica served while it kept up with the network? It can refute a learned capacity.

Beside policy.capacity, which learns from replicas that fall behind: one that keeps pace at the same rate shows that
the load was not the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass
from scaler.standing.standing import ReplicaState

_IN_STEP_LEDGERS = 2
"""Up to this lag a replica keeps pace: a ledger closed between two polls is no lag."""
_SETTLED_SECONDS = 60.0
"""A replica that has only just become fresh tells nothing: its share of the load is still changing."""
_FRESH = ReplicaClass.FRESH
_PROOF_SECONDS = 180.0
"""A replica above its capacity for as long is out of step: at a tenth too much by four ledgers."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How one replica keeps pace.

    Attributes:
        since: since when it does without a break, in seconds.
        begun_at: when the stretch began that is measured at present, in seconds.
        least: the fewest requests/s that it served since then.
        proven: the fewest of the last whole stretch.
    """

    since: float
    begun_at: float
    least: float
    proven: float = 0.0


def keeps_pace(standing: ReplicaState, now: float) -> bool:
    """Return whether a replica has been fresh for a while and keeps up with the network."""
    lag = standing.lag_ledgers
    return (
        standing.replica_class is _FRESH
        and lag is not None
        and now - standing.since >= _SETTLED_SECONDS
        and lag <= _IN_STEP_LEDGERS
    )


def follow_paces(
    paces: Mapping[str, Pace], keeping: Iterable[str], requests: Mapping[str, float], now: float
) -> dict[str, Pace]:
    """Go on with those that keep pace and do not fail their readers; the others start over."""
    return {name: _follow(paces.get(name), requests.get(name, 0.0), now) for name in keeping}


def _follow(pace: Pace | None, served: float, now: float) -> Pace:
    if pace is None:
        return Pace(now, now, served)
    if now - pace.begun_at >= _PROOF_SECONDS:
        return Pace(pace.since, now, served, min(pace.least, served))
    return pace if served >= pace.least else Pace(pace.since, pace.begun_at, served, pace.proven)


def find_proven(paces: Mapping[str, Pace]) -> float:
    """Find the requests/s that two replicas have served, or the only one. 0 if none has for long enough.

    The fastest machine says nothing of the others.
    """
    proven = sorted([pace.proven for pace in paces.values()])
    return proven[-min(2, len(proven))] if proven else 0.0
