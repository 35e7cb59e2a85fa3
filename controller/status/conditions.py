"""What do the conditions of a pool say? Facts in, verdicts out; status carries them. Reasons are in observed.reasons.

A condition's time is that of its last change of status: while that stays, so does the time, whatever the message says.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.observed import reasons
from controller.routing.routing import Ground
from controller.shards.shards import ShardProblem
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, Verdict


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What conditions are made from.

    Attributes:
        wanted: how many replicas there are to be; `present` and so on: how many there are.
        is_applying: what replicas run is being written at the moment.
        waits_for: what a rollout waits for; empty where it waits for nothing.
        holds: what a pool that is to be smaller waits for; empty where it waits for nothing.
        stalled: reason and message of what needs a person, None for nothing.
        troubles: what keeps replicas from being ready, counted; empty where nothing is known to.
        fresh_enough: so many fresh ones are enough.
        unknown: so many are not observed yet, and may be fresh.
        silent_since: since when the scaler cannot be heard.
        is_observed: the scaler has said anything of the pool, ever.
        autoscaling: verdict, reason and message; the plan knows which objects there are.
        shard_problems: None while there are no shards.
        lacks_gateway_api: an HTTPRoute is asked for, and the cluster does not know that kind.
        refused_scaling, refused_route: what the pool asks for and is not allowed; empty where there is nothing of it.
        has_alerts: whether there is a PrometheusRule; None where none is asked for.
        failing: objects whose writes fail, and what the API server says.
        rewrites: fields that somebody else changes each time they are applied.
        out_of_service: replicas that a person has taken out of service.
        is_misread: the spec cannot be read, so readers are sent by the last one that could be.
        snapshots: the condition Snapshots, None where none are asked for.
        growth: the condition VolumeSpace, None where volumes are not to grow by themselves.
        core_too_old: why Stellar Core cannot follow the network; empty where it can, or nobody knows.
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
    """Say each condition of a pool."""
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
    """Give each judgement its times: the old one where the status is the old one. Of the types `kept`, the last stands.

    What the scaler told us stands for the moment in which we have started and not heard it yet.
    """
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
    few = f"{facts.ready} of {facts.wanted}"
    counted = f"{few} ready: {facts.troubles}" if facts.troubles else f"{few} replicas are ready"
    return Judgement("Ready", _verdict(is_ready), reason, counted)


def _judge_reconciling(facts: PoolFacts) -> Judgement:
    if facts.is_paused:
        message = "spec.paused: replicas and weights stay as they are"
        return Judgement("Reconciling", Verdict.FALSE, reasons.PAUSED, message)
    if facts.stalled is not None:
        goes_on = facts.outdated and facts.stalled[0] == reasons.REPLICA_STUCK
        message = f"see Stalled; {_say_outdated(facts)}" if goes_on else "see Stalled"
        return Judgement("Reconciling", Verdict.FALSE, reasons.STALLED, message)
    under_way = _find_under_way(facts)
    if under_way is not None:
        return Judgement("Reconciling", Verdict.TRUE, *under_way)
    message = "everything is as the spec says"
    if facts.rewrites:
        message += f", but for what somebody else changes each time it is applied: {_join(facts.rewrites)}"
    return Judgement("Reconciling", Verdict.FALSE, reasons.UP_TO_DATE, message)


def _find_under_way(facts: PoolFacts) -> tuple[str, str] | None:
    """Find what is still to be done: reason and message."""
    if facts.failing:
        return reasons.RETRYING, f"cannot write {_join(facts.failing)}; it is tried again"
    if facts.present != facts.wanted:
        waits = f"; waits for {facts.holds}" if facts.holds else ""
        return reasons.SCALING, f"{facts.present} replicas are there, {facts.wanted} are to be{waits}"
    if facts.is_applying:
        return reasons.APPLYING, "what the replicas run is being written"
    if facts.outdated:
        return reasons.ROLLING_OUT, _say_outdated(facts)
    return None


def _say_outdated(facts: PoolFacts) -> str:
    waits = f"; waits for {facts.waits_for}" if facts.waits_for else ""
    return f"{facts.outdated} of {facts.present} replicas run an older version or configuration{waits}"


def _judge_stalled(facts: PoolFacts) -> Judgement:
    if facts.stalled is None:
        return Judgement("Stalled", Verdict.FALSE, reasons.NOTHING_STALLED, "nothing waits for a person")
    return Judgement("Stalled", Verdict.TRUE, *facts.stalled)


def _judge_fresh(facts: PoolFacts) -> Judgement:
    if facts.silent_since is not None or not facts.is_observed:
        return Judgement("Fresh", Verdict.UNKNOWN, *_explain_silence(facts))
    counted = f"{facts.fresh} of {facts.present} replicas are fresh, {facts.fresh_enough} are to be"
    if facts.out_of_service:
        more = f" and {len(facts.out_of_service) - _TOLD} more" if len(facts.out_of_service) > _TOLD else ""
        counted += f"; out of service: {', '.join(facts.out_of_service[:_TOLD])}{more}"
    if facts.is_halted:
        message = f"the network closes no ledgers; before that {counted}"
        return Judgement("Fresh", Verdict.UNKNOWN, reasons.NETWORK_HALTED, message)
    if facts.fresh >= facts.fresh_enough:
        return Judgement("Fresh", Verdict.TRUE, reasons.ENOUGH_FRESH, counted)
    if facts.core_too_old:
        return Judgement("Fresh", Verdict.FALSE, reasons.CORE_TOO_OLD, f"{counted}; {facts.core_too_old}")
    if may_be_fresh(facts):
        message = f"{counted}; {facts.unknown} are not observed yet"
        return Judgement("Fresh", Verdict.UNKNOWN, reasons.NOT_OBSERVED, message)
    return Judgement("Fresh", Verdict.FALSE, reasons.TOO_FEW_FRESH if facts.fresh else reasons.NONE_FRESH, counted)


def may_be_fresh(facts: PoolFacts) -> bool:
    """Tell whether it hangs on replicas that are not observed whether enough are fresh."""
    return facts.fresh < facts.fresh_enough <= facts.fresh + facts.unknown


def _judge_routing(facts: PoolFacts) -> Judgement:
    if not facts.has_query_server:
        message = "this version of Stellar Core has no query server, which came with v22: readers find nothing"
        return Judgement("Routing", Verdict.FALSE, reasons.NO_QUERY_SERVER, message)
    if not facts.serving:
        return Judgement("Routing", Verdict.FALSE, reasons.NOBODY_SERVES, "no replica can be sent readers")
    status, reason, why = _ROUTING[facts.ground]
    if facts.ground in (Ground.KEPT, Ground.NEUTRAL):
        reason, silence = _explain_silence(facts)
        why = f"{silence}, so {why}"
    if facts.is_misread:
        why += "; the spec cannot be read, so by the last one that could be"
    return Judgement("Routing", status, reason, f"{facts.serving} of {facts.present} replicas serve: {why}")


def _judge_route(facts: PoolFacts, routing: Judgement) -> Judgement:
    """Say that there is no HTTPRoute where one is asked for, beside what else there is to say of routing."""
    if not facts.lacks_gateway_api:
        return routing
    message = f"{routing.message}; the cluster has no HTTPRoute: install the Gateway API, or take httpRoute away"
    if routing.status is not Verdict.TRUE:
        return replace(routing, message=message)
    return Judgement(routing.type, Verdict.FALSE, reasons.GATEWAY_API_MISSING, message)


def _is_of_us(autoscaling: Judgement) -> bool:
    """Tell whether Autoscaling speaks of our ScaledObject."""
    return autoscaling.reason in (reasons.SCALED_BY_KEDA, reasons.SCALED_OBJECT_NOT_READY, reasons.NOT_OBSERVED)


def _judge_refused(judgement: Judgement, refused: str) -> Judgement:
    """Say what is not allowed, beside what else there is to say."""
    if not refused:
        return judgement
    message = f"{judgement.message}; not allowed here: {refused}"
    if judgement.status is not Verdict.TRUE:
        return replace(judgement, message=message)
    return Judgement(judgement.type, Verdict.FALSE, reasons.NOT_ALLOWED, message)


def _explain_silence(facts: PoolFacts) -> tuple[str, str]:
    """Say why nothing is known of the replicas: reason and sentence."""
    if facts.silent_since is None:
        return reasons.NOT_OBSERVED, "the scaler has said nothing of this pool yet"
    return reasons.SCALER_SILENT, f"the scaler has not been heard since {_say_time(facts.silent_since)}"


_ROUTING: Mapping[Ground, tuple[Verdict, str, str]] = {
    Ground.CLASSES: (Verdict.TRUE, reasons.BY_FRESHNESS, "weights follow freshness"),
    Ground.ALIKE: (Verdict.TRUE, reasons.ALL_ALIKE, "loadBalancing is not enabled, so all alike"),
    Ground.NONE_FRESH: (Verdict.FALSE, reasons.NONE_FRESH, "nobody is fresh, so all that answer"),
    Ground.NONE_ANSWER: (Verdict.FALSE, reasons.NONE_ANSWER, "the scaler reaches nobody, so all that are ready"),
    Ground.KEPT: (Verdict.UNKNOWN, reasons.SCALER_SILENT, "weights stay"),
    Ground.NEUTRAL: (Verdict.UNKNOWN, reasons.SCALER_SILENT, "all that are ready, alike"),
    Ground.PAUSED: (Verdict.UNKNOWN, reasons.PAUSED, "the pool is paused, so weights stay"),
}


def _judge_shards(problems: tuple[ShardProblem, ...]) -> Judgement:
    if not problems:
        return Judgement("Sharded", Verdict.TRUE, reasons.ALL_SHARDS_OWNED, "every shard has a replica")
    told = [f"{one.replica}: {one.message}" if one.replica else one.message for one in problems]
    return Judgement("Sharded", Verdict.FALSE, problems[0].reason, _join(told))


def _judge_alerting(is_kept: bool) -> Judgement:
    if is_kept:
        return Judgement("Alerting", Verdict.TRUE, reasons.RULE_KEPT, "by a PrometheusRule of the pool's name")
    message = "the cluster has no PrometheusRule; install the Prometheus operator, or set alerting to false"
    return Judgement("Alerting", Verdict.FALSE, reasons.PROMETHEUS_MISSING, message)


def _join(sentences: Sequence[str]) -> str:
    """Tell the first of several sentences, and how many more there are."""
    more = f"; and {len(sentences) - _TOLD} more" if len(sentences) > _TOLD else ""
    return "; ".join(sentences[:_TOLD]) + more


_TOLD = 5


def _verdict(holds: bool) -> Verdict:
    return Verdict.TRUE if holds else Verdict.FALSE


def _say_time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
