"""Compute the conditions of a pool from facts; status carries them. Reasons are in observed.reasons.

As in Kubernetes, lastTransitionTime changes only with the status, not with the reason or the message.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.observed import reasons
from controller.routing.routing import Ground
from controller.shards.shards import ShardProblem
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, Verdict


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What conditions are made from.

    Attributes:
        wanted: the required number of replicas; `present` and so on are actual numbers.
        is_applying: the template or configuration is being written.
        waits_for, holds: what a rollout, and what a scale-in waits for; empty if it does not wait.
        stalled: reason and message of a problem that requires manual action; None without one.
        troubles: why replicas are not ready, counted; empty if unknown.
        fresh_enough: the required number of fresh replicas; `unknown`: how many are not observed yet.
        silent_since: Unix seconds since when there is no connection to the scaler.
        is_observed: the scaler has reported on the pool at least once.
        autoscaling: the condition Autoscaling.
        shard_problems: None if shardBalancing is disabled.
        lacks_gateway_api: an HTTPRoute is requested, and the Gateway API is not installed.
        refused_scaling, refused_route: what the installation does not allow; empty if nothing.
        has_alerts: whether there is a PrometheusRule; None if alerting is disabled.
        failing: objects whose writes fail, with the API server's message.
        rewrites: fields that another client changes after every apply.
        out_of_service: names of the replicas that are out of service.
        is_misread: the spec is invalid, so routing follows the last valid one.
        snapshots, growth: the conditions Snapshots and VolumeSpace; None if they are disabled.
        core_too_old: why Stellar Core cannot follow the network; empty if it can, or if that is unknown.
    """

    wanted: int
    present: int
    ready: int
    outdated: int
    fresh: int
    fresh_enough: int
    serving: int
    ground: Ground
    autoscaling: "Judgement"
    unknown: int = 0
    troubles: str = ""
    is_applying: bool = False
    waits_for: str = ""
    holds: str = ""
    stalled: tuple[str, str] | None = None
    is_paused: bool = False
    is_halted: bool = False
    is_observed: bool = True
    silent_since: float | None = None
    has_query_server: bool = True
    shard_problems: tuple[ShardProblem, ...] | None = None
    lacks_gateway_api: bool = False
    refused_scaling: str = ""
    refused_route: str = ""
    has_alerts: bool | None = None
    failing: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    is_misread: bool = False
    out_of_service: tuple[str, ...] = ()
    snapshots: "Judgement | None" = None
    growth: "Judgement | None" = None
    core_too_old: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One condition without its times."""

    type: str
    status: Verdict
    reason: str
    message: str


def judge(facts: PoolFacts) -> tuple[Judgement, ...]:
    """Compute the conditions of a pool."""
    sharded = () if facts.shard_problems is None else (_judge_shards(facts.shard_problems),)
    alerting = () if facts.has_alerts is None else (_judge_alerting(facts.has_alerts),)
    return (
        _judge_ready(facts),
        _judge_reconciling(facts),
        _judge_stalled(facts),
        _judge_fresh(facts),
        _judge_refused(facts.autoscaling, facts.refused_scaling if _is_of_us(facts.autoscaling) else ""),
        _judge_refused(_judge_route(facts, _judge_routing(facts)), facts.refused_route),
        *sharded,
        *alerting,
        *(one for one in (facts.snapshots, facts.growth) if one is not None),
    )


def merge_conditions(
    judgements: Iterable[Judgement],
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
        for one in judgements
    )


def _merge(judgement: Judgement, last: Condition | None, generation: int, now: float) -> Condition:
    is_same = last is not None and last.status is judgement.status
    return Condition(
        type=judgement.type,
        status=judgement.status,
        reason=judgement.reason,
        message=judgement.message,
        last_transition_time=last.last_transition_time if last is not None and is_same else to_timestamp(now),
        observed_generation=generation,
    )


def _judge_ready(facts: PoolFacts) -> Judgement:
    is_ready = facts.ready >= facts.wanted
    reason = reasons.ENOUGH_READY if is_ready else reasons.TOO_FEW_READY
    counted = f"{facts.ready} of {facts.wanted} replicas are ready{f': {facts.troubles}' if facts.troubles else ''}"
    return Judgement("Ready", _verdict(is_ready), reason, counted)


def _judge_reconciling(facts: PoolFacts) -> Judgement:
    if facts.is_paused:
        message = "spec.paused is true: replicas and weights do not change"
        return Judgement("Reconciling", Verdict.FALSE, reasons.PAUSED, message)
    if facts.stalled is not None:
        goes_on = facts.outdated and facts.stalled[0] == reasons.REPLICA_STUCK
        message = f"See condition Stalled; {_say_outdated(facts)}" if goes_on else "See condition Stalled"
        return Judgement("Reconciling", Verdict.FALSE, reasons.STALLED, message)
    under_way = _find_under_way(facts)
    if under_way is not None:
        return Judgement("Reconciling", Verdict.TRUE, *under_way)
    message = "Everything matches the spec"
    if facts.rewrites:
        message += f", except fields that another client changes after every apply: {_join(facts.rewrites)}"
    return Judgement("Reconciling", Verdict.FALSE, reasons.UP_TO_DATE, message)


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
        return reasons.ROLLING_OUT, _say_outdated(facts)
    return None


def _say_outdated(facts: PoolFacts) -> str:
    waits = f"; waiting for {facts.waits_for}" if facts.waits_for else ""
    return f"{facts.outdated} of {facts.present} replicas run an older version or configuration{waits}"


def _judge_stalled(facts: PoolFacts) -> Judgement:
    if facts.stalled is None:
        return Judgement("Stalled", Verdict.FALSE, reasons.NOT_STALLED, "No manual action required")
    return Judgement("Stalled", Verdict.TRUE, *facts.stalled)


def _judge_fresh(facts: PoolFacts) -> Judgement:
    if facts.silent_since is not None or not facts.is_observed:
        return Judgement("Fresh", Verdict.UNKNOWN, *_explain_silence(facts))
    counted = f"{facts.fresh} of {facts.present} replicas are fresh; {facts.fresh_enough} required"
    if facts.out_of_service:
        more = f" and {len(facts.out_of_service) - _TOLD} more" if len(facts.out_of_service) > _TOLD else ""
        counted += f"; out of service: {', '.join(facts.out_of_service[:_TOLD])}{more}"
    if facts.is_halted:
        message = f"The network closes no ledgers; last known: {counted}"
        return Judgement("Fresh", Verdict.UNKNOWN, reasons.NETWORK_HALTED, message)
    if facts.fresh >= facts.fresh_enough:
        return Judgement("Fresh", Verdict.TRUE, reasons.ENOUGH_FRESH, counted)
    if facts.core_too_old:
        return Judgement("Fresh", Verdict.FALSE, reasons.CORE_TOO_OLD, f"{counted}; {facts.core_too_old}")
    if may_be_fresh(facts):
        message = f"{counted}; {facts.unknown} not observed yet"
        return Judgement("Fresh", Verdict.UNKNOWN, reasons.NOT_OBSERVED, message)
    return Judgement("Fresh", Verdict.FALSE, reasons.TOO_FEW_FRESH if facts.fresh else reasons.NONE_FRESH, counted)


def may_be_fresh(facts: PoolFacts) -> bool:
    """Return whether enough replicas may be fresh, depending on those that are not observed yet."""
    return facts.fresh < facts.fresh_enough <= facts.fresh + facts.unknown


def _judge_routing(facts: PoolFacts) -> Judgement:
    if not facts.has_query_server:
        message = "This version of Stellar Core has no query server, so queries fail; use v22 or newer"
        return Judgement("Routing", Verdict.FALSE, reasons.NO_QUERY_SERVER, message)
    if not facts.serving:
        return Judgement("Routing", Verdict.FALSE, reasons.NO_ENDPOINTS, "No replica can receive traffic")
    status, reason, template = _ROUTING[facts.ground]
    count = facts.serving
    why = template.format(some=f"{count} of {facts.present} replicas", all=f"all {count} replicas")
    if facts.ground in (Ground.KEPT, Ground.NEUTRAL):
        reason, silence = _explain_silence(facts)
        why = f"{silence}; {why}"
    if facts.is_misread:
        why += "; the spec is invalid, so the last valid one applies"
    return Judgement("Routing", status, reason, why)


def _judge_route(facts: PoolFacts, routing: Judgement) -> Judgement:
    """Add to Routing that an HTTPRoute is requested and cannot exist."""
    if not facts.lacks_gateway_api:
        return routing
    message = f"{routing.message}; the Gateway API is not installed: install it, or remove loadBalancing.httpRoute"
    if routing.status is not Verdict.TRUE:
        return replace(routing, message=message)
    return Judgement(routing.type, Verdict.FALSE, reasons.GATEWAY_API_MISSING, message)


def _is_of_us(autoscaling: Judgement) -> bool:
    """Return whether Autoscaling is about the ScaledObject that the controller manages."""
    return autoscaling.reason in (reasons.SCALED_BY_KEDA, reasons.SCALED_OBJECT_NOT_READY, reasons.NOT_OBSERVED)


def _judge_refused(judgement: Judgement, refused: str) -> Judgement:
    """Add what is not allowed to a condition."""
    if not refused:
        return judgement
    message = f"{judgement.message}; not allowed: {refused}"
    if judgement.status is not Verdict.TRUE:
        return replace(judgement, message=message)
    return Judgement(judgement.type, Verdict.FALSE, reasons.NOT_ALLOWED, message)


def _explain_silence(facts: PoolFacts) -> tuple[str, str]:
    """Return reason and message for why the state of the replicas is unknown."""
    if facts.silent_since is None:
        return reasons.NOT_OBSERVED, "Waiting for the scaler's first report on this pool"
    since = f"{to_timestamp(facts.silent_since):%Y-%m-%dT%H:%M:%SZ}"
    return reasons.SCALER_UNREACHABLE, f"No connection to the scaler since {since}"


_ROUTING: Mapping[Ground, tuple[Verdict, str, str]] = {
    Ground.CLASSES: (Verdict.TRUE, reasons.WEIGHTED_BY_FRESHNESS, "Routing to {some}; weights follow freshness"),
    Ground.ALIKE: (Verdict.TRUE, reasons.EQUAL_WEIGHTS, "Routing to {some} equally; loadBalancing is disabled"),
    Ground.NONE_FRESH: (Verdict.FALSE, reasons.NONE_FRESH, "No replica is fresh; routing to {all} that respond"),
    Ground.NONE_REACHABLE: (
        Verdict.FALSE,
        reasons.NONE_REACHABLE,
        "No replica reachable; routing to {all} that are ready",
    ),
    Ground.KEPT: (Verdict.UNKNOWN, reasons.SCALER_UNREACHABLE, "keeping the last weights of {some}"),
    Ground.NEUTRAL: (Verdict.UNKNOWN, reasons.SCALER_UNREACHABLE, "routing equally to {all} that are ready"),
    Ground.PAUSED: (Verdict.UNKNOWN, reasons.PAUSED, "spec.paused is true; keeping the last weights of {some}"),
}
"""`some` stands for `4 of 5 replicas`, `all` for `all 4 replicas`."""


def _judge_shards(problems: tuple[ShardProblem, ...]) -> Judgement:
    if not problems:
        return Judgement("Sharded", Verdict.TRUE, reasons.ALL_SHARDS_ASSIGNED, "Every shard is assigned to a replica")
    told = [f"{one.replica}: {one.message}" if one.replica else one.message for one in problems]
    return Judgement("Sharded", Verdict.FALSE, problems[0].reason, _join(told))


def _judge_alerting(is_kept: bool) -> Judgement:
    if is_kept:
        return Judgement(
            "Alerting", Verdict.TRUE, reasons.RULE_APPLIED, "The PrometheusRule with the pool's name is applied"
        )
    message = "The Prometheus operator is not installed; install it, or set alerting to false"
    return Judgement("Alerting", Verdict.FALSE, reasons.PROMETHEUS_MISSING, message)


def _join(sentences: Sequence[str]) -> str:
    """Join the first of several sentences, and say how many more there are."""
    more = f"; and {len(sentences) - _TOLD} more" if len(sentences) > _TOLD else ""
    return "; ".join(sentences[:_TOLD]) + more


_TOLD = 5


def _verdict(holds: bool) -> Verdict:
    return Verdict.TRUE if holds else Verdict.FALSE
