"""What is the capacity of one replica? Learned from those that fall behind but still advance; stuck ones teach nothing.

Feeds the policy with the number of replicas that the request rate needs, one warm-up ahead. Without a rate
it knows nothing. Rates that others serve without falling behind (scaler.standing.paces) refute what was learned.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import ceil, exp

from readpool.replica_class import ReplicaClass
from scaler.standing.overload import falls_behind, is_company, is_on_proof
from scaler.standing.paces import Pace, find_proven, follow_paces, keeps_pace
from scaler.standing.standing import ReplicaState

_REMEMBERED = 16
_LEAST_REQUESTS = 5.0
"""Requests/s of one replica below which nothing is learned: no machine falls behind for as few."""
_IDLE_SHARE = 0.5
"""Nor below this share of the highest proven rate."""
_SAME_SECONDS, _TRIAL_SECONDS = 60.0, 300.0
"""A replica that serves as much after a minute and keeps pace for five does not share a load that topples others."""
_SAME_SHARE = 0.95
"""From this share on two rates are the same."""
_CLEAR_SHARE = 0.8
"""Machines differ: less than this share of what others serve has another cause than the load."""
_LEVEL_SECONDS = 20.0
"""Over how long the level is smoothed. Requests/s are counted over a minute already: more only makes it late."""
_TREND_SECONDS = 900.0
_SERVING = (ReplicaClass.FRESH, ReplicaClass.LAGGING)
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
    """Requests/s of the whole pool: the smoothed level, its change per second, and when that was."""

    level: float
    trend: float
    at: float


@dataclass(frozen=True, slots=True)
class Trial:
    """Two onsets that count as learned, unless others keep pace at as much: those who did after a minute."""

    at: float
    onsets: tuple[Onset, Onset]
    others: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What has been learned. The capacity of a replica outlives this process if something keeps it.

    Attributes:
        onset_rates: requests/s at which replicas began to fall behind, newest last; those on trial are among them.
        trials: what may yet be taken back.
        paces: how those keep pace that do.
        proven: requests/s that two replicas bore for minutes, the most so far; of no other pods than there are now.
        proven_at: when they last bore more than before, in seconds.
        request_rate_known: the request rate has been known.
        alone: the last onset that had no company yet.
        in_step: requests/s that each replica served when it last kept pace and did not fail its readers; gone when it
            is known to lag.
        load: None where the request rate is unknown, and has been for a minute.
    """

    onset_rates: tuple[float, ...] = ()
    alone: Onset | None = None
    in_step: Mapping[str, float] = field(default_factory=dict)
    load: Load | None = None
    trials: tuple[Trial, ...] = ()
    paces: Mapping[str, Pace] = field(default_factory=dict)
    proven: float = 0.0
    proven_at: float = 0.0
    request_rate_known: bool = False


def learn(
    capacity: Capacity,
    standings: Mapping[str, ReplicaState],
    requests: Mapping[str, float] | None,
    now: float,
    failing: Collection[str] = (),
) -> Capacity:
    """Learn from one moment: which replicas began to fall behind, at which rate, and how the load changes.

    Requests to `failing` replicas count as load but not as served, though they keep pace: where ledgers come
    before queries, queries fail first.

    While the rate is unknown nothing is learned, and the load counts as it was, for a minute at most: it is unknown for
    a moment whenever a replica becomes fresh whose gate has not been seen for long enough.
    """
    if requests is None:
        load = _keep(capacity.load, now)
        return capacity if load is capacity.load else replace(capacity, load=load)
    if is_of_others(capacity, standings):
        capacity = replace(capacity, proven=0.0)
    keeping = [name for name, one in standings.items() if keeps_pace(one, now) and name not in failing]
    in_step = {name: requests.get(name, 0.0) for name in keeping}
    for name in sorted(standings) if len(in_step) < len(standings) else ():
        if name in in_step:
            continue
        standing = standings[name]
        served = capacity.in_step.get(name, 0.0)
        if falls_behind(standing):
            if served >= max(_LEAST_REQUESTS, _IDLE_SHARE * capacity.proven):
                capacity = _count(capacity, Onset(name, now, served))
        elif standing.replica_class is ReplicaClass.FRESH or is_on_proof(standing, now):
            in_step[name] = served
    paces = follow_paces(capacity.paces, keeping, requests, now)
    load = _follow(capacity.load, sum(requests.values()), now)
    capacity = replace(capacity, in_step=in_step, load=load, paces=paces, request_rate_known=True)
    return _unlearn(_try(capacity, standings, requests, now) if capacity.trials else capacity, now)


