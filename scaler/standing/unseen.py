"""What is known of a replica that was not observed? Nothing, once its last observation is three polls old. Pure."""

from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.standing.freshness import ReplicaState

_MAX_DETAIL = 200


def forget_unseen(standing: ReplicaState, oldest: float, now: float) -> ReplicaState:
    """Make a replica unknown of which no poll has said anything since `oldest`, whatever the reason.

    This process may have had no descriptors, or stood still, or have been told to ask less often: what the replica was
    then is no guess at what it is now. What was learned of it stays, and its next response classifies it again.
    """
    polled_at = standing.polled_at
    if polled_at is None or polled_at >= oldest or standing.replica_class is ReplicaClass.UNKNOWN:
        return standing
    why = f"not observed for {now - polled_at:.0f} s"
    return replace(
        standing,
        replica_class=ReplicaClass.UNKNOWN,
        since=now,
        detail=f"{why}: {standing.detail}"[:_MAX_DETAIL] if standing.detail else why,
        failed_polls=0,
        contradicting_polls=0,
        rate=None,
        gain=None,
        seconds_to_fresh=None,
        degraded_since=None,
    )
