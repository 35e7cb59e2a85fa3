"""Why has a pool the size that it has? Its spec, its status and the scaler's word in; a sum and sentences out. Pure.

A size comes about in three steps: the scaler decides on a number, whoever scales writes it to spec.replicas, and the
controller makes the replicas. Each step may differ from the one before, and then says why.
"""

from dataclasses import dataclass

from controller.observed import reasons
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import Condition, Verdict
from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class ScalerWord:
    """What the scaler said last, as its Observer tells it.

    Attributes:
        desired: None where it has no ground for a number.
        reason: CamelCase, for machines; `message` is the sentence.
        unhealthy: replicas that each have a substitute.
        catching_up: replicas on their way to fresh.
        replicas_for_load: replicas that the request rate needs; 0 where that is not known.
        age_seconds: how long ago it was said.
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
    """A line of the sum: a number, what it counts, and where it comes from."""

    figure: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pool is of its size: sentences, the deciding one first, and the numbers behind them."""

    sentences: tuple[str, ...]
    steps: tuple[Step, ...]


def explain_pool(pool: ReadOnlyPool, word: ScalerWord | None) -> Explanation:
    """Explain the size of a pool, by the scaler's own word where there is one, else by what the status holds of it."""
    desired = pool.status.desired_replicas if word is None else word.desired
    decision = _say_by_status(pool) if word is None else _say_by_scaler(word)
    sentences = (decision, *_say_asked(pool, desired), *_say_there(pool), *_say_out_of_service(pool))
    inputs = _list_by_status(pool) if word is None else _list_by_scaler(pool, word)
    return Explanation(sentences, (*inputs, *_list_outcome(pool, desired, word)))


def compute_wanted(pool: ReadOnlyPool) -> int:
    """Compute how many replicas the controller makes: spec.replicas within the bounds, 0 meaning targetReplicas."""
    spec = pool.spec
    return max(spec.min_replicas, min(spec.replicas or spec.target_replicas, spec.max_replicas))


def _say_by_scaler(word: ScalerWord) -> str:
    message = word.message.rstrip(".")
    if word.desired is None:
        return f"The scaler decides nothing, and the size stays ({word.reason}): {message}."
    return f"The scaler wants {word.desired} ({word.reason}): {message}."


def _say_by_status(pool: ReadOnlyPool) -> str:
    status, target = pool.status, pool.spec.target_replicas
    if status.observed_at is None:
        return "The scaler has said nothing of this pool yet, so nobody decides on its size."
    fresh = _find_condition(pool, "Fresh")
    if fresh is not None and fresh.reason in {reasons.SCALER_SILENT, reasons.NETWORK_HALTED}:
        return f"Nobody decides on its size, and it stays as it is: {fresh.message}."
    if status.desired_replicas is None:
        return "The scaler had no ground to decide when it was last heard, so the size stays."
    beyond = status.desired_replicas - target
    if beyond > 0:
        return f"The scaler wanted {status.desired_replicas}, {beyond} more than the target of {target} fresh ones."
    return f"The scaler wanted {status.desired_replicas} for a target of {target} fresh ones."


def _say_asked(pool: ReadOnlyPool, desired: int | None) -> tuple[str, ...]:
    """Say why spec.replicas is not what the scaler wants, or does not count as it stands; nothing where all agree."""
    spec = pool.spec
    if spec.paused:
        return ("It is paused (spec.paused): nothing changes its size.",)
    if spec.replicas == 0:
        return (
            f"Nobody has scaled it yet (spec.replicas is 0), which counts as targetReplicas: {compute_wanted(pool)}.",
        )
    said = _say_scaling(pool, desired)
    if spec.replicas != compute_wanted(pool):
        bound = "minReplicas" if spec.replicas < spec.min_replicas else "maxReplicas"
        return (
            *said,
            f"spec.replicas is {spec.replicas}, which is beyond {bound} and counts as {compute_wanted(pool)}.",
        )
    return said


