"""The labels that tell what belongs to a pool, and to readpool. The controller's other names are in its own labels."""

POOL_LABEL = "stellar.org/pool"
"""On all that a pool owns: the pool's name."""
MANAGER = "readpool"
"""Our name as app.kubernetes.io/managed-by, and as a field manager: what others set stays theirs."""
