"""StatefulSet NAME: the replicas, each with a name, a volume and a configuration of its own.

Pods are replaced by the controller alone (OnDelete), one fresh one at a time: controller.plan.rollout chooses which.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from controller.observed.drift import has_drifted
from controller.observed.labels import (
    NOT_FRESH_BEFORE_ANNOTATION,
    build_metadata,
    build_selector,
    nodes_service_name,
    parse_number,
    read_annotations,
)
from controller.observed.plan_settings import PlanSettings
from controller.resources.claims import build_claim_template
from controller.resources.pod_template import build_pod_template
from readpool.kubernetes.kinds import STATEFUL_SET, Manifest
from readpool.pool.spec import ReadOnlyPool

KEPT_REVISIONS = 3


def build_stateful_set(
    pool: ReadOnlyPool,
    replicas: int,
    settings: PlanSettings,
    live: Manifest | None,
    unhealthy: AbstractSet[int] | None = None,
) -> dict[str, Any]:
    """Build the StatefulSet; of the `live` one, where there is one, the claim template is kept, for it cannot change.

    `unhealthy` are the ordinals that a rollout notes, None for those that are noted already.

    The volumes of replicas that are scaled away go or stay as those of a pool that is deleted.
    """
    retention = str(pool.spec.storage.retention_policy)
    return {
        "apiVersion": STATEFUL_SET.api_version,
        "kind": STATEFUL_SET.name,
        "metadata": build_metadata(
            pool, pool.name, annotations=_note(read_unhealthy(live) if unhealthy is None else unhealthy)
        ),
        "spec": {
            "replicas": replicas,
            "serviceName": nodes_service_name(pool.name),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": KEPT_REVISIONS,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": retention, "whenScaled": retention},
            "selector": {"matchLabels": build_selector(pool.name)},
            "template": build_pod_template(pool, settings),
            "volumeClaimTemplates": _choose_claim_templates(pool, live),
        },
    }


def read_unhealthy(live: Manifest | None) -> frozenset[int]:
    """Read the ordinals that a rollout has noted; of what is no number, none."""
    parts = read_annotations(live or {}).get(NOT_FRESH_BEFORE_ANNOTATION, "").split(",")
    return frozenset(number for part in parts if (number := parse_number(part)) is not None)


def _note(unhealthy: AbstractSet[int]) -> dict[str, str]:
    return {NOT_FRESH_BEFORE_ANNOTATION: ",".join(map(str, sorted(unhealthy)))} if unhealthy else {}


def _choose_claim_templates(pool: ReadOnlyPool, live: Manifest | None) -> list[Any]:
    """Return what is wanted if it matches the live object, else the live value without the API server's additions."""
    wanted = [build_claim_template(pool)]
    found = live["spec"].get("volumeClaimTemplates") if live is not None else None
    if not found or not has_drifted({"templates": wanted}, {"templates": found}):
        return wanted
    return [{name: part for name, part in template.items() if name != "status"} for template in found]
