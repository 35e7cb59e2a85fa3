"""What is a reference's word worth to one fleet? Between what references answer and the claims that make the tip.

A reference says what the network has closed at the least. One of another network, or of one that it does not name, says
nothing of this one; one that has stopped or is behind takes nothing from anybody. Each verdict is told to people.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from readpool.history_archives import CHECKPOINT_LEDGERS
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.tip import CLOSING_RATE, CURRENT_SECONDS, SLACK_LEDGERS, Claim, Tip, TipLimits, find_attested
from scaler.triggers.fleet_spec import Reference

USED = "Used"
"""The reference is used to determine the tip."""
NO_ANSWER = "NoAnswer"
"""It does not answer, or its last answer is too old to count."""
NO_LEDGER = "NoLedger"
"""It answers and tells no ledger: it is not in step itself."""
OTHER_NETWORK = "OtherNetwork"
"""It is of another network than the fleet."""
UNKNOWN_NETWORK = "UnknownNetwork"
"""It does not say of which network it is, and the fleet's is known."""
STOPPED = "Stopped"
"""It answers, but has closed no ledger while the network has."""
BEHIND = "Behind"
"""It follows too far behind the network to say what is the most that a node can have."""
CONTRADICTED = "Contradicted"
"""Two that are current by their own clocks are further behind it than ledgers can close, or one, if it has leapt."""

_ARCHIVE_SECONDS = 180.0
"""Archives are polled every 60 s; a response counts for three intervals, as a node's does."""
_ARCHIVE_STOPPED_SECONDS = 960.0
"""Three checkpoints of a network that closes a ledger each five seconds; of a faster one, more."""
_STOPPED_SECONDS = 60.0
_STOPPED_POLLS = 6


@dataclass(frozen=True, slots=True)
class Hearing:
    """What one reference said: its last answer, when that was, and when its ledger was last seen to move.

    Attributes:
        asked_at: when it last answered or failed, in seconds.
        report: its last answer; None while there is none.
        answered_at: when that came.
        moved_at: when its ledger last moved, or it was first heard.
        has_moved: its ledger was seen to move.
        has_leapt: it went further between two answers than any network closes, and has not gone back since.
        leapt_from_current: by its own clock it was current before that, so that there was nothing to catch up with.
        trouble: why it did not answer last time; empty where it did.
    """

    asked_at: float
    report: NodeReport | None = None
    answered_at: float = 0.0
    moved_at: float = 0.0
    has_moved: bool = False
    has_leapt: bool = False
    leapt_from_current: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reference's word is worth: `state` in CamelCase for machines, `message` for people; None: no claim."""

    reference: Reference
    state: str
    message: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a fleet holds a reference's word against.

    Attributes:
        network: the passphrase of the fleet's network, None while not known.
        tip: where the network stood at the last look.
        attested: the ledger that two current replicas stand for, None where there are none.
        is_dated: both told how old it is, so that neither can be far behind.
        foremost: the highest ledger of one current replica, None where there is none.
        is_foremost_dated: that one told how old it is.
        agreed: the ledger on which two current ones agree that told how old it is, one or both of them another
            reference; None where no two agree, or a reference agrees with the one that is judged.
        interval_seconds: how often a node is asked.
        limits: of the tip, at this interval.
    """

    network: str | None
    tip: Tip | None
    attested: int | None
    is_dated: bool
    interval_seconds: float
    limits: TipLimits
    foremost: int | None = None
    is_foremost_dated: bool = False
    agreed: int | None = None


def hear(known: Hearing | None, outcome: NodeReport | PollFailure, now: float) -> Hearing:
    """Fold what a reference said into what is known of it."""
    known = known or Hearing(now)
    if isinstance(outcome, PollFailure):
        return replace(known, asked_at=now, trouble=f"{outcome.reason}: {outcome.message}".removesuffix(": "))
    before = known.report
    if before is None:
        return Hearing(now, outcome, now, now)
    moved = before.ledger != outcome.ledger
    leaps = _leaps(before, outcome, now - known.answered_at)
    return Hearing(
        now,
        outcome,
        now,
        now if moved else known.moved_at,
        has_moved=moved or known.has_moved,
        has_leapt=leaps or (known.has_leapt and outcome.ledger >= before.ledger),
        leapt_from_current=_is_young(before) if leaps else known.leapt_from_current,
    )


def _leaps(before: NodeReport, after: NodeReport, seconds: float) -> bool:
    """Return whether a reference went further than any network closes; another network's is no leap of this one."""
    reach = before.ledger + SLACK_LEDGERS + CLOSING_RATE * seconds
    return before.ledger > 1 and before.network == after.network and after.ledger > reach


def _is_young(report: NodeReport) -> bool:
    return report.age_seconds is not None and report.age_seconds <= CURRENT_SECONDS


def judge_all(
    heard: Mapping[Reference, Hearing], claims: Iterable[Claim], against: Circumstances, now: float
) -> tuple[Verdict, ...]:
    """Judge the words of all references, against what the replicas claim and against each other's."""
    nodes = [claim for claim in claims if not claim.is_trusted and claim.is_current and claim.ledger]
    foremost = max(nodes, key=lambda claim: (claim.ledger, not claim.is_undated), default=None)
    attested, is_dated = find_witnessed(nodes)
    against = replace(
        against,
        attested=attested,
        is_dated=is_dated,
        foremost=None if foremost is None else foremost.ledger,
        is_foremost_dated=foremost is not None and not foremost.is_undated,
    )
    dated = [claim.ledger for claim in nodes if not claim.is_undated]
    current = {one: word.report.ledger for one, word in heard.items() if word.report and _vouches(word, against, now)}
    verdicts = []
    for reference, word in heard.items():
        others = [ledger for one, ledger in current.items() if one != reference]
        agreed = _find_agreed(word, others, dated, against.limits)
        verdicts.append(judge(reference, word, replace(against, agreed=agreed), now))
    return tuple(verdicts)


