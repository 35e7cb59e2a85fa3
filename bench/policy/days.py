"""Lives the days, several at once, each contender through the same ones; and adds up what they came to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context

from bench.policy.contenders import Contender, list_contenders, list_front
from readpool.cli.backtest.scaling import make_weigh
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.oddities import DAY_SECONDS, Oddities
from readpool.simulator.day.scenario import Day, draw_day
from readpool.simulator.day.starts import MeasuredStarts, Spread


@dataclass(frozen=True, slots=True)
class DayResult:
    """What one contender came to on one day; shares in per cent, cascades in minutes."""

    seed: int
    is_outgrown: bool
    below: float
    stale: float
    failed: float
    replica_hours: float
    scalings: float
    overshoot: float
    cascade: float
    downloads: float


FIGURES = ("below", "stale", "failed", "replica_hours", "scalings", "overshoot", "cascade", "downloads")
LARGEST = ("overshoot", "cascade", "downloads")
"""Of these the largest of all days counts, of the others the mean."""

Results = dict[str, list[DayResult]]


@dataclass(frozen=True, slots=True)
class Change:
    """In what each day differs from the one that was drawn.

    Attributes:
        warm_up_seconds: what new replicas download for, in the middle; None for what was drawn.
        is_plain: nothing odd happens: readpool.simulator.day.oddities.
        measured_starts: how soon new and restarted replicas are fresh; None for what was drawn.
    """

    warm_up_seconds: float | None = None
    is_plain: bool = False
    measured_starts: MeasuredStarts | None = None

    def apply(self, day: Day) -> Day:
        """Return the day as it is lived."""
        day = replace(day, odd=Oddities()) if self.is_plain else day
        if self.measured_starts is not None:
            return replace(day, measured_starts=self.measured_starts, warm_up_seconds=self.measured_starts.new.median)
        return day if self.warm_up_seconds is None else replace(day, warm_up_seconds=self.warm_up_seconds)


AS_DRAWN = Change()


def find_measured_starts(figures: Mapping[str, float]) -> MeasuredStarts:
    """Find how soon replicas are fresh in the figures of the benchmarks: bench/results.json.

    Raises:
        KeyError: when one was not measured; names it.
    """
    new, restarted = (
        Spread(figures[f"{start}_p50_s"], figures[f"{start}_p90_s"]) for start in ("warm_start", "restart_fresh")
    )
    return MeasuredStarts(new, restarted)


def live_day(contender: Contender, seed: int, change: Change = AS_DRAWN) -> DayResult:
    """Live one day through."""
    day = change.apply(draw_day(seed))
    m = PoolDay(day, contender.make(day), make_weigh(contender.weigh(day), heeds_doubts=contender.heeds_doubts)).live()
    return DayResult(
        seed=seed,
        is_outgrown=day.peak_share > 0.9,
        below=100 * m.seconds_below / DAY_SECONDS,
        stale=100 * m.stale_reads / m.reads,
        failed=100 * m.failed_reads / m.reads,
        replica_hours=m.replica_hours,
        scalings=m.scalings,
        overshoot=m.overshoot,
        cascade=m.cascade_seconds / 60,
        downloads=m.catching_up,
    )


def _live_all(task: tuple[int, tuple[str, ...], Change]) -> dict[str, DayResult]:
    seed, names, change = task
    return {c.name: live_day(c, seed, change) for c in (*list_contenders(), *list_front()) if c.name in names}


def live_days(
    seeds: Iterable[int], names: Sequence[str], jobs: int, change: Change = AS_DRAWN
) -> Iterator[dict[str, DayResult]]:
    """Yield each seed's results as they come, in the order of the seeds."""
    tasks = [(seed, tuple(names), change) for seed in seeds]
    if jobs == 1:
        yield from map(_live_all, tasks)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_live_all, tasks)


def compute_figure(results: Sequence[DayResult], figure: str) -> float:
    """Compute one figure of a contender over all days: the mean, or the largest."""
    values = [float(getattr(result, figure)) for result in results]
    return max(values) if figure in LARGEST else sum(values) / len(values)
