"""What a backtest found, as plain data: the terminal, the JSON and the page are made from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from readpool.cli.backtest.advice import Advice, Fit, advise, compute_cost, compute_fit, find_front
from readpool.cli.backtest.history import History
from readpool.cli.backtest.reconstruction import Reconstruction, count_by_kind
from readpool.cli.backtest.replay import Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """A finished backtest; `outcomes` has the pool's own setting first, the others from cheap to dear."""

    pool: str
    start: float
    days: float
    past: Reconstruction
    fit: Fit
    outcomes: Sequence[Outcome]
    front: Sequence[Outcome]
    advice: Advice
    price: float

    @property
    def today(self) -> Outcome:
        """What the pool's own setting came to."""
        return self.outcomes[0]


def build_report(
    pool: str, history: History, past: Reconstruction, outcomes: Sequence[Outcome], price: float
) -> Report:
    """Compare the outcomes, of which the first is that of the pool's own setting."""
    today, others = outcomes[0], sorted(outcomes[1:], key=lambda one: one.replica_hours)
    fit = compute_fit(history, today)
    return Report(
        pool,
        history.samples[0].at,
        history.seconds / 86_400,
        past,
        fit,
        [today, *others],
        find_front(outcomes),
        advise(outcomes, today, fit, price),
        price,
    )


def describe_past(report: Report) -> list[str]:
    """Describe what the replay is made from, a sentence each."""
    past, began = report.past, datetime.fromtimestamp(report.start, UTC)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(count_by_kind(past.day.faults).items()))
    capacity = f"{past.capacity.requests:.0f} requests/s"
    known = f"the request rate is known for {100 * past.known_share:.0f} % of them."
    limit = "" if past.capacity.is_measured else " at least; the load never reached its limit"
    warm_up = (
        "No replica was new; 15 minutes until one is fresh are assumed."
        if past.warm_up_seconds is None
        else f"A new replica is fresh after {past.warm_up_seconds:.0f} s (median of {past.warm_ups})."
    )
    return [
        f"{report.days:.1f} days from {began:%Y-%m-%d %H:%M} UTC; {known}",
        f"One replica serves {capacity}{limit}.",
        warm_up,
        f"Faults: {kinds or 'none'}; replicas that did not exist then get theirs at the same rate.",
    ]


def describe_fit(report: Report) -> str:
    """Describe in a sentence how far the replay of today's setting agrees with what was observed."""
    fit = report.fit
    return (
        f"Fit: {fit.verdict}. Replayed {fit.replayed_hours:.1f} replica-hours a day, observed {fit.observed_hours:.1f}"
        f" (mean difference of a day {100 * fit.hours_error:.1f} %); below target {100 * fit.replayed_below:.1f} % of"
        f" the time, observed {100 * fit.observed_below:.1f} %."
    )


def build_json(report: Report) -> Mapping[str, Any]:
    """Build the JSON form: settings and figures a day, shares 0 to 1."""
    return {
        "pool": report.pool,
        "start": datetime.fromtimestamp(report.start, UTC).isoformat(),
        "days": round(report.days, 2),
        "past": {
            "requestsPerReplica": round(report.past.capacity.requests, 1),
            "requestsPerReplicaMeasured": report.past.capacity.is_measured,
            "warmUpSeconds": report.past.warm_up_seconds,
            "warmUps": report.past.warm_ups,
            "faults": count_by_kind(report.past.day.faults),
            "knownShare": round(report.past.known_share, 4),
        },
        "fit": {"verdict": report.fit.verdict, **{name: round(value, 4) for name, value in asdict(report.fit).items()}},
        "price": report.price,
        "settings": [
            {
                **asdict(one.setting),
                "replicaHoursPerDay": round(one.replica_hours, 2),
                "belowHoursPerDay": round(one.below_hours, 3),
                "staleShare": round(one.stale_share, 5),
                "failedShare": round(one.failed_share, 5),
                "scalingsPerDay": round(one.scalings, 1),
                "cost": round(compute_cost(one, report.price), 2),
                "isToday": one is report.today,
                "isOnFront": one in report.front,
            }
            for one in report.outcomes
        ],
        "recommendation": {
            "setting": None if report.advice.setting is None else asdict(report.advice.setting),
            "reason": report.advice.reason,
        },
    }


def format_figures(one: Outcome, price: float) -> tuple[str, ...]:
    """Format target, minimum and lag threshold, then hours, below, stale, failed, scalings and cost a day."""
    return (
        str(one.setting.target),
        str(one.setting.minimum),
        str(one.setting.lag_threshold),
        f"{one.replica_hours:.1f}",
        f"{60 * one.below_hours:.0f} min",
        f"{100 * one.stale_share:.2f} %",
        f"{100 * one.failed_share:.2f} %",
        f"{one.scalings:.1f}",
        f"{compute_cost(one, price):.1f}",
    )