def _say_scaling(pool: ReadOnlyPool, desired: int | None) -> tuple[str, ...]:
    autoscaling = _find_condition(pool, "Autoscaling")
    if autoscaling is not None and autoscaling.status is Verdict.FALSE:
        message = autoscaling.message.rstrip(".") or autoscaling.reason
        return (f"Nobody scales it: {message}; spec.replicas stays at {pool.spec.replicas}.",)
    if desired is None or desired == pool.spec.replicas:
        return ()
    asked, settings = pool.spec.replicas, pool.spec.autoscaling
    if desired > asked:
        return (f"KEDA has asked for {asked} so far; it hears the scaler each few seconds and then asks for more.",)
    others = ", by each of autoscaling.triggers as well" if settings.triggers else ""
    seconds = settings.scale_down_stabilization_seconds
    return (f"KEDA still asks for {asked}: fewer must have been wanted for {seconds} s before one goes{others}.",)


def _say_there(pool: ReadOnlyPool) -> tuple[str, ...]:
    wanted, there = compute_wanted(pool), pool.status.current_replicas
    stalled = _find_condition(pool, "Stalled")
    problem = f" It is stalled: {stalled.message}." if stalled is not None and stalled.status is Verdict.TRUE else ""
    if there == wanted or pool.spec.paused:
        return (problem.strip(),) if problem else ()
    doing = "are being made" if there < wanted else "are to go"
    return (f"{there} are there; {abs(wanted - there)} {doing}.{problem}",)


def _say_out_of_service(pool: ReadOnlyPool) -> tuple[str, ...]:
    out = [one.replica_name for one in pool.status.replica_weights if one.out_of_service]
    if not out:
        return ()
    has, pod = ("has", "its pod") if len(out) == 1 else ("have", "their pods")
    until = f"until stellar.org/out-of-service is taken off {pod}"
    return (f"{', '.join(out)} {has} no readers, and the scaler asks for one more in place of each, {until}.",)


def _find_condition(pool: ReadOnlyPool, kind: str) -> Condition | None:
    return next((condition for condition in pool.status.conditions if condition.type == kind), None)


def _list_by_scaler(pool: ReadOnlyPool, word: ScalerWord) -> tuple[Step, ...]:
    sustain = pool.spec.autoscaling.sustain_seconds
    load = "that the request rate needs" if word.replicas_for_load else "not known what the request rate needs"
    return (
        _target_step(pool),
        Step(
            f"+{word.unhealthy}", "unhealthy", f"lagging, silent or stuck for {sustain} s or longer: one more for each"
        ),
        Step(
            str(word.replicas_for_load) if word.replicas_for_load else "-",
            "for the load",
            f"{load}; counts if it is more",
        ),
        Step(str(word.catching_up), "catching up", "counted as on their way, so nothing is added for them"),
    )


def _list_by_status(pool: ReadOnlyPool) -> tuple[Step, ...]:
    counted = [replica.replica_class for replica in pool.status.replica_weights]
    sustain = pool.spec.autoscaling.sustain_seconds
    silent = counted.count(ReplicaClass.UNREACHABLE)
    return (
        _target_step(pool),
        Step(str(pool.status.lagging_replicas), "lagging", f"one more for each that does so for {sustain} s or longer"),
        Step(str(silent), "unreachable", "likewise"),
        Step(str(counted.count(ReplicaClass.CATCHING_UP)), "catching up", "on their way, so nothing is added for them"),
    )


def _target_step(pool: ReadOnlyPool) -> Step:
    return Step(str(pool.spec.target_replicas), "target", "fresh replicas at all times (spec.targetReplicas)")


def _list_outcome(pool: ReadOnlyPool, desired: int | None, word: ScalerWord | None) -> tuple[Step, ...]:
    spec, status = pool.spec, pool.status
    where = "by the status" if word is None else f"said the scaler {max(0, word.age_seconds):.0f} s ago"
    bounds = f"never fewer than {spec.min_replicas}, never more than {spec.max_replicas}"
    return (
        Step("-" if desired is None else str(desired), "desired", f"{where}; {bounds}"),
        Step(str(spec.replicas), "asked for", "spec.replicas, by whoever scales"),
        Step(str(status.current_replicas), "there", f"{status.ready_replicas} ready, {status.fresh_replicas} fresh"),
    )
