"""What became of an attack: what was measured, and whether the installation has held. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

BACK_SECONDS = 20.0
"""By when those who are honest have to be served again, from when an attack is in full force."""
MOST_SHARE = 0.5
"""Of honest requests that have to be answered while it stands, where that is asked for at all: most."""
WINDOW_SECONDS = 2.0
"""Over which it is judged whether they are served again."""
SERVED_SHARE = 0.9
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """One honest request: when it was sent, in seconds of one clock, how long it took, and what was wrong."""

    sent_at: float
    seconds: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Phases:
    """When an attack began, was in full force, and was over; and from when on nothing of it may be left."""

    began: float
    stood: float
    over: float
    forgotten: float


@dataclass(frozen=True, slots=True)
class Group:
    """Those honest ones who ask the same, and what became of all they asked."""

    name: str
    asked: Sequence[Asked]
    is_vital: bool = False
    most_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that was seen of one attack on one part."""

    attack: str
    part: str
    phases: Phases
    groups: Sequence[Group]
    serves_throughout: bool = True
    memory_peak: int = 0
    memory_limit: int | None = None
    kills: int = 0
    harm: Sequence[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    def during(self, group: Group) -> list[Asked]:
        """List what a group asked while the attack stood."""
        return [one for one in group.asked if self.phases.began <= one.sent_at < self.phases.over]

    def after(self, group: Group) -> list[Asked]:
        """List what a group asked once nothing of it may have been left."""
        return [one for one in group.asked if one.sent_at >= self.phases.forgotten]


def find_reasons(outcome: Outcome, patience: float = 1.0) -> list[str]:
    """Find why the installation has not held; nothing where it has.

    Args:
        outcome: what was seen.
        patience: how many times as long as on a machine of its own an answer may take.
    """
    reasons = list(outcome.harm)
    if outcome.kills:
        reasons.append(f"killed for want of memory, {outcome.kills} times")
    if outcome.memory_limit is not None and outcome.memory_peak > outcome.memory_limit:
        reasons.append(f"{outcome.memory_peak // _MEBIBYTE} MiB, beyond the limit")
    for group in outcome.groups:
        reasons += _find_reasons_of(outcome, group, patience)
    return reasons


def _find_reasons_of(outcome: Outcome, group: Group, patience: float) -> list[str]:
    during, after, reasons = outcome.during(group), outcome.after(group), []
    failed = sum(bool(one.failure) for one in during)
    if not during or not after:
        reasons.append(f"{group.name}: nothing was asked")
    if group.is_vital and failed:
        reasons.append(f"{group.name}: {failed} of {len(during)} failed, and none may")
    if outcome.serves_throughout and during and failed > (1 - MOST_SHARE) * len(during):
        reasons.append(f"{group.name}: {failed} of {len(during)} failed, which is most")
    if (back := find_return(during, outcome.phases)) is None or back > BACK_SECONDS:
        reasons.append(f"{group.name}: not served again within {BACK_SECONDS:.0f} s")
    if any(one.failure for one in after):
        reasons.append(f"{group.name}: failed once it was over")
    p99 = take_percentile((one.seconds for one in during if not one.failure), 99)
    most_ms = None if group.most_p99_ms is None else group.most_p99_ms * patience
    if most_ms is not None and p99 * 1000 > most_ms:
        reasons.append(f"{group.name}: p99 {p99 * 1000:.0f} ms, {most_ms:.0f} at most")
    return reasons


def find_return(during: Sequence[Asked], phases: Phases) -> float | None:
    """Find how long after an attack was in full force nearly all of its victims' requests were answered again.

    None where they were not until its end.
    """
    sent = sorted(one.sent_at for one in during if one.sent_at >= phases.stood)
    for since in sent:
        window = [one for one in during if since <= one.sent_at < since + WINDOW_SECONDS]
        if since + WINDOW_SECONDS > phases.over:
            return None
        if sum(not one.failure for one in window) >= SERVED_SHARE * len(window):
            return since - phases.stood if any(_has_failed(during, phases.stood, since)) else 0.0
    return None


def _has_failed(during: Sequence[Asked], since: float, until: float) -> Iterable[bool]:
    return (bool(one.failure) for one in during if since <= one.sent_at < until)


def take_percentile(values: Iterable[float], percent: int) -> float:
    """Compute a percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
