"""How full are a pool's volumes, which of them grow, and what does the condition VolumeSpace say?

Under controller.plan.plan. From claims and the scaler's word to controller.plan.growth, and back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from controller.gate.gate import has_gate
from controller.observed import reasons
from controller.observed.labels import claim_name, read_annotations
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.growth import Growth, Space, Volume, choose_growth
from controller.replicas.replicas import Replica
from controller.resources.claims import GROWN_ANNOTATION, read_size
from controller.resources.pod_state import parse_time
from controller.status.conditions import DesiredCondition
from readpool.kubernetes.kinds import PVC, Manifest, ObjectKey
from readpool.pool.condition_types import ConditionType
from readpool.pool.quantity import parse_quantity
from readpool.pool.status import ConditionStatus

_MAX_LISTED = 3


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """The sizes to ask for by claim, and the condition, None where volumes are not to grow by themselves."""

    sizes: dict[str, Fraction] = field(default_factory=dict)
    condition: DesiredCondition | None = None


def plan_growth(observed: ObservedPool, replicas: Sequence[Replica], settings: PlanSettings, now: float) -> GrowthPlan:
    """Plan how a pool's volumes grow."""
    grows = observed.pool.spec.storage.auto_grow
    if grows is None:
        return GrowthPlan()
    if observed.pool.spec.paused:
        return GrowthPlan(
            condition=_build_condition(
                ConditionStatus.FALSE, reasons.PAUSED, "spec.paused is true: no volume is expanded"
            )
        )
    if not has_gate(observed.pool.spec, settings.gate_image):
        why = "Volume usage is unknown without a gate: set gate.image, or --gate-image of the controller"
        return GrowthPlan(condition=_build_condition(ConditionStatus.UNKNOWN, reasons.USAGE_UNKNOWN, why))
    volumes = _read_volumes(observed, replicas)
    growth = choose_growth(volumes, grows, now)
    return GrowthPlan(dict(growth.sizes), _compute_condition(volumes, growth, str(grows.max_size)))


def _read_volumes(observed: ObservedPool, replicas: Sequence[Replica]) -> list[Volume]:
    claims = {claim["metadata"]["name"]: claim for claim in observed.claims}
    named = [(one, claims.get(claim_name(observed.pool.name, one.ordinal))) for one in replicas]
    return [
        _read_volume(observed, replica, claim)
        for replica, claim in named
        if claim is not None and not claim["metadata"].get("deletionTimestamp")
    ]


def _read_volume(observed: ObservedPool, replica: Replica, claim: Manifest) -> Volume:
    status, name = claim.get("status") or {}, claim["metadata"]["name"]
    reported = (status.get("capacity") or {}).get("storage")
    key = ObjectKey(PVC, observed.pool.namespace, name)
    failing = observed.failing.get(key)
    return Volume(
        replica.name,
        name,
        requested=read_size(claim["spec"]),
        actual=None if reported is None else parse_quantity(str(reported)),
        used_percent=replica.view.volume_used_percent if replica.view is not None else None,
        grown_at=parse_time(read_annotations(claim).get(GROWN_ANNOTATION)),
        refusal=observed.refused.get(key) or (failing.message if failing is not None else _read_failure(status)),
    )


def _read_failure(status: Any) -> str:
    """Read what the storage says of a growth that it cannot carry out."""
    reported = {one.get("type"): one for one in status.get("conditions") or () if one.get("status") == "True"}
    states = (status.get("allocatedResourceStatuses") or {}).get("storage") or ""
    for kind in ("ControllerResizeError", "NodeResizeError"):
        if kind in reported:
            return " ".join(str(reported[kind].get("message") or kind).split())
    return f"the storage driver reports {states}" if states.endswith("Infeasible") else ""


def _compute_condition(volumes: Sequence[Volume], growth: Growth, most: str) -> DesiredCondition:
    of = {space: [one for one in volumes if growth.spaces[one.replica] is space] for space in Space}
    if of[Space.REFUSED]:
        why = of[Space.REFUSED][0].refusal
        return _build_condition(
            ConditionStatus.FALSE,
            reasons.CANNOT_GROW,
            f"{_join_volumes(of[Space.REFUSED])} and cannot be expanded: {why}",
        )
    if of[Space.AT_MAX]:
        at_max = "and already as large as storage.autoGrow.maxSize"
        message = f"{_join_volumes(of[Space.AT_MAX])} {at_max} ({most}); raise maxSize"
        return _build_condition(ConditionStatus.FALSE, reasons.AT_MAX_SIZE, message)
    if of[Space.GROWING]:
        return _build_condition(
            ConditionStatus.TRUE, reasons.VOLUMES_GROWING, f"{_join_volumes(of[Space.GROWING])}; expanding"
        )
    if not volumes or (of[Space.UNKNOWN] and not of[Space.ENOUGH]):
        return _build_condition(
            ConditionStatus.UNKNOWN, reasons.USAGE_UNKNOWN, "No gate has reported the usage of a volume yet"
        )
    count, known = len(of[Space.UNKNOWN]), len(of[Space.ENOUGH])
    untold = f"; the usage of {count} is unknown" if count else ""
    message = f"{known} of {len(volumes)} volumes have enough free space{untold}"
    return _build_condition(ConditionStatus.TRUE, reasons.ENOUGH_SPACE, message)


def _join_volumes(volumes: Sequence[Volume]) -> str:
    reported = [_describe(one) for one in volumes[:_MAX_LISTED]]
    more = f" and {len(volumes) - _MAX_LISTED} more" if len(volumes) > _MAX_LISTED else ""
    return f"{', '.join(reported)}{more}"


def _describe(volume: Volume) -> str:
    return volume.replica if volume.used_percent is None else f"{volume.replica} is {volume.used_percent} % full"


def _build_condition(status: ConditionStatus, reason: str, message: str) -> DesiredCondition:
    return DesiredCondition(ConditionType.VOLUME_SPACE, status, reason, message)