def is_of_others(capacity: Capacity, standings: Mapping[str, ReplicaState]) -> bool:
    """Return whether all that serve have started since what is proven was: they may have less CPU."""
    if not capacity.proven:
        return False
    serving = [one for one in standings.values() if one.replica_class in _SERVING]
    return bool(serving) and all(one.first_seen > capacity.proven_at for one in serving)


def learn_in_step(capacity: Capacity, keeping: Mapping[str, float], level: float, now: float) -> Capacity:
    """Learn what learn() does where nothing is on trial and all replicas keep pace, but for some that catch up.

    What is proven must be of some of them (`is_of_others`).

    `keeping` is requests/s of those that keep pace, none of which fails its readers; `level` is that of all.
    """
    paces, load = follow_paces(capacity.paces, keeping, keeping, now), _follow(capacity.load, level, now)
    proven, at = capacity.proven, capacity.proven_at
    return _unlearn(
        Capacity(capacity.onset_rates, capacity.alone, keeping, load, (), paces, proven, at, request_rate_known=True),
        now,
    )


def _count(capacity: Capacity, onset: Onset) -> Capacity:
    """Believe an onset that has company, and the one that was alone before it, until others speak against them."""
    alone = capacity.alone
    if alone is None or not is_company((alone.name, alone.at), onset.name, onset.at):
        return replace(capacity, alone=onset)
    return replace(
        capacity,
        onset_rates=(*capacity.onset_rates, alone.requests, onset.requests)[-_REMEMBERED:],
        trials=(*capacity.trials, Trial(onset.at, (alone, onset)))[-_REMEMBERED:],
        proven=min(capacity.proven, alone.requests, onset.requests),
        alone=None,
    )


def _try(
    capacity: Capacity, standings: Mapping[str, ReplicaState], requests: Mapping[str, float], now: float
) -> Capacity:
    """Withdraw what half of the others refute by keeping pace at the same rate, all through the trial."""
    serving = [name for name, one in standings.items() if one.replica_class in _SERVING]
    borne, left = list(capacity.onset_rates), []
    for trial in capacity.trials:
        kept = {name for name in serving if _kept_pace(capacity.paces.get(name), trial.at)}
        if trial.others is None and now - trial.at >= _SAME_SECONDS:
            rate = _SAME_SHARE * sum(onset.requests for onset in trial.onsets) / len(trial.onsets)
            same = frozenset(name for name in kept if requests.get(name, 0.0) >= rate)
            fallen = {onset.name for onset in trial.onsets}
            is_half = 2 * len(same) >= len([name for name in serving if name not in fallen])
            trial = replace(trial, others=same if is_half else frozenset())  # noqa: PLW2901 - a trial goes on as another
        if trial.others is None or (trial.others and now - trial.at < _TRIAL_SECONDS):
            left.append(trial)
        elif trial.others and trial.others <= kept:
            borne = _take_back(borne, trial)
    return replace(capacity, onset_rates=tuple(borne), trials=tuple(left))


def _kept_pace(pace: Pace | None, since: float) -> bool:
    return pace is not None and pace.since <= since


def _take_back(borne: list[float], trial: Trial) -> list[float]:
    left = list(borne)
    for onset in trial.onsets:
        if onset.requests in left:
            left.remove(onset.requests)
    return left


def _unlearn(capacity: Capacity, now: float) -> Capacity:
    """Forget what was learned at clearly fewer requests/s than two replicas have served since."""
    proven = find_proven(capacity.paces)
    if proven <= capacity.proven:
        return capacity
    return replace(
        capacity,
        proven=proven,
        proven_at=now,
        onset_rates=tuple(b for b in capacity.onset_rates if b >= _CLEAR_SHARE * proven),
    )


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


def find_capacity_per_replica(capacity: Capacity, known: float | None, *, is_certain: bool = False) -> float | None:
    """Find the capacity of one replica, in requests/s: as learned here, else `known` before; None without either.

    Not clearly less than two have been seen to serve. `is_certain`: without what is still on trial.
    """
    learned = list(capacity.onset_rates)
    for trial in capacity.trials if is_certain else ():
        learned = _take_back(learned, trial)
    borne = compute_capacity_per_replica(tuple(learned)) if learned else known
    return None if borne is None else max(borne, _CLEAR_SHARE * capacity.proven)


def compute_replicas_for_load(load: Load | None, borne: float | None, ahead_seconds: float, headroom: float) -> int:
    """Compute how many replicas the load needs, `ahead_seconds` from now if it grows; 0 where too little is known."""
    if load is None or not borne:
        return 0
    ahead = load.level + max(0.0, load.trend) * ahead_seconds
    return ceil(ahead / (headroom * borne))


def compute_capacity_per_replica(borne: tuple[float, ...]) -> float:
    """Compute the capacity of one replica: the lower quartile, because a sudden load topples above the capacity."""
    return sorted(borne)[(len(borne) - 1) // 4]
