"""Messages about a fleet beside the policy's own: why no replica is known, and that some are missing. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from scaler.policy.hold_reasons import NO_REPLICAS, STILL_OBSERVING
from scaler.policy.policy import Decision
from scaler.standing.freshness import ReplicaState


def explain_no_replicas(
    decision: Decision,
    standings: Mapping[str, ReplicaState],
    network: str | None,
    discovery_trouble: str,
    *,
    are_members_known: bool,
) -> Decision:
    """Explain why no replica of this network is known: all are on another, or discovery fails or is not done."""
    if decision.reason != NO_REPLICAS:
        return decision
    if standings:
        return replace(decision, message=f"{decision.message} {_describe_foreign(standings, network)}")
    if discovery_trouble:
        return replace(decision, message=f"{decision.message} {discovery_trouble}")
    if not are_members_known:
        return replace(decision, reason=STILL_OBSERVING, message="The replicas have not been discovered yet.")
    return decision


def add_shortage(decision: Decision, shortage: str) -> Decision:
    """Add to a decision that fewer replicas are known than it asks for."""
    if not shortage:
        return decision
    return replace(decision, message=f"{decision.message.rstrip('.')}. {shortage}")


def _describe_foreign(standings: Mapping[str, ReplicaState], network: str | None) -> str:
    """Describe the networks of replicas that are all on another one than this."""
    reports = [standing.report for standing in standings.values() if standing.report is not None]
    named = Counter(report.network for report in reports if report.is_of_another(network))
    words = ", ".join(f"{count} are on {name!r}" for name, count in sorted(named.items(), key=str))
    return f"{words}, not {network!r}." if words else "All report ledgers that the network cannot have."
