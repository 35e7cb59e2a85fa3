"""ConfigMap NAME-checkpoint: a checkpoint that several vouch for, which a replica far behind starts from.

A replica reads it when it starts and at no other time, so that nothing changes under one that runs. It belongs to
no one's configuration: a new one restarts no one.
"""

from typing import Any

from controller.observed.labels import build_metadata, checkpoint_name
from controller.observed.observed import CheckpointView
from readpool.kubernetes.kinds import CONFIG_MAP
from readpool.pool.spec import ReadOnlyPool

CHECKPOINT_KEY = "checkpoint"


def build_checkpoint(pool: ReadOnlyPool, checkpoint: CheckpointView) -> dict[str, Any]:
    """Build the ConfigMap: one line with the last ledger of the checkpoint, its hash, and when it closed."""
    line = f"{checkpoint.ledger} {checkpoint.ledger_hash} {checkpoint.closed_at}\n"
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": build_metadata(pool, checkpoint_name(pool.name)),
        "data": {CHECKPOINT_KEY: line},
    }
