"""What is to be done to single pods: which is restarted, which gets a new volume, what their annotations say.

From observed replicas to controller.plan.rollout and controller.plan.replacement, and back to keys of objects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from controller.events.pool_events import PoolEvent
from controller.observed import reasons
from controller.observed.labels import CONFIG_ANNOTATION, claim_name
from controller.observed.observed import ObservedPool
from controller.observed.scaler_clock import is_skew_absurd, read_scaler_clock
from controller.plan.configurations import choose_config_hash, runs_another
from controller.plan.replacement import StuckReplica, choose_replacement
from controller.plan.rollout import RolloutReplica, RolloutStep, choose_restart, note_unhealthy
from controller.plan.shard_plan import build_annotations
from controller.replicas.replicas import Replica
from controller.resources.stateful_set import read_unhealthy
from controller.shards.shards import ShardAssignment
from readpool.kubernetes.kinds import POD, PVC, STATEFUL_SET, Manifest, ObjectKey
from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class PodPatch:
    """Annotations to set on a pod; None takes one away."""

    name: str
    uid: str
    annotations: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class PodDeletions:
    """Pods and claims to delete, in this order, each only while it has the uid that was seen."""

    uids: Mapping[ObjectKey, str] = field(default_factory=dict)
    events: tuple[PoolEvent, ...] = ()

    @property
    def begins_replacement(self) -> bool:
        """Whether a replica's volume is given up."""
        return any(key.kind == PVC for key in self.uids)


def find_outdated(observed: ObservedPool, replicas: Iterable[Replica], texts: Mapping[str, str]) -> frozenset[str]:
    """Find the replicas whose pods are of an older template or configuration than the cluster has by now."""
    live = observed.find(STATEFUL_SET, observed.pool.name) or {}
    # Until its controller has seen the new template, the StatefulSet still names the old revision.
    revision = (live.get("status") or {}).get("updateRevision") if has_observed_generation(live) else None
    return frozenset(
        replica.name
        for replica in replicas
        if (revision and replica.revision and replica.revision != revision) or runs_another(replica, texts)
    )


def has_observed_generation(stateful_set: Manifest) -> bool:
    """Return whether the StatefulSet's own controller has seen what it says now."""
    seen: int = (stateful_set.get("status") or {}).get("observedGeneration", 0)
    return seen >= int(stateful_set.get("metadata", {}).get("generation", 0))


def plan_restart(
    replicas: Iterable[Replica], outdated: frozenset[str], wanted: int, unhealthy: AbstractSet[int], now: float
) -> RolloutStep:
    """Choose the pod to restart now."""
    return choose_restart(list_rollout_replicas(replicas, outdated, wanted, unhealthy, now), wanted, unhealthy)


def list_rollout_replicas(
    replicas: Iterable[Replica], outdated: frozenset[str], wanted: int, unhealthy: AbstractSet[int], now: float
) -> list[RolloutReplica]:
    """List the replicas as a rollout sees them; one of which the kubelet knows that it does not run is not reached.

    Nor is one that is out of service, for which no one waits.
    """
    return [
        RolloutReplica(
            one.name,
            one.ordinal,
            ReplicaClass.UNREACHABLE if one.is_dead or one.is_out_of_service else one.replica_class,
            is_ready=one.is_ready and not one.is_dead and not one.is_out_of_service,
            is_terminating=one.is_terminating,
            is_outdated=one.name in outdated,
            was_unhealthy=one.ordinal in unhealthy or one.is_out_of_service,
            is_awaited=not one.is_out_of_service and _is_awaited(one, now),
        )
        for one in replicas
        if one.ordinal < wanted
    ]


def find_unhealthy(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    outdated: frozenset[str],
    size: int,
    is_changing: Callable[[], bool],
    now: float,
) -> frozenset[int]:
    """Find the ordinals whose coming back proves nothing: those that are not fresh before they run what is rolled out.

    Noted on the StatefulSet during a rollout, for the controller that continues it. Replicas that do not exist yet are
    among them. `is_changing`: whether a rollout begins.
    """
    live = observed.find(STATEFUL_SET, observed.pool.name)
    if live is None or observed.pool.spec.paused:
        return read_unhealthy(live)
    noted, running = read_unhealthy(live), int(live["spec"].get("replicas") or 0)
    missing = frozenset(range(size)) - {replica.ordinal for replica in replicas}
    is_well = all(replica.is_fresh and replica.is_ready for replica in replicas)
    if not (noted or outdated or missing) and is_well:
        return frozenset()
    begins = is_changing()
    if not (outdated or begins or not has_observed_generation(live)):
        return frozenset()
    newcomers = frozenset(range(running, size))
    if begins and not outdated:
        newcomers |= missing
        outdated = frozenset(replica.name for replica in replicas)  # all that are there, from the next plan on
    return note_unhealthy(list_rollout_replicas(replicas, outdated, size, noted, now), size, noted, newcomers)


ROLLOUT_PATIENCE_SECONDS = 600.0
"""So long a pod may take to come up, or to end after its time is over, before no one waits for it any more."""


def _is_awaited(replica: Replica, now: float) -> bool:
    if replica.is_terminating:
        return replica.ends_at is None or now - replica.ends_at < ROLLOUT_PATIENCE_SECONDS
    is_young = replica.made_at is not None and now - replica.made_at < ROLLOUT_PATIENCE_SECONDS
    return is_young and replica.trouble is None


