"""Replays a reconstructed past for one setting: the real policy scales it, the real weights share its readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from controller.routing.weights import WeightSettings, count_enough
from readpool.cli.backtest.history import Setting
from readpool.cli.backtest.reconstruction import Reconstruction
from readpool.cli.backtest.scaling import Blindness, OurScaling, make_weigh
from readpool.replica_class import ReplicaClass
from readpool.simulator.day.calm import Calm
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.measures import Measures
from readpool.simulator.day.oddities import DAY_SECONDS
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEP_SECONDS
from readpool.simulator.day.view import View
from scaler.policy.policy import Bounds, PolicySettings

_QUIET_SYNC_SECONDS = 60.0
"""The HPA looks every 15 s. While all replicas are fresh and nothing changes, every fourth look comes to the same."""
_FRESH = ReplicaClass.FRESH
_STEPS_PER_DAY = int(DAY_SECONDS / STEP_SECONDS)


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """One day of a replay, or what was observed on it; a part of a day where the history ends in one.

    Attributes:
        hours: of the day.
        replica_hours: paid for.
        below_hours: with fewer fresh replicas than the pool's own target.
    """

    hours: float
    replica_hours: float
    below_hours: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one setting came to: figures a day, shares 0 to 1 of all reads."""

    setting: Setting
    replica_hours: float
    below_hours: float
    stale_share: float
    failed_share: float
    scalings: float
    days: tuple[DayOutcome, ...]


@dataclass(slots=True)
class _DailyMeasures(Measures):
    """Keeps what each day came to."""

    days: list[DayOutcome] = field(default_factory=list)
    steps: int = 0
    _last: tuple[int, float, float] = (0, 0.0, 0.0)

    def note_steps(self, fresh: int, target: int, replicas: int, demands: Sequence[float]) -> None:
        """Add steps, and end the day where it ends."""
        while demands:
            left = _STEPS_PER_DAY - self.steps % _STEPS_PER_DAY
            today, demands = demands[:left], demands[left:]
            Measures.note_steps(self, fresh, target, replicas, today)
            self.steps += len(today)
            if len(today) == left:
                self.end_day()

    def end_day(self) -> None:
        """Keep what came since the last day ended."""
        steps, hours, below = self._last
        if self.steps > steps:
            self.days.append(
                DayOutcome(
                    (self.steps - steps) * STEP_SECONDS / 3600,
                    self.replica_hours - hours,
                    (self.seconds_below - below) / 3600,
                )
            )
        self._last = self.steps, self.replica_hours, self.seconds_below


@dataclass(slots=True)
class _PatientScaling:
    """Asks less often while every replica is fresh and nothing changes."""

    scaling: OurScaling
    asked_at: float = -_QUIET_SYNC_SECONDS
    seen: list[ReplicaClass] = field(default_factory=list)
    size: int = -1

    def sync(self, view: View) -> int:
        """Return how many replicas there are to be."""
        seen = [sight.replica_class for sight in view.sights.values()]
        if seen.count(_FRESH) == len(seen) == view.replicas and view.now < self.rests_until(view.replicas):
            return view.replicas
        self.asked_at, self.seen = view.now, seen
        self.size = self.scaling.sync(view)
        return self.size

    def rests_until(self, replicas: int) -> float:
        """Return until when it need not be asked if nothing has changed: a while where every replica was fresh."""
        is_same = self.seen.count(_FRESH) == len(self.seen) == replicas == self.size
        return self.asked_at + _QUIET_SYNC_SECONDS if is_same else -inf

    def stay(self, calm: Calm, requests: Mapping[str, float], now: float) -> bool:
        """Ask in short."""
        if stays := self.scaling.stay(calm, requests, now):
            self.asked_at = now
        return stays

    def restart(self, now: float) -> None:
        """Forget what a scaler forgets when it is started again."""
        self.scaling.restart(now)


def replay(past: Reconstruction, setting: Setting) -> Outcome:
    """Replay the past with a setting; fresh and stale mean what they mean by the pool's own."""
    bounds = Bounds(setting.minimum, setting.target, setting.maximum)
    knows_load = past.known_share > 0 and past.capacity.requests > 0
    settings = PolicySettings(
        bounds, learned_requests_per_replica=BORNE_PER_REPLICA if past.capacity.is_measured else None
    )
    scaling = _PatientScaling(OurScaling(settings, Blindness(requests=not knows_load)))
    day = replace(past.day, minimum=setting.minimum, lag_threshold=setting.lag_threshold)
    weights = WeightSettings(enough_fresh=count_enough(setting.target))
    pool = PoolDay(day, scaling, make_weigh(weights), scaling)
    measures = pool.measures = _DailyMeasures()
    pool.live()
    measures.end_day()
    days = len(day.traffic) / _STEPS_PER_DAY
    reads = measures.reads or 1.0
    return Outcome(
        setting,
        measures.replica_hours / days,
        measures.seconds_below / 3600 / days,
        measures.stale_reads / reads,
        measures.failed_reads / reads,
        measures.scalings / days,
        tuple(measures.days),
    )
