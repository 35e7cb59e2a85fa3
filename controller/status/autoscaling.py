"""Who scales the pool: our ScaledObject, one of the user's, or no one? And does it work? Under controller.plan.plan."""

from collections.abc import Mapping

from controller.observed import reasons
from controller.observed.observed import ObservedPool
from controller.resources.scaled_object import lacks_tolerance
from controller.status.conditions import DesiredCondition
from controller.status.workload_facts import find_workload_problem
from readpool.kubernetes.kinds import SCALED_OBJECT, Manifest
from readpool.pool.condition_types import ConditionType
from readpool.pool.status import ConditionStatus


def is_scaled_by_us(observed: ObservedPool) -> bool:
    """Return whether the pool should have a ScaledObject of ours.

    None before spec.replicas is written: KEDA would set its minimum at once. And one of the user's that comes with the
    pool, in the same file, is there by then; KEDA refuses a second one.
    """
    is_wanted = observed.pool.spec.autoscaling.enabled and SCALED_OBJECT in observed.optional_kinds
    is_there = observed.find(SCALED_OBJECT, observed.pool.name) is not None
    if observed.workload is not None:  # what KEDA scales is the workload itself, and has to be there and ours alone
        view = observed.workload
        is_begun = view.is_ours or (view.manifest is None and not view.taken_by and is_there)
        return is_wanted and is_begun and observed.other_scaled_object is None and not view.scaled_by
    is_begun = observed.pool.spec.replicas > 0 or is_there
    return is_wanted and is_begun and observed.other_scaled_object is None


def compute_autoscaling(observed: ObservedPool) -> DesiredCondition:
    """Compute the condition Autoscaling."""
    if observed.pool.spec.paused:
        return _no(reasons.PAUSED, "spec.paused is true: nothing scales the pool")
    if other := _name_other(observed):
        message = f"Scaled through {other}, which this controller does not manage"
        return DesiredCondition(ConditionType.AUTOSCALING, ConditionStatus.TRUE, reasons.SCALED_BY_OTHER, message)
    if not observed.pool.spec.autoscaling.enabled:
        return _no(reasons.DISABLED, "autoscaling.enabled is false")
    if SCALED_OBJECT not in observed.optional_kinds:
        return _no(reasons.KEDA_MISSING, "KEDA is not installed; install it, or scale with kubectl scale or an HPA")
    if (problem := find_workload_problem(observed)) is not None:
        return _no(*problem)
    return _compute_scaled_object(observed)


def _name_other(observed: ObservedPool) -> str:
    """Name who else scales the pool, or its workload; empty for no one."""
    if observed.other_scaled_object is not None:
        return f"ScaledObject {observed.other_scaled_object}"
    return "" if observed.workload is None else observed.workload.scaled_by


def _compute_scaled_object(observed: ObservedPool) -> DesiredCondition:
    live = observed.find(SCALED_OBJECT, observed.pool.name) or {}
    conditions = (live.get("status") or {}).get("conditions") or ()
    ready: Manifest = next((condition for condition in conditions if condition.get("type") == "Ready"), {})
    annotations: Mapping[str, str] = (live.get("metadata") or {}).get("annotations") or {}
    if (pause := _find_pause(annotations)) is not None:
        return _no(reasons.SCALED_OBJECT_PAUSED, pause)
    match ready.get("status"):
        case "True":
            message = "KEDA scales the pool towards targetReplicas" + _describe_half_pause(annotations)
            message += _OLD_KEDA if lacks_tolerance(live) else ""
            return DesiredCondition(ConditionType.AUTOSCALING, ConditionStatus.TRUE, reasons.SCALED_BY_KEDA, message)
        case "False":
            return _no(reasons.SCALED_OBJECT_NOT_READY, f"KEDA reports: {ready.get('message') or 'not ready'}")
        case _:
            message = "KEDA has not reported on the ScaledObject yet"
            return DesiredCondition(
                ConditionType.AUTOSCALING, ConditionStatus.UNKNOWN, reasons.WAITING_FOR_KEDA, message
            )


_OLD_KEDA = (
    "; this KEDA does not support tolerance (2.18 does), so the HPA ignores a difference of less than a tenth of the"
    " pool; upgrade KEDA if the pool has more than ten replicas"
)


_PAUSED, _PAUSED_REPLICAS = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"
_HALF_PAUSED = {
    "autoscaling.keda.sh/paused-scale-in": "replicas are not removed",
    "autoscaling.keda.sh/paused-scale-out": "replicas are not added",
}
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's strconv.ParseBool takes for false; KEDA counts whatever is no boolean as true."""


def _find_pause(annotations: Mapping[str, str]) -> str | None:
    """Describe the annotation that makes KEDA pause, as NeedToBePausedByAnnotation of KEDA 2.21 reads it."""
    if _PAUSED_REPLICAS in annotations:
        held = annotations[_PAUSED_REPLICAS]
        return f"Annotation {_PAUSED_REPLICAS} on the ScaledObject keeps the pool at {held} replicas"
    if _is_set(annotations, _PAUSED):
        return f"Annotation {_PAUSED} on the ScaledObject pauses scaling"
    return None


def _describe_half_pause(annotations: Mapping[str, str]) -> str:
    return "".join(f"; {name}: {what}" for name, what in _HALF_PAUSED.items() if _is_set(annotations, name))


def _is_set(annotations: Mapping[str, str], name: str) -> bool:
    return name in annotations and annotations[name] not in _FALSE


def _no(reason: str, message: str) -> DesiredCondition:
    return DesiredCondition(ConditionType.AUTOSCALING, ConditionStatus.FALSE, reason, message)
