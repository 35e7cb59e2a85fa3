"""A pool under the policy, turn after turn: its standings in, what was desired each time out."""

from collections.abc import Sequence

from scaler.policy.policy import Bounds, PolicyMemory, PolicySettings, decide
from scaler.policy.policy_release import Surplus
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip

NOW = 10_000.0
SETTINGS = PolicySettings(Bounds(3, 5, 20))
Pool = dict[str, ReplicaState]


def pool(*standings: ReplicaState) -> Pool:
    """Name replicas by their ordinals."""
    return {f"core-{i}": s for i, s in enumerate(standings)}


def sizes(
    pools: Sequence[Pool], seconds: float, settings: PolicySettings = SETTINGS, requests: float | None = None
) -> list[int | None]:
    """Decide on one pool after the other, `seconds` apart, after one on which nothing ails.

    `requests` are the requests/s of each replica, where they are known.
    """
    memory, desired = PolicyMemory(surplus=Surplus(last_desired=5)), []
    for turn, standings in enumerate(pools):
        now = NOW + turn * seconds
        decision, memory = decide(
            standings,
            Tip(5000 + turn, now),
            observed_since=0.0,
            memory=memory,
            settings=settings,
            now=now,
            requests=None if requests is None else dict.fromkeys(standings, requests),
        )
        desired.append(decision.desired)
    return desired
