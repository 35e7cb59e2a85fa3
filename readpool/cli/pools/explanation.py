"""Why does a pool have its size? Its spec, its status and the scaler's report in; a sum and sentences out. Pure.

A size comes about in three steps: the scaler decides on a number, KEDA writes it to spec.replicas, and the controller
creates the replicas. Where a step differs from the one before, a sentence says why.
"""

from dataclasses import dataclass

from controller.observed import reasons
from readpool.pool.condition_types import ConditionType
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import Condition, ConditionStatus
from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class ScalerWord:
    """The scaler's last decision, as its Observer reports it.

    Attributes:
        desired: None if it cannot decide.
        reason: CamelCase, for machines; `message` is the sentence.
        unhealthy: replicas that it replaces, each with an extra one.
        catching_up: replicas on their way to fresh.
        replicas_for_load: replicas that the request rate needs; 0 if that is not known.
        age_seconds: age of the report.
    """

    desired: int | None
    reason: str
    message: str
    unhealthy: int
    catching_up: int
    replicas_for_load: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the sum: what it counts, the number, and where it comes from.

    Attributes:
        value: None if it is not known.
        sign: what stands before the number, for people.
    """

    name: str
    value: int | None
    text: str
    sign: str = ""

    @property
    def figure(self) -> str:
        """The number as people read it."""
        return "-" if self.value is None else f"{self.sign}{self.value}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pool has its size: sentences, the deciding one first, and the numbers behind them."""

    sentences: tuple[str, ...]
    steps: tuple[Step, ...]


def explain_pool(pool: ReadOnlyPool, word: ScalerWord | None) -> Explanation:
    """Explain the size of a pool, from the scaler's own report if there is one, else from the pool's status."""
    desired = pool.status.desired_replicas if word is None else word.desired
    decision = _say_by_status(pool) if word is None else _say_by_scaler(word)
    sentences = (
        decision,
        *_say_old_core(pool),
        *_say_asked(pool, desired),
        *_say_there(pool),
        *_say_out_of_service(pool),
    )
    inputs = _list_by_status(pool) if word is None else _list_by_scaler(pool, word)
    return Explanation(sentences, (*inputs, *_list_outcome(pool, desired, word)))


def compute_wanted(pool: ReadOnlyPool) -> int:
    """Compute how many replicas the controller creates: spec.replicas within the bounds, 0 meaning targetReplicas.

    Before a workload it creates none; as many are right as there are.
    """
    spec = pool.spec
    if spec.workload_ref is not None:
        return pool.status.current_replicas
    return max(spec.min_replicas, min(spec.replicas or spec.target_replicas, spec.max_replicas))


def _say_by_scaler(word: ScalerWord) -> str:
    message = word.message.rstrip(".")
    if word.desired is None:
        return f"The scaler cannot decide, so the size stays as it is ({word.reason}): {message}."
    return f"The scaler wants {word.desired} ({word.reason}): {message}."


def _say_by_status(pool: ReadOnlyPool) -> str:
    status, target = pool.status, pool.spec.target_replicas
    if status.observed_at is None:
        return "The scaler has not reported on this pool yet, so the size stays as it is."
    fresh = _find_condition(pool, ConditionType.FRESH)
    if fresh is not None and fresh.reason in {reasons.SCALER_UNREACHABLE, reasons.NETWORK_HALTED}:
        return f"The size stays as it is: {fresh.message.rstrip('.')}."
    if status.desired_replicas is None:
        return "The scaler could not decide when it last reported, so the size stays as it is."
    beyond = status.desired_replicas - target
    if beyond > 0:
        more = f"{beyond} more than the target of {target} fresh replicas"
        return f"The scaler last asked for {status.desired_replicas}: {more}."
    return f"The scaler last asked for {status.desired_replicas}, with a target of {target} fresh replicas."


def _say_old_core(pool: ReadOnlyPool) -> tuple[str, ...]:
    """Explain that no replica can become fresh, whatever the size, where Stellar Core is too old for the network."""
    fresh = _find_condition(pool, ConditionType.FRESH)
    if fresh is None or fresh.reason != reasons.CORE_TOO_OLD:
        return ()
    return (f"More replicas would not help ({fresh.reason}): {fresh.message.rstrip('.')}.",)


def _say_asked(pool: ReadOnlyPool, desired: int | None) -> tuple[str, ...]:
    """Return why spec.replicas is not what the scaler wants, or does not apply as it stands; nothing if all agree."""
    spec = pool.spec
    if spec.paused:
        return ("The pool is paused (spec.paused), so the size stays as it is.",)
    if spec.workload_ref is not None:
        return _say_workload(pool, desired)
    if spec.replicas == 0:
        return (
            f"The pool has not been scaled yet (spec.replicas is 0): targetReplicas applies, {compute_wanted(pool)}.",
        )
    said = _say_scaling(pool, desired)
    if spec.replicas != compute_wanted(pool):
        beyond = "less than minReplicas" if spec.replicas < spec.min_replicas else "more than maxReplicas"
        return (
            *said,
            f"spec.replicas is {spec.replicas}, {beyond}: {compute_wanted(pool)} applies.",
        )
    return said


