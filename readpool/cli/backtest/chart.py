"""Where each setting lies: replica-hours a day to the right, minutes below the target upwards. Places, not pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from readpool.cli.backtest.replay import Outcome
from readpool.cli.backtest.report import Report

_TICKS = 5
_LEAST_MINUTES, _MOST_MINUTES_SHARE = 10.0, 2.0


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from 0 or more to `end`, with round ticks; `place` maps a value to 0 to 1."""

    start: float
    end: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return how far along the axis a value lies."""
        return (value - self.start) / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Mark:
    """One setting: its place on both axes, 0 to 1, and what it is."""

    x: float
    y: float
    outcome: Outcome
    is_today: bool
    is_front: bool
    is_advised: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """All settings on their axes: replica-hours a day, and minutes a day below the target.

    What is far worse than today's setting lies on the upper edge, so that the others can be told apart.
    """

    hours: Axis
    minutes: Axis
    marks: tuple[Mark, ...]


def build_chart(report: Report) -> Chart:
    """Build the chart of all outcomes of a report."""
    hours = _build_axis([one.replica_hours for one in report.outcomes])
    most = _MOST_MINUTES_SHARE * max(_LEAST_MINUTES, 60 * report.today.below_hours)
    minutes = _build_axis([0.0, *(min(most, 60 * one.below_hours) for one in report.outcomes)])
    marks = tuple(
        Mark(
            hours.place(one.replica_hours),
            min(1.0, minutes.place(60 * one.below_hours)),
            one,
            is_today=one is report.today,
            is_front=one in report.front,
            is_advised=one.setting == report.advice.setting,
        )
        for one in report.outcomes
    )
    return Chart(hours, minutes, marks)


def _build_axis(values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    width = (high - low) or max(1.0, abs(high))
    size = 10.0 ** floor(log10(width / _TICKS))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * _TICKS >= width)
    start = floor(low / step) * step
    count = int((high - start) / step) + 2
    return Axis(start, start + (count - 1) * step, tuple(start + number * step for number in range(count)))