def plan_deletions(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    restart: str | None,
    wanted: int,
    now: float,
    *,
    is_rolling: bool = False,
) -> PodDeletions:
    """Plan the restart, or else a replacement; never both at once.

    While replicas still run something else, one that does not answer may do so for what is rolled out, and keeps its
    volume.
    """
    by_name = {replica.name: replica for replica in replicas}
    if restart is not None:
        event = PoolEvent(reasons.RESTARTING_REPLICA, f"Restarting {restart} to run the new version or configuration")
        return PodDeletions({_pod_key(observed, restart): by_name[restart].uid}, (event,))
    if not observed.pool.spec.replacement.enabled:
        return PodDeletions()
    terminating = {one["metadata"]["name"] for one in observed.claims if one["metadata"].get("deletionTimestamp")}
    staying = [one for one in replicas if one.ordinal < wanted and not one.is_out_of_service]
    in_progress = [one for one in staying if _claim(observed, one) in terminating]
    if in_progress:
        return _finish_replacement(observed, replicas, in_progress[0])
    return _plan_replacement(observed, by_name, terminating, wanted, now, is_rolling=is_rolling)


def plan_patches(
    observed: ObservedPool, replicas: Iterable[Replica], assignments: Mapping[str, ShardAssignment]
) -> tuple[PodPatch, ...]:
    """Plan the annotations that pods do not have yet."""
    patches = []
    for replica in replicas:
        if replica.is_terminating:
            continue
        wanted = build_annotations(observed.pool, assignments.get(replica.name), replica.annotations)
        config = choose_config_hash(observed, replica)
        wanted |= {CONFIG_ANNOTATION: config} if config is not None else {}
        changed = {name: text for name, text in wanted.items() if replica.annotations.get(name) != text}
        if changed:
            patches.append(PodPatch(replica.name, replica.uid, changed))
    return tuple(patches)


def _plan_replacement(
    observed: ObservedPool,
    replicas: Mapping[str, Replica],
    terminating: set[str],
    wanted: int,
    now: float,
    *,
    is_rolling: bool,
) -> PodDeletions:
    fleet, spec = observed.current_fleet, observed.pool.spec.replacement
    if fleet is None or fleet.is_halted or is_skew_absurd(fleet, now):
        return PodDeletions()
    candidates = [
        _to_stuck(
            observed,
            replica,
            terminating,
            may_be_silent=not is_rolling
            and not replica.may_catch_up(now)
            and _is_older(replica, spec.after_seconds, now),
        )
        for replica in replicas.values()
        if replica.ordinal < wanted and not replica.is_out_of_service
    ]
    wanted -= sum(one.is_out_of_service and one.ordinal < wanted for one in replicas.values())
    chosen = choose_replacement(candidates, wanted, spec.after_seconds, read_scaler_clock(fleet, now))
    if chosen is None:
        return PodDeletions()
    name = _claim(observed, replicas[chosen])
    claims = {
        ObjectKey(PVC, observed.pool.namespace, name): claim["metadata"].get("uid") or ""
        for claim in observed.claims
        if claim["metadata"]["name"] == name
    }
    is_silent = replicas[chosen].replica_class is ReplicaClass.UNREACHABLE
    what = "has not responded" if is_silent else "has lagged"
    gains = "" if is_silent else " without catching up"
    message = f"{chosen} {what} for more than {spec.after_seconds} s{gains}; replacing its volume"
    event = PoolEvent(reasons.REPLACING_REPLICA, message, is_warning=True)
    return PodDeletions(claims | {_pod_key(observed, chosen): replicas[chosen].uid}, (event,))


def _finish_replacement(observed: ObservedPool, replicas: Iterable[Replica], in_progress: Replica) -> PodDeletions:
    """Delete the pod whose claim is going already: we were ended in between, or a person began it."""
    is_spared = any(one.is_terminating for one in replicas) or not any(one.is_fresh for one in replicas)
    if is_spared or in_progress.replica_class not in (ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE):
        return PodDeletions()
    return PodDeletions({_pod_key(observed, in_progress.name): in_progress.uid})


def _is_older(replica: Replica, seconds: float, now: float) -> bool:
    """Return whether a pod is older than so many seconds: a report on a younger one may be about its predecessor."""
    return replica.made_at is None or now - replica.made_at >= seconds


def _to_stuck(observed: ObservedPool, replica: Replica, terminating: set[str], *, may_be_silent: bool) -> StuckReplica:
    view, trouble = replica.view, replica.trouble
    has_run = trouble is None or trouble.is_crash
    return StuckReplica(
        replica.name,
        replica.replica_class,
        since=view.since if view is not None else 0.0,
        lag_ledgers=view.lag_ledgers if view is not None else None,
        is_gaining=view is not None and view.seconds_to_fresh is not None,
        is_silent=not replica.is_ready and has_run and may_be_silent,
        is_held=trouble is not None and not trouble.is_crash,
        is_too_old=view is not None and view.is_core_too_old,
        is_terminating=replica.is_terminating or _claim(observed, replica) in terminating,
    )


def _claim(observed: ObservedPool, replica: Replica) -> str:
    return claim_name(observed.pool.name, replica.ordinal)


def _pod_key(observed: ObservedPool, name: str) -> ObjectKey:
    return ObjectKey(POD, observed.pool.namespace, name)