def _say_workload(pool: ReadOnlyPool, desired: int | None) -> tuple[str, ...]:
    """Return why a workload has not the size that the scaler wants; nothing if it has."""
    name, there = str(pool.spec.workload_ref), pool.status.current_replicas
    autoscaling = _find_condition(pool, "Autoscaling")
    if autoscaling is None or autoscaling.reason != reasons.SCALED_BY_KEDA:
        why = f" ({autoscaling.message.rstrip('.')})" if autoscaling is not None and autoscaling.message else ""
        return (f"The pool does not scale {name}{why}.",)
    if desired is None or desired == there:
        return ()
    return (
        f"KEDA scales {name} from {there}: it adds replicas within seconds, and removes some once fewer are enough.",
    )


def _say_scaling(pool: ReadOnlyPool, desired: int | None) -> tuple[str, ...]:
    autoscaling = _find_condition(pool, ConditionType.AUTOSCALING)
    if autoscaling is not None and autoscaling.status is ConditionStatus.FALSE:
        message = autoscaling.message.rstrip(".") or autoscaling.reason
        return (f"Autoscaling does not work: {message}; spec.replicas stays at {pool.spec.replicas}.",)
    if desired is None or desired == pool.spec.replicas:
        return ()
    asked, settings = pool.spec.replicas, pool.spec.autoscaling
    if desired > asked:
        return (f"KEDA has set spec.replicas to {asked} so far; it asks the scaler every few seconds, then sets more.",)
    others = ", by all of autoscaling.triggers" if settings.triggers else ""
    seconds = settings.scale_down_stabilization_seconds
    return (f"KEDA keeps {asked}: it scales down once fewer have been enough for {seconds} s{others}.",)


def _say_there(pool: ReadOnlyPool) -> tuple[str, ...]:
    wanted, there = compute_wanted(pool), pool.status.current_replicas
    stalled = _find_condition(pool, ConditionType.STALLED)
    is_stalled = stalled is not None and stalled.status is ConditionStatus.TRUE
    problem = f" The pool is stalled: {stalled.message.rstrip('.')}." if stalled is not None and is_stalled else ""
    if there == wanted or pool.spec.paused:
        return (problem.strip(),) if problem else ()
    doing = "to be created" if there < wanted else "to be removed"
    return (f"{there} {'replica exists' if there == 1 else 'replicas exist'}, {abs(wanted - there)} {doing}.{problem}",)


def _say_out_of_service(pool: ReadOnlyPool) -> tuple[str, ...]:
    out = [one.replica_name for one in pool.status.replica_weights if one.out_of_service]
    if not out:
        return ()
    is_one = len(out) == 1
    effect = "no reads go to it" if is_one else "no reads go to them"
    extra = "an extra replica stands in" if is_one else "an extra replica stands in for each"
    until = f"until stellar.org/out-of-service is removed from {'its pod' if is_one else 'their pods'}"
    return (f"{', '.join(out)} {'is' if is_one else 'are'} out of service: {effect} and {extra}, {until}.",)


def _find_condition(pool: ReadOnlyPool, kind: str) -> Condition | None:
    return next((condition for condition in pool.status.conditions if condition.type == kind), None)


_ON_THEIR_WAY = "on their way to fresh, so nothing is added for them"


def _list_by_scaler(pool: ReadOnlyPool, word: ScalerWord) -> tuple[Step, ...]:
    sustain = pool.spec.autoscaling.sustain_seconds
    load = (
        "needed for the request rate; applies if it is more"
        if word.replicas_for_load
        else "no capacity has been learned, or not every gate reports"
    )
    return (
        _target_step(pool),
        Step("unhealthy", word.unhealthy, f"lagging or unreachable for {sustain} s, or overdue: one extra each", "+"),
        Step("for load", word.replicas_for_load or None, load),
        Step("catching up", word.catching_up, _ON_THEIR_WAY),
    )


def _list_by_status(pool: ReadOnlyPool) -> tuple[Step, ...]:
    counted = [replica.replica_class for replica in pool.status.replica_weights]
    sustain = pool.spec.autoscaling.sustain_seconds
    extra = f"one extra for each that stays so for {sustain} s or longer"
    return (
        _target_step(pool),
        Step("lagging", pool.status.lagging_replicas, extra),
        Step("unreachable", counted.count(ReplicaClass.UNREACHABLE), extra),
        Step(
            "catching up",
            counted.count(ReplicaClass.CATCHING_UP),
            _ON_THEIR_WAY,
        ),
    )


def _target_step(pool: ReadOnlyPool) -> Step:
    return Step("target", pool.spec.target_replicas, "fresh replicas at all times (spec.targetReplicas)")


def _list_outcome(pool: ReadOnlyPool, desired: int | None, word: ScalerWord | None) -> tuple[Step, ...]:
    spec, status = pool.spec, pool.status
    source = "from the pool's status" if word is None else f"from the scaler {max(0, word.age_seconds):.0f} s ago"
    return (
        Step("desired", desired, f"{source}; at least {spec.min_replicas}, at most {spec.max_replicas}"),
        *_list_requested(pool),
        Step("current", status.current_replicas, f"{status.ready_replicas} ready, {status.fresh_replicas} fresh"),
    )


def _list_requested(pool: ReadOnlyPool) -> tuple[Step, ...]:
    """List what was asked of the controller; of a workload, nothing is."""
    if pool.spec.workload_ref is not None:
        return ()
    return (Step("requested", pool.spec.replicas, "spec.replicas, as KEDA or a person set it"),)
