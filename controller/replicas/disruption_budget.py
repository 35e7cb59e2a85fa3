"""PodDisruptionBudget NAME: a drain takes one replica at a time; those that are not ready do not hold it up.

controller.replicas.disruptions says when it may take none.
"""

from typing import Any

from controller.observed.labels import CLOSED_ANNOTATION, build_metadata, build_selector
from controller.replicas.disruptions import Disruptions
from readpool.kubernetes.kinds import PDB
from readpool.pool.spec import ReadOnlyPool


def build_disruption_budget(pool: ReadOnlyPool, disruptions: Disruptions) -> dict[str, Any]:
    """Build the budget."""
    since = disruptions.shut_since
    noted = {} if since is None else {CLOSED_ANNOTATION: str(since)}
    return {
        "apiVersion": PDB.api_version,
        "kind": PDB.name,
        "metadata": build_metadata(pool, pool.name, annotations=noted),
        "spec": {
            "maxUnavailable": disruptions.most,
            "selector": {"matchLabels": build_selector(pool.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
