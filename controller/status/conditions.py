"""Compute the conditions of a pool from facts; status carries them. Reasons are in observed.reasons.

As in Kubernetes, lastTransitionTime changes only with the status, not with the reason or the message.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from controller.observed import reasons
from controller.routing.routing import RoutingBasis
from controller.shards.shards import ShardProblem
from controller.status.pool_facts import DesiredCondition, PoolFacts
from readpool.pool.condition_types import ConditionType
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, ConditionStatus
from readpool.text import make_printable
from readpool.timestamps import format_time

__all__ = ["DesiredCondition", "PoolFacts", "compute_conditions", "may_be_fresh", "merge_conditions"]


def compute_conditions(facts: PoolFacts) -> tuple[DesiredCondition, ...]:
    """Compute the conditions of a pool, without their times."""
    sharded = () if facts.shard_problems is None else (_compute_sharded(facts.shard_problems),)
    alerting = () if facts.has_alerts is None else (_compute_alerting(facts.has_alerts),)
    return (
        _compute_ready(facts),
        _compute_reconciling(facts),
        _compute_stalled(facts),
        _compute_fresh(facts),
        _add_refused(facts.autoscaling, facts.refused_scaling if _is_of_us(facts.autoscaling) else ""),
        _add_refused(_add_missing_route(facts, _compute_routing(facts)), facts.refused_route),
        *sharded,
        *alerting,
        *(one for one in (facts.snapshots, facts.growth, facts.resources) if one is not None),
    )


def merge_conditions(
    desired: Iterable[DesiredCondition],
    last: Iterable[Condition],
    generation: int,
    now: float,
    kept: Collection[str] = (),
) -> tuple[Condition, ...]:
    """Return the conditions with their times; those of the types `kept` stay as an earlier controller wrote them."""
    known: Mapping[str, Condition] = {condition.type: condition for condition in last}
    return tuple(
        known[one.type].model_copy(update={"observed_generation": generation})
        if one.type in known and one.type in kept
        else _merge(one, known.get(one.type), generation, now)
        for one in desired
    )


def _merge(desired: DesiredCondition, last: Condition | None, generation: int, now: float) -> Condition:
    is_same = last is not None and last.status is desired.status
    return Condition(
        type=desired.type,
        status=desired.status,
        reason=desired.reason,
        message=make_printable(desired.message, " "),  # with words of containers, archives and the API server
        last_transition_time=last.last_transition_time if last is not None and is_same else to_timestamp(now),
        observed_generation=generation,
    )


def _compute_ready(facts: PoolFacts) -> DesiredCondition:
    is_ready = facts.ready >= facts.wanted
    reason = reasons.ENOUGH_READY if is_ready else reasons.TOO_FEW_READY
    state = "ready or out of service" if facts.out_of_service else "ready"
    counted = f"{facts.ready} of {facts.wanted} replicas are {state}{f': {facts.troubles}' if facts.troubles else ''}"
    return DesiredCondition(ConditionType.READY, _to_status(is_ready), reason, counted)


def _compute_reconciling(facts: PoolFacts) -> DesiredCondition:
    if facts.is_paused:
        message = "spec.paused is true: replicas and weights do not change"
        return DesiredCondition(ConditionType.RECONCILING, ConditionStatus.FALSE, reasons.PAUSED, message)
    if facts.stalled is not None:
        goes_on = facts.outdated and facts.stalled[0] == reasons.REPLICA_STUCK
        message = f"See condition Stalled; {_describe_outdated(facts)}" if goes_on else "See condition Stalled"
        return DesiredCondition(ConditionType.RECONCILING, ConditionStatus.FALSE, reasons.STALLED, message)
    under_way = _find_under_way(facts)
    if under_way is not None:
        return DesiredCondition(ConditionType.RECONCILING, ConditionStatus.TRUE, *under_way)
    message = "Everything matches the spec"
    if facts.rewrites:
        message += f", except fields that another client changes after every apply: {_join(facts.rewrites)}"
    return DesiredCondition(ConditionType.RECONCILING, ConditionStatus.FALSE, reasons.UP_TO_DATE, message)


def _find_under_way(facts: PoolFacts) -> tuple[str, str] | None:
    """Return reason and message of work in progress; None if there is none."""
    if facts.failing:
        return reasons.RETRYING, f"Cannot write {_join(facts.failing)}; retrying"
    if facts.present != facts.wanted:
        waits = f"; waiting for {facts.holds}" if facts.holds else ""
        return reasons.SCALING, f"{facts.present} replicas exist; {facts.wanted} required{waits}"
    if facts.is_applying:
        return reasons.APPLYING, "Writing the new version or configuration of the replicas"
    if facts.outdated:
        return reasons.ROLLING_OUT, _describe_outdated(facts)
    return None


def _describe_outdated(facts: PoolFacts) -> str:
    waits = f"; waiting for {facts.waits_for}" if facts.waits_for else ""
    return f"{facts.outdated} of {facts.present} replicas run an older version or configuration{waits}"


def _compute_stalled(facts: PoolFacts) -> DesiredCondition:
    if facts.stalled is None:
        return DesiredCondition(
            ConditionType.STALLED, ConditionStatus.FALSE, reasons.NOT_STALLED, "Nothing blocks reconciliation"
        )
    return DesiredCondition(ConditionType.STALLED, ConditionStatus.TRUE, *facts.stalled)


def _compute_fresh(facts: PoolFacts) -> DesiredCondition:
    if facts.silent_since is not None or not facts.is_observed:
        reason, silence = _explain_disconnect(facts)
        message = f"{silence}; if this lasts, check the scaler's pods"
        return DesiredCondition(ConditionType.FRESH, ConditionStatus.UNKNOWN, reason, message)
    counted = f"{facts.fresh} of {facts.present} replicas are fresh; {facts.fresh_enough} required"
    if facts.out_of_service:
        more = f" and {len(facts.out_of_service) - _MAX_LISTED} more" if len(facts.out_of_service) > _MAX_LISTED else ""
        counted += f"; out of service: {', '.join(facts.out_of_service[:_MAX_LISTED])}{more}"
    if facts.is_halted:
        message = f"The network closes no ledgers; last known: {counted}"
        return DesiredCondition(ConditionType.FRESH, ConditionStatus.UNKNOWN, reasons.NETWORK_HALTED, message)
    if facts.fresh >= facts.fresh_enough:
        return DesiredCondition(ConditionType.FRESH, ConditionStatus.TRUE, reasons.ENOUGH_FRESH, counted)
    if may_be_fresh(facts):
        message = f"{counted}; {facts.unknown} not observed yet"
        return DesiredCondition(ConditionType.FRESH, ConditionStatus.UNKNOWN, reasons.NOT_OBSERVED, message)
    if facts.core_too_old:
        return DesiredCondition(
            ConditionType.FRESH, ConditionStatus.FALSE, reasons.CORE_TOO_OLD, f"{counted}; {facts.core_too_old}"
        )
    return DesiredCondition(
        ConditionType.FRESH,
        ConditionStatus.FALSE,
        reasons.TOO_FEW_FRESH if facts.fresh else reasons.NONE_FRESH,
        counted,
    )


def may_be_fresh(facts: PoolFacts) -> bool:
    """Return whether enough replicas may be fresh, depending on those that are not observed yet."""
    return facts.fresh < facts.fresh_enough <= facts.fresh + facts.unknown


def _compute_routing(facts: PoolFacts) -> DesiredCondition:
    if not facts.has_query_server:
        message = "This version of Stellar Core has no query server, so queries fail; use v22 or newer"
        return DesiredCondition(ConditionType.ROUTING, ConditionStatus.FALSE, reasons.NO_QUERY_SERVER, message)
    if not facts.serving:
        return DesiredCondition(
            ConditionType.ROUTING, ConditionStatus.FALSE, reasons.NO_ENDPOINTS, "No replica can receive traffic"
        )
    status, reason, template = _ROUTING[facts.basis]
    count = facts.serving
    why = template.format(some=f"{count} of {facts.present} replicas", all=f"all {count} replicas")
    if facts.basis in (RoutingBasis.KEPT, RoutingBasis.NEUTRAL):
        reason, silence = _explain_disconnect(facts)
        why = f"{silence}; {why}"
    if facts.is_misread:
        why += "; the spec is invalid, so the last valid one applies"
    return DesiredCondition(ConditionType.ROUTING, status, reason, why)


def _add_missing_route(facts: PoolFacts, routing: DesiredCondition) -> DesiredCondition:
    """Add to Routing that an HTTPRoute is requested and cannot exist."""
    if not facts.lacks_gateway_api:
        return routing
    message = f"{routing.message}; the Gateway API is not installed: install it, or remove loadBalancing.httpRoute"
    if routing.status is not ConditionStatus.TRUE:
        return replace(routing, message=message)
    return DesiredCondition(routing.type, ConditionStatus.FALSE, reasons.GATEWAY_API_MISSING, message)


def _is_of_us(autoscaling: DesiredCondition) -> bool:
    """Return whether Autoscaling is about the ScaledObject that the controller manages."""
    return autoscaling.reason in (reasons.SCALED_BY_KEDA, reasons.SCALED_OBJECT_NOT_READY, reasons.WAITING_FOR_KEDA)


def _add_refused(desired: DesiredCondition, refused: str) -> DesiredCondition:
    """Add what is not allowed to a condition."""
    if not refused:
        return desired
    message = f"{desired.message}; not allowed: {refused}"
    if desired.status is not ConditionStatus.TRUE:
        return replace(desired, message=message)
    return DesiredCondition(desired.type, ConditionStatus.FALSE, reasons.NOT_ALLOWED, message)


def _explain_disconnect(facts: PoolFacts) -> tuple[str, str]:
    """Return reason and message for why the state of the replicas is unknown."""
    if facts.silent_since is None:
        return reasons.NOT_OBSERVED, "Waiting for the scaler's first report on this pool"
    since = format_time(facts.silent_since)
    return reasons.SCALER_UNREACHABLE, f"No connection to the scaler since {since}"


_ROUTING: Mapping[RoutingBasis, tuple[ConditionStatus, str, str]] = {
    RoutingBasis.CLASSES: (
        ConditionStatus.TRUE,
        reasons.WEIGHTED_BY_FRESHNESS,
        "Routing to {some}; weights follow freshness",
    ),
    RoutingBasis.EQUAL: (
        ConditionStatus.TRUE,
        reasons.EQUAL_WEIGHTS,
        "Routing to {some} equally; loadBalancing is disabled",
    ),
    RoutingBasis.NONE_FRESH: (
        ConditionStatus.FALSE,
        reasons.NONE_FRESH,
        "No replica is fresh; routing to {all} that respond",
    ),
    RoutingBasis.NONE_REACHABLE: (
        ConditionStatus.FALSE,
        reasons.NONE_REACHABLE,
        "No replica reachable; routing to {all} that are ready",
    ),
    RoutingBasis.KEPT: (ConditionStatus.UNKNOWN, reasons.SCALER_UNREACHABLE, "keeping the last weights of {some}"),
    RoutingBasis.NEUTRAL: (
        ConditionStatus.UNKNOWN,
        reasons.SCALER_UNREACHABLE,
        "routing equally to {all} that are ready",
    ),
    RoutingBasis.PAUSED: (
        ConditionStatus.UNKNOWN,
        reasons.PAUSED,
        "spec.paused is true; keeping the last weights of {some}",
    ),
}
"""`some` stands for `4 of 5 replicas`, `all` for `all 4 replicas`."""


def _compute_sharded(problems: tuple[ShardProblem, ...]) -> DesiredCondition:
    if not problems:
        return DesiredCondition(
            ConditionType.SHARDED,
            ConditionStatus.TRUE,
            reasons.ALL_SHARDS_ASSIGNED,
            "Every shard is assigned to a replica",
        )
    listed = [f"{one.replica}: {one.message}" if one.replica else one.message for one in problems]
    return DesiredCondition(ConditionType.SHARDED, ConditionStatus.FALSE, problems[0].reason, _join(listed))


def _compute_alerting(is_kept: bool) -> DesiredCondition:
    if is_kept:
        return DesiredCondition(
            ConditionType.ALERTING,
            ConditionStatus.TRUE,
            reasons.RULE_APPLIED,
            "The PrometheusRule with the pool's name is applied",
        )
    message = "The Prometheus operator is not installed; install it, or set alerting to false"
    return DesiredCondition(ConditionType.ALERTING, ConditionStatus.FALSE, reasons.PROMETHEUS_MISSING, message)


def _join(sentences: Sequence[str]) -> str:
    """Join the first of several sentences, and say how many more there are."""
    more = f"; and {len(sentences) - _MAX_LISTED} more" if len(sentences) > _MAX_LISTED else ""
    return "; ".join(sentences[:_MAX_LISTED]) + more


_MAX_LISTED = 5


def _to_status(holds: bool) -> ConditionStatus:
    return ConditionStatus.TRUE if holds else ConditionStatus.FALSE
