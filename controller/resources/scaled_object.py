"""ScaledObject NAME: KEDA scales the pool itself, by what the scaler says of it; the HPA holds what KEDA cannot learn.

See docs/scaledobject.md for why each setting is what it is.
"""

from typing import Any

from controller.observed.grants import leave_out_refused
from controller.observed.labels import build_metadata
from controller.observed.plan_settings import PlanSettings
from readpool.kubernetes.kinds import POOL, SCALED_OBJECT, Manifest
from readpool.pool.spec import ReadOnlyPool

PAUSED_ANNOTATION = "autoscaling.keda.sh/paused"
POLLING_SECONDS = 15
TOLERANCE = "tolerance"


def build_scaled_object(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    """Build the ScaledObject; a paused pool's is paused as well. What is not allowed here is left out."""
    pool = leave_out_refused(pool, settings)
    spec = pool.spec
    down = {TOLERANCE: "0", "stabilizationWindowSeconds": spec.autoscaling.scale_down_stabilization_seconds}
    behavior = {"scaleUp": {TOLERANCE: "0"}, "scaleDown": down}
    others = [
        trigger.model_dump(mode="json", by_alias=True, exclude_none=True) for trigger in spec.autoscaling.triggers
    ]
    return {
        "apiVersion": SCALED_OBJECT.api_version,
        "kind": SCALED_OBJECT.name,
        "metadata": build_metadata(pool, pool.name, annotations={PAUSED_ANNOTATION: "true"} if spec.paused else None),
        "spec": {
            "scaleTargetRef": _build_target(pool),
            "minReplicaCount": spec.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "pollingInterval": POLLING_SECONDS,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": [_build_trigger(pool, settings), *others],
        },
    }


def _build_target(pool: ReadOnlyPool) -> dict[str, str]:
    """Build what KEDA scales: the pool, or the workload that it stands before, which is then no concern of ours."""
    ref = pool.spec.workload_ref
    if ref is None:
        return {"apiVersion": POOL.api_version, "kind": POOL.name, "name": pool.name}
    return {"apiVersion": str(ref.api_version), "kind": str(ref.kind), "name": ref.name}


def leave_out_tolerance(manifest: Manifest) -> dict[str, Any]:
    """Leave the HPA's tolerance out of a ScaledObject, for a KEDA older than 2.18, whose definition has none."""
    spec = manifest["spec"]
    advanced = spec["advanced"]
    config = advanced["horizontalPodAutoscalerConfig"]
    behavior = {
        name: {key: value for key, value in rules.items() if key != TOLERANCE}
        for name, rules in config["behavior"].items()
    }
    kept = {**advanced, "horizontalPodAutoscalerConfig": {**config, "behavior": behavior}}
    return {**manifest, "spec": {**spec, "advanced": kept}}


def lacks_tolerance(live: Manifest | None) -> bool:
    """Return whether a ScaledObject that we have applied has not got the tolerance that we always ask for."""
    config = (((live or {}).get("spec") or {}).get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
    behavior = config.get("behavior") or {}
    return live is not None and not any(TOLERANCE in (behavior.get(name) or {}) for name in ("scaleUp", "scaleDown"))


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
