"""One replica's polls, folded into its class. Between the probes, which say what a node answered, and the policy.

A replica is fresh when it says that it is in sync and is within the threshold of the tip; neither proves it alone.
"""

from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.probes.answer import RATE_LIMITED
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.restarts import REFUSED, is_restarted, keep_ledger
from scaler.standing.standing import ReplicaState, Thresholds
from scaler.standing.tip import CURRENT_SECONDS, TOGETHER_LEDGERS, Tip

__all__ = ["ReplicaState", "Thresholds", "advance"]

_JOINING_SECONDS = 3600.0
"""A replica out of sync that has been up for longer than this has been fresh before, seen or not."""
_SMOOTHING, _SMOOTHED_SECONDS = 0.3, 5.0
"""Weight of the latest poll in the rates, where it came so many seconds after the one before: half a minute counts."""
_GAINS_LEDGERS_PER_SECOND = 0.02


def advance(
    standing: ReplicaState,
    outcome: NodeReport | PollFailure,
    tip: Tip | None,
    network: str | None,
    thresholds: Thresholds,
    now: float,
) -> ReplicaState:
    """Fold the outcome of one poll into a replica's standing.

    `network` is the passphrase that it is held to, None while not known. Without a tip its class stays, but for foreign
    and unreachable.
    """
    if isinstance(outcome, PollFailure):
        if outcome.reason == RATE_LIMITED:  # it was not observed, which scaler.standing.unseen goes by
            return replace(standing, detail=outcome.message)
        return _note_failure(standing, outcome, thresholds, now)
    outcome = keep_ledger(standing.report, outcome)
    if is_restarted(standing.report, outcome, was_refused=standing.was_refused):
        standing = replace(
            standing, first_seen=now, became_fresh_after=None, rate=None, gain=None, began_at_ledger=None
        )
    # An unhealthy Stellar RPC tells no ledger, and Core has none while it boots: that is no lag of the whole chain.
    lag = None if tip is None or outcome.ledger == 0 else max(0, tip.ledger - outcome.ledger)
    foreign = _find_foreign(outcome, tip, network)
    if foreign:
        new_class, contradicting = _disown(standing, outcome, network, thresholds)
    elif tip is None:
        new_class, contradicting = _forget_failures(standing.replica_class), 0
    else:
        is_current = _is_current(standing, outcome, lag, tip, thresholds, now)
        new_class, contradicting = _classify(standing, outcome, thresholds, is_current=is_current)
    moved = standing.report is None or _find_newest(outcome) != _find_newest(standing.report)
    gain = _follow_gain(standing, lag, now)
    is_fresh = new_class is ReplicaClass.FRESH
    is_surely_fresh = is_fresh and not contradicting
    became = standing.became_fresh_after
    return replace(
        standing,
        replica_class=new_class,
        since=standing.since if new_class is standing.replica_class else now,
        report=outcome,
        observed_at=now,
        polled_at=now,
        lag_ledgers=lag,
        rate=_follow_rate(standing, outcome, now),
        seconds_to_fresh=None if is_fresh or foreign else _predict(outcome, lag, gain, thresholds),
        failed_polls=0,
        was_refused=False,
        contradicting_polls=contradicting,
        detail=foreign or ("" if outcome.catch_up is None else outcome.catch_up.text),
        became_fresh_after=now - standing.first_seen if became is None and is_surely_fresh else became,
        gain=gain,
        advanced_at=now if moved else standing.advanced_at,
        degraded_since=_follow_degraded(standing, new_class, contradicting, now),
        fresh_at=now if is_surely_fresh else standing.fresh_at,
        began_at_ledger=outcome.ledger if standing.began_at_ledger is None else standing.began_at_ledger,
        closed_at=standing.closed_at if _has_same_ledger(standing.report, outcome) else now,
        has_advanced=standing.has_advanced or (moved and standing.report is not None),
    )


def _has_same_ledger(last: NodeReport | None, report: NodeReport) -> bool:
    return last is not None and report.ledger == last.ledger


