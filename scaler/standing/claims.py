"""What does a replica's standing claim of the network, and which network do most of them name?

Between the standings that scaler.standing.freshness folds and scaler.standing.tip, which weighs the claims.
"""

from collections import Counter
from collections.abc import Iterable

from scaler.probes.report import NodeReport
from scaler.standing.standing import ReplicaState
from scaler.standing.tip import CURRENT_SECONDS, Claim


def build_claim(standing: ReplicaState, report: NodeReport, moving_since: float) -> Claim:
    """Build a node's claim; one that was not seen to move since `moving_since` is not current, whatever it says."""
    heard = report.heard_ledger or 0
    is_advancing = standing.advanced_at is not None and standing.advanced_at >= moving_since
    is_young = report.age_seconds is None or report.age_seconds <= CURRENT_SECONDS
    is_told = report.ledger > 1 or report.heard_ledger is not None
    return Claim(
        max(report.ledger, heard) if is_told else 0,
        is_current=is_told and is_advancing and (heard > report.ledger or (report.is_synced and is_young)),
        is_advancing=is_advancing,
        # One that replays history moves as well, on a halted network too.
        is_following=is_told and is_advancing and report.is_synced,
        is_moving=is_advancing and standing.has_advanced,
        is_undated=report.age_seconds is None and heard <= report.ledger,
    )


def find_majority(standings: Iterable[ReplicaState], before: str | None) -> str | None:
    """Return the network that most answers name; on a tie the one before, else the first by name."""
    named = [s.report.network for s in standings if s.report is not None and s.report.network]
    if len(set(named)) <= 1:
        return named[0] if named else before
    votes = Counter(named)
    most = max(votes.values())
    leading = sorted(network for network, count in votes.items() if count == most)
    return before if before in leading else leading[0]
