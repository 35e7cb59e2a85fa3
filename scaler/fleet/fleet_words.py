"""What is said of a fleet beside the policy's own words: why nobody is known, that fewer are than wanted. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from scaler.policy.policy import Decision
from scaler.policy.policy_grounds import NO_REPLICAS, STILL_OBSERVING
from scaler.standing.freshness import ReplicaStanding


def say_why_none(
    decision: Decision,
    standings: Mapping[str, ReplicaStanding],
    network: str | None,
    discovery_trouble: str,
    *,
    are_members_known: bool,
) -> Decision:
    """Say why nobody of this network is known: all are of another, discovery is in trouble or has not answered yet."""
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


def _describe_foreign(standings: Mapping[str, ReplicaStanding], network: str | None) -> str:
    """Say for which networks the replicas answer that are all of another than this one."""
    reports = [standing.report for standing in standings.values() if standing.report is not None]
    named = Counter(report.network for report in reports if report.is_of_another(network))
    words = ", ".join(f"{count} are on {name!r}" for name, count in sorted(named.items(), key=str))
    return f"{words}, not {network!r}." if words else "All report ledgers that the network cannot have."
