"""What happens next in the demo, and what is said of it: from what the scaler sees to the next cue and the next line.

Pure. No act ends by time alone: each waits until what it is about has been seen, and pauses only for people to look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from readpool.cli.demo.demo_report import BEHIND, Moment, is_whole
from readpool.replica_class import ReplicaClass


class Act(StrEnum):
    """Where the story stands, in words for people."""

    GATHERING = "waiting until all are fresh"
    STEADY = "all are fresh"
    FALLING_BEHIND = "one falls behind"
    SUSTAINING = "will it last?"
    CATCHING_UP = "a newcomer catches up"
    WHOLE_AGAIN = "enough fresh ones again"
    RECOVERING = "the laggard recovers"
    SHRINKING = "one more than needed"
    DONE = "the end"


class Cue(StrEnum):
    """What is to be done to the laggard."""

    HINDER = "hinder"
    RELIEVE = "relieve"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the first replicas, the one that will fall behind, and how it is hindered and relieved, in words."""

    first: frozenset[str]
    laggard: str
    hindrance: str
    relief: str
    sustain_seconds: float
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to go by: the fleet now, and the scaler's own words for its decision."""

    moment: Moment
    message: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What follows: the act from now on, what is to be done, and what is said."""

    act: Act
    cue: Cue | None
    line: str


def advance_story(act: Act, sight: Sight, cast: Cast, *, since: float) -> Turn | None:
    """Advance the story to the next act; None while this one goes on. `since` is when it began, as `Moment.t`."""
    if act is Act.DONE:
        return None
    paused = sight.moment.t - since >= cast.pause_seconds
    return _ACTS[act](sight, cast, paused)


def _gather(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    if not is_whole(sight.moment, len(cast.first)):
        return None
    return Turn(Act.STEADY, None, f"All {len(cast.first)} replicas are fresh: the pool is at its target.")


def _begin(_sight: Sight, cast: Cast, paused: bool) -> Turn | None:
    return Turn(Act.FALLING_BEHIND, Cue.HINDER, f"{cast.laggard} {cast.hindrance}.") if paused else None


def _notice(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    replica_class = sight.moment.classes.get(cast.laggard)
    if replica_class not in BEHIND:
        return None
    patience = f"it is replaced only if that lasts {cast.sustain_seconds:g} s"
    return Turn(Act.SUSTAINING, None, f"The scaler sees {cast.laggard} as {replica_class}; {patience}.")


def _grow(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    if sight.moment.current <= len(cast.first):
        return None
    line = f"{sight.message}: the pool grows to {sight.moment.current}. The newcomer has nothing and must catch up."
    return Turn(Act.CATCHING_UP, None, line)


def _welcome(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    classes = sight.moment.classes
    fresh = [name for name in classes if name not in cast.first and classes[name] == ReplicaClass.FRESH]
    if not fresh:
        return None
    return Turn(Act.WHOLE_AGAIN, None, f"{fresh[0]} has caught up: {len(cast.first)} fresh replicas again.")


def _relieve(_sight: Sight, cast: Cast, paused: bool) -> Turn | None:
    return Turn(Act.RECOVERING, Cue.RELIEVE, f"{cast.laggard} {cast.relief}.") if paused else None


def _recover(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    if sight.moment.classes.get(cast.laggard) != ReplicaClass.FRESH:
        return None
    line = f"{cast.laggard} is fresh again: one more than needed. One is removed once that has lasted."
    return Turn(Act.SHRINKING, None, line)


def _shrink(sight: Sight, cast: Cast, _paused: bool) -> Turn | None:
    if not is_whole(sight.moment, len(cast.first)):
        return None
    return Turn(Act.DONE, None, f"The pool is back at {len(cast.first)}, all of them fresh.")


_ACTS: dict[Act, Callable[[Sight, Cast, bool], Turn | None]] = {
    Act.GATHERING: _gather,
    Act.STEADY: _begin,
    Act.FALLING_BEHIND: _notice,
    Act.SUSTAINING: _grow,
    Act.CATCHING_UP: _welcome,
    Act.WHOLE_AGAIN: _relieve,
    Act.RECOVERING: _recover,
    Act.SHRINKING: _shrink,
}
