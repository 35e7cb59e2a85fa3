"""What seldom befalls a pool: newcomers that are odd, crash loops, gates that fall silent, a reset, one database.

Drawn from seeds of their own, so that the rest of a day is the same with and without them.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf
from random import Random

DAY_SECONDS = 86_400.0
LOOP_SECONDS = 600.0
"""From one crash of a loop to the next."""
LOOP_AWAY_SECONDS = 30.0
_LATE_CHANCE, _NEVER_CHANCE, _LOOPS_CHANCE = 0.15, 0.03, 0.03
_SILENT_GATE_CHANCE, _RESET_CHANCE, _DATABASE_CHANCE = 0.25, 0.04, 0.06


class Newcomer(Enum):
    """How a new replica comes up."""

    SOON = "soon"
    """Its pod answers within a minute and a half."""
    LATE = "late"
    """After minutes: an image is pulled, a node is added."""
    NEVER = "never"
    """An image that is not there, or no node with room."""
    LOOPS = "loops"
    """It is killed again and again before it has caught up."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something holds, in seconds from midnight."""

    start: float
    end: float

    def holds(self, now: float) -> bool:
        """Return whether it does."""
        return self.start <= now < self.end


def holds_any(spans: tuple[Span, ...], now: float) -> bool:
    """Return whether one of the spans holds."""
    return bool(spans) and any(span.start <= now < span.end for span in spans)


@dataclass(frozen=True, slots=True)
class Oddities:
    """What is odd about one day.

    Attributes:
        odd_newcomers: newcomers may be late, never answer or loop.
        leaving_seconds: how long a replica that is let go is still in DNS; it falls silent before.
        silent_gates: when one gate does not answer, so that the request rate is not known.
        reset_at: when the network begins again, if it does; None on most days.
        wipe_seconds: between two replicas whose volumes are emptied after a reset, the lowest ordinal first.
        database_stops: when nothing fills the one database that all replicas read: newcomers are no fresher.
    """

    odd_newcomers: bool = False
    leaving_seconds: float = 0.0
    silent_gates: tuple[Span, ...] = ()
    reset_at: float | None = None
    wipe_seconds: float = 300.0
    database_stops: tuple[Span, ...] = ()


def draw_oddities(seed: int) -> Oddities:
    """Draw what is odd about a day."""
    random = Random(f"{seed}/odd")  # noqa: S311 - a model wants the same numbers each time
    leaving_seconds = random.uniform(15.0, 120.0)
    silent = draw_spans(random, chance=_SILENT_GATE_CHANCE, shortest=120.0, longest=7200.0)
    is_reset, reset_at = random.random() < _RESET_CHANCE, random.uniform(6, 18) * 3600
    stops = draw_spans(random, chance=_DATABASE_CHANCE, shortest=600.0, longest=5400.0)
    return Oddities(
        odd_newcomers=True,
        leaving_seconds=leaving_seconds,
        silent_gates=silent,
        reset_at=reset_at if is_reset else None,
        wipe_seconds=random.uniform(60.0, 600.0),
        database_stops=stops,
    )


def draw_spans(random: Random, *, chance: float, shortest: float, longest: float) -> tuple[Span, ...]:
    """Draw one span, or none."""
    if random.random() >= chance:
        return ()
    start = random.uniform(0, DAY_SECONDS)
    return (Span(start, start + random.uniform(shortest, longest)),)


def draw_newcomer(random: Random) -> tuple[Newcomer, float]:
    """Draw how a new replica comes up, and how much later than soon it answers for that."""
    luck, late_seconds = random.random(), random.uniform(120.0, 900.0)
    if luck < _NEVER_CHANCE:
        return Newcomer.NEVER, inf
    if luck < _NEVER_CHANCE + _LOOPS_CHANCE:
        return Newcomer.LOOPS, 0.0
    if luck < _NEVER_CHANCE + _LOOPS_CHANCE + _LATE_CHANCE:
        return Newcomer.LATE, late_seconds
    return Newcomer.SOON, 0.0
