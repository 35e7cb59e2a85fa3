"""What can one replica bear? Learned from those that fall behind while they still advance; a stuck one teaches nothing.

Feeds the policy with the number of replicas that the request rate needs, one warm-up ahead. Where no rate is known it
knows nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import ceil, exp

from readpool.replica_class import ReplicaClass
from scaler.freshness import ReplicaStanding
from scaler.overload import falls_behind, is_company

_REMEMBERED = 16
_IN_STEP_LEDGERS = 2
"""Up to this lag a replica keeps pace: a ledger closed between two polls is no lag."""
_SETTLED_SECONDS = 60.0
"""A replica that has only just become fresh tells nothing: its share of the load is still changing."""
_LEVEL_SECONDS = 20.0
"""Over how long the level is smoothed. Requests/s are counted over a minute already: more only makes it late."""
_TREND_SECONDS = 900.0
_KEPT_SECONDS = 60.0
"""For how long a load counts as it was while the rate is unknown."""


@dataclass(frozen=True, slots=True)
class Onset:
    """A replica began to fall behind: which one, when, and at how many requests/s."""

    name: str
    at: float
    requests: float


@dataclass(frozen=True, slots=True)
class Load:
    """Requests/s of the whole pool: the smoothed level, by how much it changes each second, and when that was."""

    level: float
    trend: float
    at: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What has been learned. What one replica bears outlives this process where something keeps it: see find_borne.

    Attributes:
        borne: requests/s at which replicas began to fall behind, newest last.
        alone: the last onset that had no company yet.
        in_step: requests/s that each replica served when it last kept pace and did not fail its readers; gone when it
            is known to lag.
        load: None where the request rate is unknown, and has been for a minute.
    """

    borne: tuple[float, ...] = ()
    alone: Onset | None = None
    in_step: Mapping[str, float] = field(default_factory=dict)
    load: Load | None = None


def learn(
    capacity: Capacity,
    standings: Mapping[str, ReplicaStanding],
    requests: Mapping[str, float] | None,
    now: float,
    failing: Collection[str] = (),
) -> Capacity:
    """Learn from one moment: who began to fall behind, at how many requests/s, and how the load moves.

    What `failing` replicas are asked for counts as load and not as borne, though they keep pace: where ledgers come
    before queries, queries fail first.

    While the rate is unknown nothing is learned, and the load counts as it was, for a minute at most: it is unknown for
    a moment whenever a replica becomes fresh whose gate has not been seen for long enough.
    """
    if requests is None:
        return replace(capacity, load=_keep(capacity.load, now))
    in_step = {}
    for name, standing in sorted(standings.items()):
        if falls_behind(standing):
            served = capacity.in_step.get(name, 0.0)
            if served > 0.0:
                capacity = _count(capacity, Onset(name, now, served))
        elif standing.replica_class is ReplicaClass.FRESH:
            bears = _keeps_pace(standing, now) and name not in failing
            in_step[name] = requests.get(name, 0.0) if bears else capacity.in_step.get(name, 0.0)
    return replace(capacity, in_step=in_step, load=_follow(capacity.load, sum(requests.values()), now))


def _keeps_pace(standing: ReplicaStanding, now: float) -> bool:
    """Tell whether a fresh replica has been so for a while and is in step with the network."""
    if standing.lag_ledgers is None or now - standing.since < _SETTLED_SECONDS:
        return False
    return standing.lag_ledgers <= _IN_STEP_LEDGERS


def _count(capacity: Capacity, onset: Onset) -> Capacity:
    """Believe an onset that has company, and the one that was alone before it."""
    alone = capacity.alone
    if alone is None or not is_company((alone.name, alone.at), onset.name, onset.at):
        return replace(capacity, alone=onset)
    return replace(capacity, borne=(*capacity.borne, alone.requests, onset.requests)[-_REMEMBERED:], alone=None)


def _keep(load: Load | None, now: float) -> Load | None:
    """Keep a load for a while."""
    return load if load is not None and now - load.at <= _KEPT_SECONDS else None


def _follow(load: Load | None, level: float, now: float) -> Load:
    """Smooth level and trend (Holt's linear method, with time constants instead of factors a step)."""
    if load is None or now <= load.at:
        return load or Load(level, 0.0, now)
    elapsed = now - load.at
    expected = load.level + load.trend * elapsed
    smooth = max(0.0, expected + (1 - exp(-elapsed / _LEVEL_SECONDS)) * (level - expected))
    slope = (smooth - load.level) / elapsed
    return Load(smooth, load.trend + (1 - exp(-elapsed / _TREND_SECONDS)) * (slope - load.trend), now)


def find_borne(capacity: Capacity, known: float | None) -> float | None:
    """Find what one replica bears, in requests/s: as learned here, else as `known` before; None where neither is."""
    return compute_borne(capacity.borne) if capacity.borne else known


def compute_bearing(load: Load | None, borne: float | None, ahead_seconds: float, headroom: float) -> int:
    """Compute how many replicas the load needs, `ahead_seconds` from now if it grows; 0 where too little is known."""
    if load is None or not borne:
        return 0
    ahead = load.level + max(0.0, load.trend) * ahead_seconds
    return ceil(ahead / (headroom * borne))


def compute_borne(borne: tuple[float, ...]) -> float:
    """Compute what one replica bears: the lower quartile, as load that jumps topples at more than could be borne."""
    return sorted(borne)[(len(borne) - 1) // 4]
