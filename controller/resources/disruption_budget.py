"""PodDisruptionBudget NAME: a drain takes one ready replica at a time; those that are not ready do not hold it up."""

from typing import Any

from controller.labels import build_metadata, build_selector
from readpool.kubernetes.kinds import PDB
from readpool.pool.spec import ReadOnlyPool


def build_disruption_budget(pool: ReadOnlyPool) -> dict[str, Any]:
    """Build the budget."""
    return {
        "apiVersion": PDB.api_version,
        "kind": PDB.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": build_selector(pool.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
