"""Did the demo show what it promises? From the timeline alone, by the same rules for a simulated fleet and a real one.

The report is for machines: `timeline` says what was, moment by moment, `verdict` what that amounts to. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from readpool.replica_class import ReplicaClass

BEHIND = frozenset({ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Moment:
    """The fleet at one moment, noted whenever any of this changes.

    Attributes:
        t: seconds since the demo began.
        tip: the network's newest ledger, None while it is not known.
        desired: replicas that the scaler asks for, None while it cannot decide.
        current: replicas that there are.
        classes: the class of each replica that the scaler sees, by name.
        message: the scaler's sentence for its decision at that moment.
    """

    t: float
    tip: int | None
    desired: int | None
    current: int
    classes: Mapping[str, str]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the story went as it should, and why, in a sentence."""

    ok: bool
    why: str


def judge(timeline: Sequence[Moment], *, target: int, maximum: int, seconds: float) -> Verdict:
    """Judge a timeline: grown by exactly one for a laggard, and shrunk back once it had recovered, in time."""
    for check in (_find_start, _find_laggard, _find_growth, _find_fresh_newcomer, _find_recovery, _find_shrinkage):
        failure = check(timeline, target)
        if failure:
            return Verdict(ok=False, why=failure)
    most = max(moment.current for moment in timeline)
    if most > min(maximum, target + 1):
        return Verdict(
            ok=False, why=f"The pool grew to {most}; one laggard at a target of {target} means {target + 1}."
        )
    end = timeline[_index_of_end(timeline, target)].t
    if end > seconds:
        return Verdict(ok=False, why=f"The story took {end:.0f} s; {seconds:.0f} s are allowed.")
    laggard = _laggard(timeline, target)
    return Verdict(
        ok=True,
        why=f"{laggard} fell behind, the pool grew from {target} to {target + 1}, the newcomer became fresh, "
        f"{laggard} recovered, and the pool shrank back to {target} fresh replicas, all within {end:.0f} s.",
    )


def build_report(
    timeline: Sequence[Moment], verdict: Verdict, story: Sequence[tuple[float, str]], settings: Mapping[str, object]
) -> dict[str, Any]:
    """Build the report that `--report` writes, ready for JSON."""
    return {
        "verdict": asdict(verdict),
        "settings": dict(settings),
        "story": [{"t": round(t, 1), "line": line} for t, line in story],
        "timeline": [
            asdict(moment) | {"t": round(moment.t, 1), "classes": dict(moment.classes)} for moment in timeline
        ],
    }


def is_whole(moment: Moment, count: int) -> bool:
    """Whether there are exactly `count` replicas, the scaler sees them all, and all are fresh."""
    classes = moment.classes.values()
    return moment.current == len(classes) == count and all(name == ReplicaClass.FRESH for name in classes)


def _index_of_start(timeline: Sequence[Moment], target: int) -> int:
    return next(index for index, moment in enumerate(timeline) if is_whole(moment, target))


def _index_of_growth(timeline: Sequence[Moment], target: int) -> int:
    return next(index for index, moment in enumerate(timeline) if moment.current > target)


def _index_of_end(timeline: Sequence[Moment], target: int) -> int:
    grown = _index_of_growth(timeline, target)
    return next(index for index, moment in enumerate(timeline) if index > grown and is_whole(moment, target))


def _laggard(timeline: Sequence[Moment], target: int) -> str | None:
    start = _index_of_start(timeline, target)
    for moment in timeline[start:]:
        for name, replica_class in moment.classes.items():
            if name in timeline[start].classes and replica_class in BEHIND:
                return name
    return None


def _find_start(timeline: Sequence[Moment], target: int) -> str | None:
    if not timeline:
        return "Nothing was seen: the scaler never reported the fleet."
    if any(is_whole(moment, target) for moment in timeline):
        return None
    return f"The pool was never at its target of {target} fresh replicas, so the story did not begin."


def _find_laggard(timeline: Sequence[Moment], target: int) -> str | None:
    return None if _laggard(timeline, target) else "No replica was seen to fall behind."


def _find_growth(timeline: Sequence[Moment], target: int) -> str | None:
    if all(moment.current <= target for moment in timeline):
        return f"The pool never grew beyond {target}."
    laggard = _laggard(timeline, target)
    seen = next(index for index, moment in enumerate(timeline) if moment.classes.get(str(laggard)) in BEHIND)
    grown = _index_of_growth(timeline, target)
    return None if seen <= grown else "The pool grew before any replica was seen to fall behind."


def _find_fresh_newcomer(timeline: Sequence[Moment], target: int) -> str | None:
    first = timeline[_index_of_start(timeline, target)].classes
    for moment in timeline[_index_of_growth(timeline, target) :]:
        newcomers = set(moment.classes) - set(first)
        if moment.current > target and any(moment.classes[name] == ReplicaClass.FRESH for name in newcomers):
            return None
    return "The newcomer never became fresh."


def _find_recovery(timeline: Sequence[Moment], target: int) -> str | None:
    laggard = str(_laggard(timeline, target))
    behind = max(index for index, moment in enumerate(timeline) if moment.classes.get(laggard) in BEHIND)
    if any(moment.classes.get(laggard) == ReplicaClass.FRESH for moment in timeline[behind:]):
        return None
    return f"{laggard} never recovered."


def _find_shrinkage(timeline: Sequence[Moment], target: int) -> str | None:
    grown = _index_of_growth(timeline, target)
    if any(is_whole(moment, target) for moment in timeline[grown:]) and timeline[-1].current == target:
        return None
    return f"The pool did not shrink back to {target} fresh replicas; it ended at {timeline[-1].current}."
