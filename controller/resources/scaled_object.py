"""ScaledObject NAME: KEDA scales the pool itself, by what the scaler says of it; the HPA holds what KEDA cannot learn.

See docs/scaledobject.md for why each setting is what it is.
"""

from typing import Any

from controller.labels import build_metadata
from controller.plan_settings import PlanSettings
from readpool.kubernetes.kinds import POOL, SCALED_OBJECT
from readpool.pool.spec import ReadOnlyPool

PAUSED_ANNOTATION = "autoscaling.keda.sh/paused"
POLLING_SECONDS = 15


def build_scaled_object(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    """Build the ScaledObject; a paused pool's is paused as well."""
    spec = pool.spec
    down = {"tolerance": "0", "stabilizationWindowSeconds": spec.autoscaling.scale_down_stabilization_seconds}
    behavior = {"scaleUp": {"tolerance": "0"}, "scaleDown": down}
    others = [
        trigger.model_dump(mode="json", by_alias=True, exclude_none=True) for trigger in spec.autoscaling.triggers
    ]
    return {
        "apiVersion": SCALED_OBJECT.api_version,
        "kind": SCALED_OBJECT.name,
        "metadata": build_metadata(pool, pool.name, annotations={PAUSED_ANNOTATION: "true"} if spec.paused else None),
        "spec": {
            "scaleTargetRef": {"apiVersion": POOL.api_version, "kind": POOL.name, "name": pool.name},
            "minReplicaCount": spec.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "pollingInterval": POLLING_SECONDS,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": [_build_trigger(pool, settings), *others],
        },
    }


def _build_trigger(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    address = pool.spec.autoscaling.scaler_address or settings.scaler_address
    trigger: dict[str, Any] = {
        "type": "external",
        "metricType": "AverageValue",
        "metadata": {"scalerAddress": address, "pool": pool.name},
    }
    if settings.scaler_authentication is None:
        return trigger
    trigger["metadata"]["enableTLS"] = "true"
    authentication = {"kind": "ClusterTriggerAuthentication", "name": settings.scaler_authentication}
    return trigger | {"authenticationRef": authentication}