def _follow_degraded(standing: ReplicaState, new_class: ReplicaClass, contradicting: int, now: float) -> float | None:
    """Return since when a replica that just responded is degraded, or may turn out to be."""
    may_be_degraded = new_class is ReplicaClass.LAGGING or (new_class is ReplicaClass.FRESH and contradicting > 0)
    if not may_be_degraded:
        return None
    return now if standing.degraded_since is None else standing.degraded_since


def _find_newest(report: NodeReport) -> int:
    return max(report.ledger, report.heard_ledger or 0)


def _note_failure(standing: ReplicaState, failure: PollFailure, thresholds: Thresholds, now: float) -> ReplicaState:
    """Count a failed poll; the last answer goes on counting until too many have failed."""
    failed = standing.failed_polls + 1
    was_refused = standing.was_refused or failure.reason == REFUSED
    if failed < thresholds.unreachable_polls:
        return replace(standing, failed_polls=failed, was_refused=was_refused, polled_at=now)
    is_new = standing.replica_class is not ReplicaClass.UNREACHABLE
    return replace(
        standing,
        replica_class=ReplicaClass.UNREACHABLE,
        since=now if is_new else standing.since,
        failed_polls=failed,
        contradicting_polls=0,
        detail=failure.message,
        rate=None,
        gain=None,
        seconds_to_fresh=None,
        degraded_since=now if standing.degraded_since is None else standing.degraded_since,
        was_refused=was_refused,
        polled_at=now,
    )


def _find_foreign(report: NodeReport, tip: Tip | None, network: str | None) -> str:
    """Explain why a node is not on this network; empty if nothing contradicts it."""
    if report.is_of_another(network):
        return f"is on the network {report.network!r}, not {network!r}"
    if tip is not None and tip.ceiling is not None and report.ledger > tip.ceiling:
        return f"reports ledger {report.ledger}, which the network cannot have: it is at {tip.ledger}"
    return ""


def _disown(
    standing: ReplicaState, report: NodeReport, network: str | None, thresholds: Thresholds
) -> tuple[ReplicaClass, int]:
    """Return the class of a node that is none of this network, and how many answers in a row have now said so.

    A node of another network is foreign at once. One that claims too much may be ahead of what is known for a poll.
    """
    contradicting = standing.contradicting_polls + 1
    is_sure = report.is_of_another(network) or contradicting >= thresholds.agreeing_polls
    if is_sure or standing.replica_class is ReplicaClass.FOREIGN:
        return ReplicaClass.FOREIGN, 0
    lost = standing.replica_class is ReplicaClass.UNREACHABLE
    return (ReplicaClass.UNKNOWN if lost else standing.replica_class), contradicting


def _forget_failures(replica_class: ReplicaClass) -> ReplicaClass:
    """Return the class of a replica that answers while there is no tip to hold it against."""
    lost = replica_class in (ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN)
    return ReplicaClass.UNKNOWN if lost else replica_class


def _is_current(
    standing: ReplicaState, report: NodeReport, lag: int | None, tip: Tip, thresholds: Thresholds, now: float
) -> bool:
    """Return whether a response is a fresh replica's.

    While the tip stands still Core says that it has lost sync, though it lacks nothing, and others tell no ledger any
    more: their word is then not held against one that is fresh, or was when it last answered. Nor is it if its last
    ledger is old and is the newest that anybody has: polls far apart show that before the tip is seen to stand still.
    """
    if lag is None:
        return standing.replica_class is ReplicaClass.FRESH and tip.is_stalled
    if standing.replica_class is ReplicaClass.FRESH:
        lacks_nothing = report.is_synced or tip.is_stalled or _stands_with_network(standing, report, lag, now)
        return lag < thresholds.lag_ledgers and lacks_nothing
    is_back = standing.replica_class is ReplicaClass.UNREACHABLE and standing.became_fresh_after is not None
    is_in_sync = report.is_synced or (is_back and tip.is_stalled)
    return is_in_sync and report.ledger > 1 and lag <= thresholds.return_ledgers


