"""How many replicas does the request rate need, by what has been learned of a replica's capacity? For policy.policy."""

from typing import NamedTuple

from scaler.policy.capacity import Capacity, compute_replicas_for_load, find_capacity_per_replica
from scaler.policy.policy_settings import PolicySettings


class Need(NamedTuple):
    """Replicas that the request rate needs, 0 if unknown, and requests/s that one is known to serve, None if not."""

    replicas: int
    learned_requests_per_replica: float | None


def find_need(capacity: Capacity, settings: PolicySettings, warm_up_seconds: float) -> Need:
    """Find what the load needs one warm-up ahead; a capacity on trial counts for that, and is not told yet."""
    known = settings.learned_requests_per_replica
    borne = find_capacity_per_replica(capacity, known)
    ahead_seconds = settings.look_ahead(warm_up_seconds)
    certain = find_capacity_per_replica(capacity, known, is_certain=True) if capacity.trials else borne
    return Need(compute_replicas_for_load(capacity.load, borne, ahead_seconds, settings.headroom), certain)
