"""A pool's history as Prometheus would have it, of model days that were lived through: the truth behind it is known."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from controller.routing.weights import WeightSettings, count_enough
from readpool.cli.backtest.history import History, Sample, Setting, build_history
from readpool.cli.backtest.replay import Outcome
from readpool.cli.backtest.scaling import OurScaling, make_weigh
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.oddities import DAY_SECONDS
from readpool.simulator.day.scenario import draw_day
from readpool.simulator.day.view import View, Weigh
from scaler.policy.policy import Bounds, PolicySettings

_SAMPLE_SECONDS = 60.0


@dataclass(slots=True)
class Recording:
    """Scales as ours, and writes down what a scraper would see every minute."""

    scaling: OurScaling
    offset: float
    samples: list[Sample] = field(default_factory=list)

    def sync(self, view: View) -> int:
        """Return how many replicas there are to be."""
        if view.now % _SAMPLE_SECONDS == 0:
            lags = {n: s.lag_ledgers for n, s in view.sights.items() if not s.failed and s.lag_ledgers is not None}
            reads = None if view.reads is None else sum(view.reads.values())
            self.samples.append(Sample(self.offset + view.now, reads, view.replicas, lags, view.is_halted))
        return self.scaling.sync(view)

    def restart(self, now: float) -> None:
        """Forget what a scaler forgets."""
        self.scaling.restart(now)


def record_days(seeds: Iterable[int], setting: Setting) -> History:
    """Live through days with one setting, one after another, and return what was seen."""
    samples: list[Sample] = []
    for number, seed in enumerate(seeds):
        recording = Recording(_scale(setting), number * DAY_SECONDS)
        PoolDay(draw_day(seed), recording, _weigh(setting)).live()
        samples += recording.samples
    return build_history(samples, setting)


def live_truly(seeds: Iterable[int], setting: Setting, own: Setting) -> Outcome:
    """Live through days with a setting, and judge them by the pool's own one."""
    totals, days = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0
    for seed in seeds:
        day = replace(draw_day(seed), lag_threshold=setting.lag_threshold, stale_lag=own.lag_threshold)
        m = PoolDay(replace(day, target=own.target), _scale(setting), _weigh(setting)).live()
        figures = (m.replica_hours, m.seconds_below / 3600, m.stale_reads, m.failed_reads, m.reads, m.scalings)
        totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
        days += 1
    hours, below, stale, failed, reads, scalings = totals
    return Outcome(setting, hours / days, below / days, stale / reads, failed / reads, scalings / days, ())


def _scale(setting: Setting) -> OurScaling:
    return OurScaling(PolicySettings(Bounds(setting.minimum, setting.target, setting.maximum)))


def _weigh(setting: Setting) -> Weigh:
    return make_weigh(WeightSettings(enough_fresh=count_enough(setting.target)))