def _stands_with_network(standing: ReplicaState, report: NodeReport, lag: int, now: float) -> bool:
    """Return whether the process that was fresh has lost sync by age alone.

    One that restarts has its reasons; one whose ledger moved and is older than its last answer replays history.
    """
    if lag > TOGETHER_LEDGERS or report.age_seconds is None or standing.became_fresh_after is None:
        return False
    closed_since = standing.observed_at is not None and report.age_seconds <= now - standing.observed_at
    return report.age_seconds > CURRENT_SECONDS and (closed_since or _has_same_ledger(standing.report, report))


def _classify(
    standing: ReplicaState, report: NodeReport, thresholds: Thresholds, *, is_current: bool
) -> tuple[ReplicaClass, int]:
    """Return the class after an answer, and how many answers in a row have now spoken against it."""
    was = standing.replica_class
    if is_current and was is not ReplicaClass.LAGGING:
        return ReplicaClass.FRESH, 0
    fallen = _name_fallen(standing, report)
    if was not in (ReplicaClass.FRESH, ReplicaClass.LAGGING):
        return fallen, 0
    if was is ReplicaClass.LAGGING and not is_current:
        return fallen, 0
    contradicting = standing.contradicting_polls + 1
    if contradicting < thresholds.agreeing_polls:
        return was, contradicting
    return (ReplicaClass.FRESH if is_current else fallen), 0


def _name_fallen(standing: ReplicaState, report: NodeReport) -> ReplicaClass:
    """Distinguish a replica that has fallen behind from one that has not been fresh since it started.

    One that was not seen to be fresh may have been, before it was watched: it says that it is in sync, or has been up
    for long by its own clock. Of one that joined while it was watched the former tells nothing: it is as stale as what
    it reads from.
    """
    if standing.became_fresh_after is not None:
        return ReplicaClass.LAGGING
    if standing.replica_class in (ReplicaClass.CATCHING_UP, ReplicaClass.LAGGING) and standing.report is not None:
        is_same = not is_restarted(standing.report, report, was_refused=standing.was_refused)
        return standing.replica_class if is_same else ReplicaClass.CATCHING_UP
    if not report.tells_start:
        return ReplicaClass.CATCHING_UP  # what it says of itself it may have said in its first second
    is_old = report.uptime_seconds is not None and report.uptime_seconds > _JOINING_SECONDS
    says_so = report.is_synced and not standing.is_newcomer
    return ReplicaClass.LAGGING if says_so or is_old else ReplicaClass.CATCHING_UP


def _follow_rate(standing: ReplicaState, report: NodeReport, now: float) -> float | None:
    if standing.report is None or standing.observed_at is None or now <= standing.observed_at:
        return standing.rate
    if not report.ledger or not standing.report.ledger:
        return standing.rate
    return _smooth(standing.rate, report.ledger - standing.report.ledger, now - standing.observed_at)


def _follow_gain(standing: ReplicaState, lag: int | None, now: float) -> float | None:
    if lag is None or standing.lag_ledgers is None or standing.observed_at is None or now <= standing.observed_at:
        return standing.gain
    return _smooth(standing.gain, standing.lag_ledgers - lag, now - standing.observed_at)


def _smooth(before: float | None, ledgers: int, seconds: float) -> float:
    """Smooth ledgers a second over time, however often a node is polled."""
    if before is None:
        return ledgers / max(seconds, _SMOOTHED_SECONDS)
    kept: float = (1.0 - _SMOOTHING) ** (seconds / _SMOOTHED_SECONDS)
    return ledgers / seconds + kept * (before - ledgers / seconds)


def _predict(report: NodeReport, lag: int | None, gain: float | None, thresholds: Thresholds) -> float | None:
    """Predict the seconds until a replica is fresh, from its own word while it waits, else from what it gains."""
    if report.catch_up is not None and report.catch_up.eta_seconds is not None:
        return report.catch_up.eta_seconds
    if lag is None or gain is None or gain < _GAINS_LEDGERS_PER_SECOND:
        return None
    return max(0.0, lag - thresholds.return_ledgers) / gain
