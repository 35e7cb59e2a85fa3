"""Is there ground to decide how many replicas there should be? Ordered checks; the first that fails is why to hold.

Without ground the scaler answers KEDA with an error, and the HPA leaves the pool as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scaler.policy.policy_facts import Facts

NO_REPLICAS = "NoReplicas"
"""No replica is known (of this network): nothing to observe."""
STILL_OBSERVING = "StillObserving"
"""Just started: the replicas are not discovered yet, or one has neither responded nor failed often enough."""
NOT_OBSERVED = "NotObserved"
"""No replica was observed in three polls: the scaler was out of descriptors, was suspended or was told to ask less."""
ALL_UNREACHABLE = "AllUnreachable"
"""No replica answers at all: more likely it is us, unless their pods say why or they have yet to come up."""
CORE_TOO_OLD = "CoreTooOld"
"""No replica is fresh, and Stellar Core is too old for the network's protocol: more of the same would not help."""
NO_TIP = "NoTip"
"""The network's newest ledger is unknown, so it is unknown which replicas lag."""
NETWORK_HALTED = "NetworkHalted"
"""The network closes no ledgers: no replica can be said to lag, and more replicas would not help."""
NETWORK_RESET = "NetworkReset"
"""The network was reset to a lower ledger: replicas on the old one have to be identified first."""
NOT_YET_SUSTAINED = "NotYetSustained"
"""Replicas lag or do not answer, but have not been watched for long enough to say for how long."""

_RESET_SECONDS = 60.0
"""For how long after it was seen; each replica has been asked again by then."""

LOSES_SIGHT = frozenset({NO_REPLICAS, NOT_OBSERVED, ALL_UNREACHABLE, NO_TIP, NETWORK_HALTED, NETWORK_RESET})
"""After one of these, observations from before do not show how long a replica has been degraded."""


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why there is no decision: `reason` in CamelCase for machines, `message` in a sentence for people."""

    reason: str
    message: str


def find_hold_reason(facts: Facts, *, is_first: bool) -> HoldReason | None:
    """Return the first thing that is missing for a decision, None when nothing is.

    `is_first`: nothing was decided before. Later a newcomer that is not yet observed is no reason to hold all else.
    """
    for check in _CHECKS:
        if (missing := check(facts, is_first)) is not None:
            return missing
    return None


def _check_replicas(facts: Facts, _is_first: bool) -> HoldReason | None:
    return None if facts.current else HoldReason(NO_REPLICAS, "No replica of this network is known.")


def _check_observed(facts: Facts, is_first: bool) -> HoldReason | None:
    if not is_first and facts.unknown == facts.current:
        return HoldReason(NOT_OBSERVED, f"None of {facts.current} replicas was observed in the last three polls.")
    if not is_first or not facts.unknown:
        return None
    return HoldReason(STILL_OBSERVING, f"{facts.unknown} of {facts.current} replicas have not been observed yet.")


def _check_core(facts: Facts, _is_first: bool) -> HoldReason | None:
    others = facts.current - facts.too_old - facts.unreachable - facts.unknown
    if facts.fresh or not facts.too_old or others > 0:
        return None  # the others are decided on
    if facts.unreachable == facts.current > facts.too_old:
        return None  # that is not why all of them are silent
    verb = "runs" if facts.too_old == 1 else "run"
    return HoldReason(
        CORE_TOO_OLD,
        f"{facts.too_old} of {facts.current} replicas {verb} a Stellar Core that is too old for Protocol"
        f" {facts.needs_protocol}, which the network is at. Use Stellar Core {facts.needs_protocol} or newer.",
    )


def _check_reachable(facts: Facts, _is_first: bool) -> HoldReason | None:
    return HoldReason(ALL_UNREACHABLE, _say_why_silent(facts)) if facts.unreachable == facts.current else None


def _say_why_silent(facts: Facts) -> str:
    """Explain why no replica responds. The scaler is the likely cause only if all responded before and are ready."""
    if facts.unready:
        return f"None of {facts.current} replicas responds. The pool is not ready: {facts.unready.rstrip('.')}."
    if facts.unheard == facts.current:
        return (
            f"None of {facts.current} replicas has responded yet. They may be starting, or the scaler cannot"
            " reach them."
        )
    if facts.unheard:
        return f"None of {facts.current} replicas responds; {facts.unheard} of them never did."
    return f"None of {facts.current} replicas responds. The scaler itself is probably disconnected."


def _check_tip(facts: Facts, _is_first: bool) -> HoldReason | None:
    return None if facts.tip else HoldReason(NO_TIP, "The network's newest ledger is unknown.")


def _check_network(facts: Facts, _is_first: bool) -> HoldReason | None:
    if facts.tip is None or not facts.tip.is_halted:
        return None
    return HoldReason(NETWORK_HALTED, f"The network has closed no ledger since {facts.tip.ledger}.")


def _check_reset(facts: Facts, _is_first: bool) -> HoldReason | None:
    if facts.tip is None or facts.reset_seconds is None or facts.reset_seconds >= _RESET_SECONDS:
        return None
    return HoldReason(
        NETWORK_RESET,
        f"The network was reset from ledger {facts.tip.reset_from} to {facts.tip.ledger}.",
    )


def _check_sustained(facts: Facts, _is_first: bool) -> HoldReason | None:
    if not facts.degraded or facts.grounded_seconds >= facts.sustain_seconds:
        return None
    return HoldReason(
        NOT_YET_SUSTAINED,
        f"{facts.degraded} replicas are lagging or unreachable, observed for only {facts.grounded_seconds:.0f} s"
        f" of {facts.sustain_seconds:.0f} s.",
    )


_CHECKS: tuple[Callable[[Facts, bool], HoldReason | None], ...] = (
    _check_replicas,
    _check_observed,
    _check_core,
    _check_reachable,
    _check_tip,
    _check_network,
    _check_reset,
    _check_sustained,
)
