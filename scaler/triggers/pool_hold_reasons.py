"""Why is nothing decided of a pool that a trigger names, whatever is seen of its replicas? Each is an answer to KEDA.

Beside scaler.policy.hold_reasons, where the reasons are that come from what is seen.
"""

from scaler.triggers.fleet_spec import FleetSpec

POOLS_NOT_SYNCED = "PoolsNotSynced"
"""The API server has not given its list of pools since this scaler started."""
POOL_NOT_FOUND = "PoolNotFound"
"""There is no pool of this name, or not yet."""
POOL_DELETED = "PoolDeleted"
"""There was one, and it is gone."""
POOL_TERMINATING = "PoolTerminating"
"""The pool is being deleted."""
POOL_INVALID = "PoolInvalid"
"""The pool's spec is not understood; the message names field, value and what is allowed."""
REFERENCES_NOT_ALLOWED = "ReferencesNotAllowed"
"""The pool names references, and this scaler fetches no addresses of a tenant's choice."""
PAUSED = "Paused"
"""spec.paused is true."""


def was_deleted(spec: FleetSpec) -> bool:
    """Return whether the fleet's pool existed and is gone."""
    return spec.hold_reason is not None and spec.hold_reason.reason == POOL_DELETED
