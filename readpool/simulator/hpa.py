"""From a metric to a number of replicas, by the arithmetic of Kubernetes' HorizontalPodAutoscaler; the demo's stand-in.

Follows k8s.io/kubernetes v1.36.3, pkg/controller/podautoscaler: `horizontal.go` and `replica_calculator.go`, for one
External metric with an AverageValue target and a `behavior`, as our ScaledObject has it. Pure: time comes in as `now`.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

MAX_INT32, MAX_INT64 = 2**31 - 1, 2**63 - 1
"""Where replicas and milli-values end in Go (replica_calculator.go caps both)."""


class PolicyType(StrEnum):
    """What a scaling policy limits the change by."""

    PODS = "Pods"
    PERCENT = "Percent"


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most `value` pods, or per cent of them, within `period_seconds`."""

    kind: PolicyType
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of `behavior`; of several policies the one that allows most counts (selectPolicy Max, the default).

    Attributes:
        stabilization_window_seconds: the mildest recommendation of this long counts.
        tolerance: share by which the usage ratio may be off in this direction without any change.
        policies: how fast it may go.
    """

    stabilization_window_seconds: float
    tolerance: float
    policies: tuple[ScalingPolicy, ...]


# pkg/apis/autoscaling/v2/defaults.go; tolerance and window down are kube-controller-manager's flags, at their defaults.
DEFAULT_SCALE_UP = ScalingRules(
    0.0, 0.1, (ScalingPolicy(PolicyType.PODS, 4, 15.0), ScalingPolicy(PolicyType.PERCENT, 100, 15.0))
)
DEFAULT_SCALE_DOWN = ScalingRules(300.0, 0.1, (ScalingPolicy(PolicyType.PERCENT, 100, 15.0),))


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What the HPA was told: its bounds, the value per replica it aims at, and its behavior."""

    min_replicas: int
    max_replicas: int
    target_average_value: float = 1.0
    scale_up: ScalingRules = DEFAULT_SCALE_UP
    scale_down: ScalingRules = DEFAULT_SCALE_DOWN

    def __post_init__(self) -> None:
        """Refuse what the API server would (pkg/apis/autoscaling/validation): a target must be positive."""
        if _milli(self.target_average_value) == 0:
            raise ValueError(f"target_average_value is {self.target_average_value!r}; it must be 0.001 or more")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How many replicas the metric asked for at one moment, before stabilization."""

    at: float
    replicas: int


@dataclass(frozen=True, slots=True)
class ScaleEvent:
    """By how many replicas the target was changed at one moment; never negative."""

    at: float
    change: int


@dataclass(frozen=True, slots=True)
class HpaMemory:
    """What the HPA remembers between two syncs."""

    recommendations: tuple[Recommendation, ...] = ()
    added: tuple[ScaleEvent, ...] = ()
    removed: tuple[ScaleEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class HpaStep:
    """What one sync came to: the replicas to set, and why, as the reason that Kubernetes gives in its conditions."""

    desired: int
    reason: str


def sync_hpa(
    spec: HpaSpec, memory: HpaMemory, *, current: int, observed: int, metric: float | None, now: float
) -> tuple[HpaStep, HpaMemory]:
    """Do one sync, as `reconcileAutoscaler` does.

    Args:
        spec: what the HPA was told.
        memory: what the last sync left.
        current: `.spec.replicas` of the target.
        observed: `.status.replicas` of the target, which the tolerance is reckoned with.
        metric: the metric's sum; None when it could not be had, and the HPA holds.
        now: seconds, on any clock that does not jump.
    """
    if not memory.recommendations:  # recordInitialRecommendation
        memory = replace(memory, recommendations=(Recommendation(now, current),))
    if current == 0:
        return HpaStep(0, "ScalingDisabled"), memory
    if current > spec.max_replicas:
        step = HpaStep(spec.max_replicas, "TooManyReplicas")
    elif current < spec.min_replicas:
        step = HpaStep(spec.min_replicas, "TooFewReplicas")
    elif metric is None:
        return HpaStep(current, "FailedGetExternalMetric"), memory
    else:
        recommended = compute_metric_replicas(spec, observed=observed, metric=metric)
        stabilized = _stabilize(spec, memory, current, recommended, now)
        memory = _remember_recommendation(spec, memory, recommended, now)
        step = _limit_rate(spec, memory, current, stabilized, now)
        if step.desired == stabilized != recommended:
            step = replace(step, reason="ScaleUpStabilized" if recommended >= current else "ScaleDownStabilized")
    return step, _remember_change(spec, memory, step.desired - current, now)


def compute_metric_replicas(spec: HpaSpec, *, observed: int, metric: float) -> int:
    """Compute how many replicas the metric asks for to the thousandth (GetExternalPerPodMetricReplicas)."""
    usage, target = _milli(metric), _milli(spec.target_average_value)
    if observed > 0:
        ratio = usage / (target * observed)
        if 1.0 - spec.scale_down.tolerance <= ratio <= 1.0 + spec.scale_up.tolerance:
            return observed
    return min(math.ceil(usage / target), MAX_INT32)


def _milli(value: float) -> int:
    """KEDA writes values as "%.3f", and what is not a finite positive number as 0 (scaler.go, quantityFromFloat64)."""
    return round(min(value * 1000, MAX_INT64)) if math.isfinite(value) and value > 0 else 0


def _stabilize(spec: HpaSpec, memory: HpaMemory, current: int, recommended: int, now: float) -> int:
    """`stabilizeRecommendationWithBehaviors`: up to the lowest, down to the highest of the recent recommendations."""
    up = min([recommended, *_recent(memory, spec.scale_up.stabilization_window_seconds, now)])
    least = max(current, up)
    if least <= recommended:
        return least  # and no more than the highest, since what is recommended now is among those
    return min(least, max([recommended, *_recent(memory, spec.scale_down.stabilization_window_seconds, now)]))


def _recent(memory: HpaMemory, window_seconds: float, now: float) -> list[int]:
    if window_seconds <= 0:
        return []
    oldest = now - window_seconds
    return [entry.replicas for entry in memory.recommendations if entry.at > oldest]


def _limit_rate(spec: HpaSpec, memory: HpaMemory, current: int, desired: int, now: float) -> HpaStep:
    """`convertDesiredReplicasWithBehaviorRate`: no faster than the policies, never past the bounds."""
    if desired > current:
        limit = max(current, *(_propose(policy, memory, current, now, up=True) for policy in spec.scale_up.policies))
        if desired > min(limit, spec.max_replicas):
            reason = "ScaleUpLimit" if limit < spec.max_replicas else "TooManyReplicas"
            return HpaStep(min(limit, spec.max_replicas), reason)
    elif desired < current:
        limit = min(current, *(_propose(policy, memory, current, now, up=False) for policy in spec.scale_down.policies))
        if desired < max(limit, spec.min_replicas):
            reason = "ScaleDownLimit" if limit > spec.min_replicas else "TooFewReplicas"
            return HpaStep(max(limit, spec.min_replicas), reason)
    return HpaStep(desired, "DesiredWithinRange")


def _propose(policy: ScalingPolicy, memory: HpaMemory, current: int, now: float, *, up: bool) -> int:
    """How far one policy lets the replicas go, from where they were when its period began."""
    cutoff = now - policy.period_seconds
    added = sum(event.change for event in memory.added if event.at > cutoff)
    removed = sum(event.change for event in memory.removed if event.at > cutoff)
    at_start = current - added + removed
    if policy.kind is PolicyType.PODS:
        return at_start + policy.value if up else at_start - policy.value
    # Up is rounded up, or a small target would never grow; down is cut off, as Go's int32() does.
    return math.ceil(at_start * (1 + policy.value / 100)) if up else int(at_start * (1 - policy.value / 100))


def _remember_recommendation(spec: HpaSpec, memory: HpaMemory, recommended: int, now: float) -> HpaMemory:
    window = max(spec.scale_up.stabilization_window_seconds, spec.scale_down.stabilization_window_seconds)
    known, oldest, dropped = memory.recommendations, now - window, 0
    while dropped < len(known) and known[dropped].at <= oldest:
        dropped += 1  # in the order of time
    return HpaMemory((*known[dropped:], Recommendation(now, recommended)), memory.added, memory.removed)


def _remember_change(spec: HpaSpec, memory: HpaMemory, change: int, now: float) -> HpaMemory:
    """`storeScaleEvent`; events that no policy looks at any more are dropped."""
    if change == 0:
        return memory
    period = max(policy.period_seconds for policy in (*spec.scale_up.policies, *spec.scale_down.policies))
    added = tuple(event for event in memory.added if event.at > now - period)
    removed = tuple(event for event in memory.removed if event.at > now - period)
    if change > 0:
        return replace(memory, added=(*added, ScaleEvent(now, change)), removed=removed)
    return replace(memory, added=added, removed=(*removed, ScaleEvent(now, -change)))
