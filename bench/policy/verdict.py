"""What was claimed of our policy, and whether the days bear it out: literally, and at the quality that it is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.policy import contenders as c
from bench.policy.days import FIGURES, LARGEST, DayResult, Results, compute_figure

_MARGIN = 1e-9
_RIVALS = (c.SEED, c.SEED_FAIR, c.HPA)
_QUALITIES = {"below": "time below target", "stale": "stale reads"}


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and whether it holds."""

    text: str
    holds: bool
    is_judged: bool = True
    """False: told, but not part of the verdict."""


def mix_fixed(results: Results, replica_hours: float) -> list[DayResult]:
    """Make the fixed pool of this mean size: each day a mean of the two whole sizes around it."""
    size = replica_hours / 24
    low = max(5, min(7, int(size)))
    share = min(1.0, max(0.0, size - low))
    return [
        DayResult(
            a.seed,
            a.is_outgrown,
            **{f: (1 - share) * getattr(a, f) + share * getattr(b, f) for f in FIGURES},
        )
        for a, b in zip(results[f"fixed {low}"], results[f"fixed {low + 1}"], strict=True)
    ]


def judge(results: Results) -> list[Claim]:
    """Judge our policy with and without a known request rate, each against the fixed pool of its own mean size."""
    return [claim for ours in (c.OURS, c.OURS_BLIND) for claim in _judge_one(results, ours)]


def _judge_one(results: Results, ours: str) -> list[Claim]:
    hours = compute_figure(results[ours], "replica_hours")
    fixed = f"fixed {hours / 24:.2f}"
    rivals = {name: results[name] for name in _RIVALS} | {fixed: mix_fixed(results, hours)}
    claims = []
    for figure, words in _QUALITIES.items():
        mine = compute_figure(results[ours], figure)
        claims += [
            Claim(
                f"{ours}: {words} {mine:.2f} % no more than {name} {compute_figure(r, figure):.2f} %",
                mine <= compute_figure(r, figure) + _MARGIN,
            )
            for name, r in rivals.items()
        ]
        worst = find_worst_seeds(results[ours], list(rivals.values()), figure)
        claims.append(Claim(f"{ours}: the worst in {words} on no day {worst or ''}", not worst))
    mine = compute_figure(results[ours], "scalings")
    claims += [
        Claim(
            f"{ours}: {mine:.1f} scalings a day, fewer than {name} {compute_figure(results[name], 'scalings'):.1f}",
            mine < compute_figure(results[name], "scalings"),
        )
        for name in _RIVALS
    ]
    return claims + _judge_hours(results, ours, hours)


def _judge_hours(results: Results, ours: str, hours: float) -> list[Claim]:
    """Compare replica-hours as they were, and with what a rival needs to be as good."""
    claims = [
        Claim(
            f"{ours}: {hours:.1f} replica-hours, literally no more than {name}"
            f" {compute_figure(results[name], 'replica_hours'):.1f}",
            hours <= compute_figure(results[name], "replica_hours") + _MARGIN,
            is_judged=False,
        )
        for name in (*_RIVALS, c.SEED_RAN)
    ]
    for figure, words in _QUALITIES.items():
        mine = compute_figure(results[ours], figure)
        for name, sizes in (
            ("the seed's rule", c.SEED_SIZES),
            ("the HPA", c.HPA_SIZES),
            ("a fixed pool", c.FIXED_SIZES),
        ):
            needed = compute_needed_hours([results[size] for size in sizes.values()], figure, mine)
            text = f"{ours}: {hours:.1f} replica-hours, {name} needs {needed:.1f} for no more {words}"
            claims.append(Claim(text, hours <= needed))
    return claims


def compute_needed_hours(sizes: Sequence[Sequence[DayResult]], figure: str, quality: float) -> float:
    """Compute the replica-hours at which a rival, smallest first, is as good in `figure`, between two of its sizes.

    Where even the largest is not as good, these are the largest's: it needs more.
    """
    points = [(compute_figure(days, figure), compute_figure(days, "replica_hours")) for days in sizes]
    for (worse, fewer), (better, more) in pairwise(points):
        if quality >= worse:
            return fewer
        if quality >= better:
            return fewer + (worse - quality) / (worse - better) * (more - fewer)
    return points[-1][1]


def find_worst_seeds(mine: Sequence[DayResult], rivals: Sequence[Sequence[DayResult]], figure: str) -> list[int]:
    """Find the days on which every rival was better."""
    return [
        m.seed
        for m, *others in zip(mine, *rivals, strict=True)
        if all(getattr(m, figure) > getattr(other, figure) + _MARGIN for other in others)
    ]


def format_table(results: Results) -> str:
    """Format all figures as a Markdown table; of the largest ones the largest of all days."""
    head = [
        "contender",
        "% below",
        "% stale",
        "% failed",
        "replica-h",
        "scalings",
        "overshoot",
        "cascade min",
        "downloads",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---|" * len(FIGURES)]
    for name, days in results.items():
        cells = [f"{compute_figure(days, f):.{0 if f in LARGEST else 2 if f in FIGURES[:3] else 1}f}" for f in FIGURES]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)
