"""Which setting to take: that of the fewest replica-hours once staleness has a price. And how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

from readpool.cli.backtest.history import History, Setting
from readpool.cli.backtest.replay import DayOutcome, Outcome

DEFAULT_PRICE = 20.0
"""Replica-hours that an hour with fewer fresh replicas than the target is worth."""
_HOURS_PER_DAY = 24.0
_GOOD_HOURS_ERROR, _POOR_HOURS_ERROR = 0.05, 0.15
_GOOD_BELOW_ERROR, _POOR_BELOW_ERROR = 0.03, 0.10
_NEAR = 0.005


@dataclass(frozen=True, slots=True)
class Fit:
    """How far the replay of the pool's own setting agrees with what was observed.

    Attributes:
        observed_hours: replica-hours a day.
        replayed_hours: the same of the replay.
        hours_error: the mean of the days' differences, as a share of what was observed.
        observed_below: share of the time below the target.
        replayed_below: the same of the replay.
    """

    observed_hours: float
    replayed_hours: float
    hours_error: float
    observed_below: float
    replayed_below: float

    @property
    def verdict(self) -> str:
        """`good`; `fair`, where differences between settings are more certain than figures; or `poor`."""
        below_error = abs(self.replayed_below - self.observed_below)
        if self.hours_error <= _GOOD_HOURS_ERROR and below_error <= _GOOD_BELOW_ERROR:
            return "good"
        return "fair" if self.hours_error <= _POOR_HOURS_ERROR and below_error <= _POOR_BELOW_ERROR else "poor"


@dataclass(frozen=True, slots=True)
class Advice:
    """The setting to take, what it costs by `compute_cost`, and why; no setting where the fit is poor."""

    setting: Setting | None
    reason: str


def observe_days(history: History) -> tuple[list[DayOutcome], float]:
    """Add up what was observed, by day; the second is the share of time below the target, over all."""
    per_day = max(1, round(_HOURS_PER_DAY * 3600 / history.interval_seconds))
    hours = history.interval_seconds / 3600
    days, replicas = [], history.setting.target
    for start in range(0, len(history.samples), per_day):
        part = history.samples[start : start + per_day]
        paid = below = 0.0
        for sample in part:
            replicas = sample.replicas if sample.replicas is not None else replicas
            paid += replicas * hours
            fresh = sum(lag < history.setting.lag_threshold for lag in sample.lags.values())
            below += hours if sample.lags and fresh < history.setting.target else 0.0
        days.append(DayOutcome(len(part) * hours, paid, below))
    return days, sum(day.below_hours for day in days) / sum(day.hours for day in days)


def compute_fit(history: History, replayed: Outcome) -> Fit:
    """Compare the replay of the pool's own setting with what was observed."""
    observed, below = observe_days(history)
    pairs = list(zip(observed, replayed.days, strict=False))
    total = sum(day.replica_hours for day, _ in pairs)
    error = sum(abs(then.replica_hours - now.replica_hours) for then, now in pairs) / total if total else 1.0
    days = sum(day.hours for day in observed) / _HOURS_PER_DAY
    return Fit(
        sum(day.replica_hours for day in observed) / days,
        replayed.replica_hours,
        error,
        below,
        replayed.below_hours / _HOURS_PER_DAY,
    )


def compute_cost(outcome: Outcome, price: float) -> float:
    """Compute replica-hours a day, plus `price` for each hour below the target, or in which all reads are poor."""
    poor_hours = outcome.below_hours + _HOURS_PER_DAY * (outcome.stale_share + outcome.failed_share)
    return outcome.replica_hours + price * poor_hours


def find_front(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Find the outcomes that no other one beats in both replica-hours and time below the target, cheapest first."""
    front: list[Outcome] = []
    for one in sorted(outcomes, key=lambda o: (o.replica_hours, o.below_hours)):
        if not front or one.below_hours < front[-1].below_hours:
            front.append(one)
    return front


def advise(outcomes: Sequence[Outcome], today: Outcome, fit: Fit, price: float) -> Advice:
    """Choose the cheapest setting; today's, where the best is no more than half a per cent cheaper."""
    if fit.verdict == "poor":
        return Advice(
            None,
            f"The replay does not reproduce this pool: {fit.replayed_hours:.0f} replica-hours a day where"
            f" {fit.observed_hours:.0f} were observed, below target {100 * fit.replayed_below:.1f} % of the time where"
            f" it was {100 * fit.observed_below:.1f} %. No recommendation.",
        )
    best = min(outcomes, key=lambda outcome: compute_cost(outcome, price))
    costs_now, costs_best = compute_cost(today, price), compute_cost(best, price)
    if costs_best >= (1 - _NEAR) * costs_now:
        return Advice(today.setting, f"Keep today's setting: no other is cheaper by more than {100 * _NEAR:g} %.")
    return Advice(best.setting, _explain(today, best, price))


def _explain(today: Outcome, best: Outcome, price: float) -> str:
    hours = best.replica_hours - today.replica_hours
    below = best.below_hours - today.below_hours
    words = f"{abs(hours):.1f} {'more' if hours > 0 else 'fewer'} replica-hours a day"
    minutes = f"{60 * abs(below):.0f} {'more' if below > 0 else 'fewer'} minutes a day below the target"
    stale = 100 * (best.stale_share + best.failed_share - today.stale_share - today.failed_share)
    reads = f"{abs(stale):.2f} points {'more' if stale > 0 else 'fewer'} stale or failed reads"
    return f"{words}, {minutes}, {reads}; an hour below the target counts as {price:g} replica-hours."
