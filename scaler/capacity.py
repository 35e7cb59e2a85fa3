"""What can one replica bear? Learned from those that fall behind while they still advance; a stuck one teaches nothing.

Feeds the policy with the number of replicas that the request rate needs, one warm-up ahead. Where no rate is known it
knows nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from statistics import median

from readpool.replica_class import ReplicaClass
from scaler.freshness import ReplicaStanding
from scaler.tip import Tip

_REMEMBERED = 16
_TREND_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What has been learned; survives a restart when it is kept.

    Attributes:
        borne: requests/s that replicas served when they began to fall behind, newest last.
        behind: replicas that are behind now and have been counted.
        load: requests/s of the whole pool, smoothed; None while unknown.
        trend: by how much that grows each second, smoothed.
        at: when that was, in seconds.
    """

    borne: tuple[float, ...] = ()
    behind: frozenset[str] = frozenset()
    load: float | None = None
    trend: float = 0.0
    at: float = 0.0


def learn(
    capacity: Capacity,
    standings: Mapping[str, ReplicaStanding],
    tip: Tip | None,
    requests: Mapping[str, float] | None,
    now: float,
) -> Capacity:
    """Learn from one moment: who began to fall behind, at how many requests/s, and how the load moves."""
    if requests is None or tip is None:
        return replace(capacity, load=None, trend=0.0)
    behind = frozenset(name for name, standing in standings.items() if standing.replica_class is ReplicaClass.LAGGING)
    borne = [
        requests[n] for n in sorted(behind - capacity.behind) if requests.get(n) and (standings[n].rate or 0.0) > 0.0
    ]
    load, trend = _follow_load(capacity, sum(requests.values()), now)
    return Capacity((*capacity.borne, *borne)[-_REMEMBERED:], behind, load, trend, now)


def _follow_load(capacity: Capacity, load: float, now: float) -> tuple[float, float]:
    """Smooth the load and its trend (Holt's linear method, with a time constant instead of a factor a step)."""
    elapsed = now - capacity.at
    if capacity.load is None or elapsed <= 0.0:
        return load, 0.0
    weight = min(1.0, elapsed / _TREND_SECONDS)
    slope = (load - capacity.load) / elapsed
    smooth = capacity.load + capacity.trend * elapsed
    level = smooth + min(1.0, elapsed / 60.0) * (load - smooth)
    return level, capacity.trend + weight * (slope - capacity.trend) * 0.1


def compute_bearing(capacity: Capacity, ahead_seconds: float, headroom: float) -> int:
    """Compute how many replicas the load needs `ahead_seconds` from now; 0 when it, or what one bears, is not known."""
    if capacity.load is None or not capacity.borne:
        return 0
    ahead = max(capacity.load, capacity.load + capacity.trend * ahead_seconds)
    return ceil(ahead / (headroom * median(capacity.borne)))
