"""From a pool's past to a model day of the same traffic and faults, on which other settings can be tried.

Ordinals that a larger pool would have had meet faults as often as those that were there; newcomers take as long.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from readpool.cli.backtest.capacity import Capacity, estimate_capacity
from readpool.cli.backtest.episodes import Found, find_episodes, find_spans
from readpool.cli.backtest.history import History
from readpool.simulator.day.oddities import Oddities
from readpool.simulator.day.scenario import MOST_REPLICAS, Day, Fault
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEP_SECONDS

_ORDINAL = re.compile(r"(\d+)$")
_USUAL_WARM_UP_SECONDS = 900.0
_POD_SECONDS = 60.0
"""From the moment a replica is asked for until it answers."""
_CATCH_UP_SHARE = 0.12
"""Of the download: replaying what the network closed meanwhile."""
_SHORTEST_WARM_UP_SECONDS, _LONGEST_WARM_UP_SECONDS = 5.0, 7200.0
_SEED = 1


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A model day, of any length, and what it was made from.

    Attributes:
        day: traffic in the model's own unit, in which a replica can serve `BORNE_PER_REPLICA`.
        capacity: requests/s that a replica can serve.
        warm_up_seconds: from asked for to fresh, the middle; None where no replica was new.
        warm_ups: how many were measured.
        known_share: of the time, for which the request rate is known.
    """

    day: Day
    capacity: Capacity
    warm_up_seconds: float | None
    warm_ups: int
    known_share: float


def reconstruct(
    history: History, *, borne: float | None = None, warm_up_seconds: float | None = None
) -> Reconstruction:
    """Make the day; what is given is believed, the rest is read from the history."""
    capacity = estimate_capacity(history) if borne is None else Capacity(borne, is_measured=True)
    found = find_episodes(history, _number(history), capacity.requests if capacity.is_measured else None)
    measured = sorted(found.warm_ups)
    warm_up = warm_up_seconds if warm_up_seconds is not None else (measured[len(measured) // 2] if measured else None)
    setting, samples = history.setting, history.samples
    day = Day(
        seed=_SEED,
        target=setting.target,
        minimum=setting.minimum,
        lag_threshold=setting.lag_threshold,
        peak_share=0.0,
        is_cold_start=False,
        warm_up_seconds=_find_download(warm_up),
        traffic=tuple(_build_traffic(history, BORNE_PER_REPLICA / capacity.requests if capacity.requests else 0.0)),
        faults=(*sorted((*found.faults, *_draw_others(found, history.seconds)), key=lambda f: (f.at, f.ordinal)),),
        halts=find_spans(samples, history.interval_seconds, [one.is_halted for one in samples]),
        scaler_restarts=(),
        blind_spells=(),
        odd=Oddities(),
        stale_lag=setting.lag_threshold,
        initial_replicas=next(one.replicas for one in samples if one.replicas),
    )
    known = sum(one.requests is not None for one in samples) / len(samples)
    return Reconstruction(day, capacity, warm_up, len(measured), known)


def _number(history: History) -> dict[str, int]:
    """Number the replicas: by the ordinal that their names end in, else in the order of their names."""
    names = sorted({name for sample in history.samples for name in sample.lags})
    ends = {name: int(match[1]) for name in names if (match := _ORDINAL.search(name)) and int(match[1]) < MOST_REPLICAS}
    if len(ends) == len(names) and len(set(ends.values())) == len(names):
        return ends
    return {name: number for number, name in enumerate(names[:MOST_REPLICAS])}


def _find_download(warm_up: float | None) -> float:
    """Find how long a newcomer downloads, out of how long it takes in all."""
    if warm_up is None:
        return _USUAL_WARM_UP_SECONDS
    download = (warm_up - _POD_SECONDS) / (1 + _CATCH_UP_SHARE)
    return min(_LONGEST_WARM_UP_SECONDS, max(_SHORTEST_WARM_UP_SECONDS, download))


def _build_traffic(history: History, factor: float) -> list[float]:
    """Build the reads/s of each step, between two samples on the line between them."""
    known = [
        (slot * history.interval_seconds, sample.requests)
        for slot, sample in enumerate(history.samples)
        if sample.requests is not None
    ]
    traffic, index = [], 0
    for step in range(int(history.seconds / STEP_SECONDS)):
        now = float(step * STEP_SECONDS)
        while index + 1 < len(known) and known[index + 1][0] <= now:
            index += 1
        at, rate = known[index]
        if now > at and index + 1 < len(known):
            next_at, next_rate = known[index + 1]
            rate += (next_rate - rate) * (now - at) / (next_at - at)
        traffic.append(rate * factor)
    return traffic


def _draw_others(found: Found, seconds: float) -> list[Fault]:
    """Draw faults for the ordinals, and the times, that no sample shows: as many, of the same kinds and lengths."""
    seen = sum(span.end - span.start for spans in found.present.values() for span in spans)
    if not found.faults or not seen:
        return []
    often = len(found.faults) / seen
    faults = []
    for ordinal in range(MOST_REPLICAS):
        random = Random(f"{_SEED}/{ordinal}")  # noqa: S311 - a model wants the same numbers each time
        at = random.expovariate(often)
        while at < seconds:
            if not any(span.holds(at) for span in found.present.get(ordinal, ())):
                like = random.choice(found.faults)
                faults.append(Fault(at, ordinal, like.kind, like.seconds))
            at += random.expovariate(often)
    return faults


def count_by_kind(faults: Sequence[Fault]) -> dict[str, int]:
    """Count faults by the name of their kind."""
    counts: dict[str, int] = {}
    for fault in faults:
        counts[fault.kind.value] = counts.get(fault.kind.value, 0) + 1
    return counts