def _vouches(heard: Hearing, against: Circumstances, now: float) -> bool:
    """Return whether a reference of this network is current by its own clock, and was just heard."""
    report = heard.report
    is_recent = now - heard.answered_at <= 3 * against.interval_seconds + 5.0
    is_ours = report is not None and report.network is not None and not report.is_of_another(against.network)
    return report is not None and is_recent and is_ours and _is_young(report) and report.ledger > 1


def _find_agreed(heard: Hearing, others: list[int], dated: list[int], limits: TipLimits) -> int | None:
    """Find the highest ledger on which a reference and another one agree, without the one that is judged."""
    told = None if heard.report is None else heard.report.ledger
    if told is None or not others or any(abs(ledger - told) <= limits.slack_ledgers for ledger in others):
        return None
    return next(
        (low for high, low in pairwise(sorted([*others, *dated], reverse=True)) if high - low <= limits.slack_ledgers),
        None,
    )


def judge(reference: Reference, heard: Hearing, against: Circumstances, now: float) -> Verdict:
    """Judge one reference's word; the first thing that speaks against it is the verdict."""
    report = heard.report
    is_archive = reference.kind is ProbeKind.ARCHIVE
    counts_seconds = _ARCHIVE_SECONDS if is_archive else 3 * against.interval_seconds + 5.0
    if report is None or now - heard.answered_at > counts_seconds:
        return Verdict(reference, NO_ANSWER, heard.trouble or "It does not respond.")
    if report.is_of_another(against.network):
        why = f"Its network is {report.network!r}, the fleet's is {against.network!r}."
        return Verdict(reference, OTHER_NETWORK, why)
    if report.ledger <= 1:
        return Verdict(reference, NO_LEDGER, report.state or "It reports no ledger.")
    if report.network is None and against.network is not None:
        why = f"It does not report its network; the fleet's is {against.network!r}."
        return Verdict(reference, UNKNOWN_NETWORK, why)
    return _judge_ledger(reference, report, heard, against, now, is_archive=is_archive)


def _judge_ledger(
    reference: Reference, report: NodeReport, heard: Hearing, against: Circumstances, now: float, *, is_archive: bool
) -> Verdict:
    """Judge the ledger that a reference of this network tells."""
    slack_ledgers = against.limits.slack_ledgers
    if is_archive:
        slack_ledgers += CHECKPOINT_LEDGERS + round(_ARCHIVE_SECONDS * CLOSING_RATE)
    tip, still_seconds = against.tip, now - heard.moved_at
    stops_after = max(_STOPPED_SECONDS, _STOPPED_POLLS * against.interval_seconds)
    patience = _ARCHIVE_STOPPED_SECONDS if is_archive else stops_after
    has_stopped = still_seconds > patience and tip is not None and tip.moved_at > heard.moved_at + patience / 2
    contradiction = _find_contradiction(report.ledger - slack_ledgers, heard, against, still_seconds > patience)
    if contradiction:
        return Verdict(reference, CONTRADICTED, f"It reports ledger {report.ledger}, but {contradiction}.")
    is_recent = still_seconds <= max(CURRENT_SECONDS, 2 * against.interval_seconds)
    is_current = _is_young(report) and not is_archive and is_recent
    claim = Claim(report.ledger, is_current, is_trusted=True, slack_ledgers=slack_ledgers, is_moving=heard.has_moved)
    if has_stopped:
        return Verdict(reference, STOPPED, f"It has reported ledger {report.ledger} for {still_seconds:.0f} s.", claim)
    if tip is not None and report.ledger + slack_ledgers < tip.ledger:
        return Verdict(reference, BEHIND, f"It is {tip.ledger - report.ledger} ledgers behind the tip.", claim)
    return Verdict(reference, USED, "", claim)


def _find_contradiction(least: int, heard: Hearing, against: Circumstances, stands: bool) -> str:
    """Explain who shows that the network cannot be at `least`; empty if none does. `stands`: it moves no more."""
    is_firm = against.is_dated or not heard.has_moved or stands
    if is_firm and against.attested is not None and least > against.attested:
        return f"two current replicas are at {against.attested}"
    if against.agreed is not None and least > against.agreed:
        return f"two others that are current are at {against.agreed}"
    if against.foremost is not None and least > against.foremost:
        is_odd = heard.has_leapt and (against.is_foremost_dated or heard.leapt_from_current)
        if is_odd or (stands and against.is_foremost_dated):
            return f"a current replica is at {against.foremost}"
    return ""


def find_witnessed(claims: Iterable[Claim]) -> tuple[int | None, bool]:
    """Find what two current replicas stand for, and whether both told how old it is."""
    nodes = [claim for claim in claims if not claim.is_trusted]
    attested = find_attested(nodes)
    if attested is not None:
        return attested, True
    return find_attested(replace(claim, is_undated=False) for claim in nodes), False
