"""The front: what each way of scaling costs and gives, made larger from five to eight. Beside it the limit.

Time below five fresh, stale and failed reads against replica-hours. Whoever is behind a rival at equal hours shows it
here, whatever its target says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.policy import contenders as c
from bench.policy.days import Results, compute_figure

AXES = ("below", "stale", "failed")
FIXED = "fixed"
FAMILIES: Mapping[str, Mapping[int, str]] = {
    c.OURS: c.OURS_SIZES,
    c.OURS_BLIND: c.OURS_BLIND_SIZES,
    FIXED: c.FIXED_SIZES,
    c.SEED: c.SEED_SIZES,
    "HPA on averageLag": c.HPA_SIZES,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One way of scaling at one size: replica-hours a day, and shares of day and reads in per cent.

    `size` is None for who knows the day.
    """

    family: str
    size: int | None
    replica_hours: float
    below: float
    stale: float
    failed: float


def list_names() -> list[str]:
    """List the contenders that the front is made of."""
    return [*(name for sizes in FAMILIES.values() for name in sizes.values()), c.CLAIRVOYANT]


def build_front(results: Results) -> list[Point]:
    """Build the points, family by family, the smallest first; who knows the day comes last."""
    named = [(family, size, name) for family, sizes in FAMILIES.items() for size, name in sizes.items()]
    return [*(_build(*one, results) for one in named), _build(c.CLAIRVOYANT, None, c.CLAIRVOYANT, results)]


def _build(family: str, size: int | None, name: str, results: Results) -> Point:
    figures = {axis: round(compute_figure(results[name], axis), 4) for axis in ("replica_hours", *AXES)}
    return Point(family, size, **figures)


def format_front(front: Sequence[Point]) -> str:
    """Format the points as a Markdown table."""
    lines = ["| | size | replica-h | % below five | % stale | % failed |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.family} | {one.size or ''} | {one.replica_hours:.1f}"
        f" | {one.below:.2f} | {one.stale:.2f} | {one.failed:.2f} |"
        for one in front
    ]
    return "\n".join(lines)


def find_behind(front: Sequence[Point], family: str) -> list[str]:
    """Find where a family is behind fixed pools at equal hours, as in "size 6: failed 0.51 over 0.40"."""
    fixed = [one for one in front if one.family == FIXED]
    return [
        f"size {one.size}: {axis} {getattr(one, axis):.2f} over {there:.2f}"
        for one in front
        if one.family == family
        for axis in AXES
        if (there := _interpolate(fixed, one.replica_hours, axis)) is not None and getattr(one, axis) > there
    ]


def _interpolate(points: Sequence[Point], hours: float, axis: str) -> float | None:
    """Interpolate between the two sizes around these hours; None where there are none."""
    for less, more in pairwise(points):
        if less.replica_hours <= hours <= more.replica_hours and more.replica_hours > less.replica_hours:
            share = (hours - less.replica_hours) / (more.replica_hours - less.replica_hours)
            low, high = float(getattr(less, axis)), float(getattr(more, axis))
            return (1 - share) * low + share * high
    return None
