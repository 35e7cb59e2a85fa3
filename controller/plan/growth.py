"""Which volumes are made larger now, and how large? And which are full, and cannot be?

Pure, on plain facts; plan.growth_plan gathers them. A full disk ends a node permanently: Core stops, and an archive
helps it no more. So a volume grows before that, one step at a time, each once the last one has been carried out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from readpool.pool.volumes import AutoGrow


class Space(StrEnum):
    """How a volume stands."""

    ENOUGH = "enough"
    """It is not full."""
    UNKNOWN = "unknown"
    """No one tells."""
    GROWING = "growing"
    """It is being made larger."""
    REFUSED = "refused"
    """It is full, and somebody does not let it grow."""
    AT_MAX = "atMax"
    """It is full, and as large as it may be."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One replica's volume.

    Attributes:
        claim: the name of its claim.
        requested: the size that the claim asks for, in bytes.
        actual: the size that it has by now; None where that is not told.
        used_percent: None while unknown.
        refusal: why it cannot be expanded, as reported; empty if nothing prevents it.
        grown_at: Unix seconds when it was asked to grow last; None where it never was.
    """

    replica: str
    claim: str
    requested: Fraction
    actual: Fraction | None = None
    used_percent: int | None = None
    refusal: str = ""
    grown_at: float | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """What follows for all volumes: `sizes` to ask for by claim, and how each replica's volume stands."""

    sizes: Mapping[str, Fraction] = field(default_factory=dict)
    spaces: Mapping[str, Space] = field(default_factory=dict)


REST_SECONDS = 600.0
"""Between two steps. How full a volume is after the first one, is known only a minute after it was carried out."""


def choose_growth(volumes: Iterable[Volume], settings: AutoGrow, now: float) -> Growth:
    """Choose which volumes grow. Each is judged by itself: replicas of one pool are not equally full."""
    sizes, spaces = {}, {}
    for volume in volumes:
        space, size = _evaluate(volume, settings, now)
        spaces[volume.replica] = space
        if size is not None:
            sizes[volume.claim] = size
    return Growth(sizes, spaces)


def _evaluate(volume: Volume, settings: AutoGrow, now: float) -> tuple[Space, Fraction | None]:
    """Judge one volume; with the size to ask for, if any.

    What was refused is asked for again as long as it is full, so that nothing is left to do once it is allowed.
    """
    is_under_way = volume.actual is not None and volume.actual < volume.requested
    is_full = volume.used_percent is not None and volume.used_percent >= settings.used_percent
    if is_under_way:
        return (Space.REFUSED if volume.refusal and is_full else Space.GROWING), None
    if volume.used_percent is None:
        return Space.UNKNOWN, None
    if not is_full:
        return Space.ENOUGH, None
    if not volume.refusal and volume.grown_at is not None and 0 <= now - volume.grown_at < REST_SECONDS:
        return Space.GROWING, None
    has = max(volume.requested, volume.actual or volume.requested)
    size = settings.compute_next_size(has)
    if size <= has:
        return Space.AT_MAX, None
    return (Space.REFUSED if volume.refusal else Space.GROWING), size
