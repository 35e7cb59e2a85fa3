"""Does Stellar Core get the CPU and memory that it needs? What the condition Resources warns of. Pure.

Only a warning: a default in the pod template would restart the replicas of every pool at an upgrade of the controller.
"""

from collections.abc import Mapping
from typing import Any

from controller.observed import reasons
from controller.resources.pod_state import CORE
from controller.status.pool_facts import DesiredCondition
from readpool.pool.condition_types import ConditionType
from readpool.pool.network import Network
from readpool.pool.spec import PoolSpec
from readpool.pool.status import ConditionStatus

_NEEDED = {"cpu": "CPU", "memory": "memory"}


def compute_resources_condition(spec: PoolSpec) -> DesiredCondition | None:
    """Judge what a replica of a public network asks for; None where there is nothing to warn of, or it is not ours."""
    if spec.network is Network.CUSTOM or spec.workload_ref is not None:
        return None
    parts = [spec.resources.model_dump(mode="json"), *_list_in_template(spec.template)]
    asked = {name for part in parts for kind in ("requests", "limits") for name in part.get(kind) or ()}
    missing = [word for name, word in _NEEDED.items() if name not in asked]
    if not missing:
        return None
    evicted = "and evicts it first" if "memory" in missing else "while others use it"
    message = (
        f"Stellar Core requests no {' and no '.join(missing)} on {spec.network}, so a busy node starves it {evicted}:"
        " set spec.resources.requests"
    )
    return DesiredCondition(ConditionType.RESOURCES, ConditionStatus.FALSE, reasons.NO_REQUESTS, message)


def _list_in_template(template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List the resources that the pool's own template gives to Core."""
    containers = (template.get("spec") or {}).get("containers") or ()
    return [one.get("resources") or {} for one in containers if one.get("name") == CORE]
