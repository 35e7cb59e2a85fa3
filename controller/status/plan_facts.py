"""What do the conditions of a pool rest on? From what was observed and decided to status.conditions' facts."""

from collections.abc import Iterable, Mapping, Sequence

from controller.core_config.core_config_version import has_query_server
from controller.observed import reasons
from controller.observed.failures import STALLED_AFTER_SECONDS
from controller.observed.observed import ObservedPool
from controller.observed.scaler_clock import read_scaler_clock
from controller.replicas.replicas import Replica, list_out_of_service
from controller.replicas.stuck_replicas import count_unready
from controller.routing.route_objects import is_route_missed
from controller.routing.routing import Routing, RoutingBasis, find_stale_time
from controller.shards.shards import ShardPlan
from controller.status.autoscaling import compute_autoscaling
from controller.status.conditions import PoolFacts, may_be_fresh
from readpool.kubernetes.kinds import POD, POOL, PROMETHEUS_RULE, PVC, SERVICE, Manifest, ObjectKey
from readpool.pool.condition_types import ConditionType
from readpool.replica_class import ReplicaClass


def gather_facts(
    observed: ObservedPool, wanted: int, replicas: Sequence[Replica], routing: Routing, shards: ShardPlan
) -> PoolFacts:
    """Gather the facts but for those of a rollout, which the plan adds."""
    spec, fleet = observed.pool.spec, observed.current_fleet
    return PoolFacts(
        wanted=wanted,
        present=len(replicas),
        ready=sum(_is_up(one) for one in replicas if one.ordinal < wanted),
        outdated=0,
        troubles=count_unready(replicas, wanted),
        fresh=sum(replica.is_fresh for replica in replicas),
        fresh_enough=_count_enough(observed, wanted),
        unknown=sum(one.replica_class is ReplicaClass.UNKNOWN and not one.is_terminating for one in replicas),
        serving=len(routing.endpoints),
        basis=routing.basis,
        autoscaling=compute_autoscaling(observed),
        is_paused=spec.paused,
        is_halted=fleet is not None and fleet.is_halted,
        is_observed=fleet is not None,
        silent_since=observed.fleet_silent_since,
        has_query_server=has_query_server(spec.version),
        shard_problems=shards.problems if spec.shard_balancing.enabled else None,
        lacks_gateway_api=is_route_missed(observed),
        has_alerts=PROMETHEUS_RULE in observed.optional_kinds if spec.alerting else None,
        failing=list_failing(observed),
        is_misread=bool(observed.misread),
        out_of_service=tuple(one.name for one in list_out_of_service(replicas)),
    )


def _count_enough(observed: ObservedPool, wanted: int) -> int:
    """Count how many replicas have to be fresh: no more than are wanted; of a workload of none, still one."""
    enough = min(wanted, observed.pool.spec.target_replicas)
    return enough if observed.workload is None else max(1, enough)


def _is_up(replica: Replica) -> bool:
    """Return whether a replica is ready, or need not be: no one waits for one that is out of service."""
    return (replica.is_ready or replica.is_out_of_service) and not replica.is_terminating


def find_stall(
    observed: ObservedPool, objects: Mapping[ObjectKey, Manifest], deleted: Iterable[ObjectKey], now: float
) -> tuple[str, str] | None:
    """Find what needs a person: a name that is somebody else's, or an object that the API server does not take.

    `objects` are those that the pool should own, `deleted` those that are to go.
    """
    if observed.misread:
        return reasons.INVALID_SPEC, observed.misread
    # A claim that somebody has prepared for a replica is what its StatefulSet takes.
    conflicts = sorted((key for key in objects if key in observed.name_conflicts and key.kind != PVC), key=str)
    wanted = {*objects, *deleted}
    refused = {key: text for key, text in observed.refused.items() if key in wanted or key.kind in (POD, POOL)}
    held = [f"{_name(key)}: {text}" for key, text in refused.items()]
    persistent = {key: one for key, one in observed.failing.items() if now - one.since >= STALLED_AFTER_SECONDS}
    held += [f"{_name(key)}: {one.message}" for key, one in persistent.items()]
    if conflicts:
        names = ", ".join(map(_name, conflicts))
        verbs = "already exists and is" if len(conflicts) == 1 else "already exist and are"
        listed = "; ".join([f"{names} {verbs} not owned by this pool{_hint(conflicts)}", *sorted(held)])
        return reasons.NAME_TAKEN, listed
    if held:
        return (reasons.REFUSED if refused else reasons.WRITE_FAILED), "; ".join(sorted(held))
    return None


def _name(key: ObjectKey) -> str:
    return f"{key.kind.name} {key.name}"


def _hint(conflicts: Sequence[ObjectKey]) -> str:
    """Explain conflicts between the Services of two pools, whose names are a pool's name with a suffix."""
    endings = sorted(key.name for key in conflicts if key.kind == SERVICE and key.name.endswith(_ENDINGS))
    if not endings:
        return ""
    return (
        f". A pool uses Services with its own name and with the suffixes {', '.join(_ENDINGS)}; a pool whose name is"
        " another pool's name with such a suffix must be in a different namespace"
    )


_ENDINGS = ("-fresh", "-lagging", "-nodes")


def list_failing(observed: ObservedPool) -> tuple[str, ...]:
    """List the objects whose writes fail, and what the API server says."""
    return tuple(sorted(f"{_name(key)}: {one.message}" for key, one in observed.failing.items()))


def list_rewrites(observed: ObservedPool, objects: Mapping[ObjectKey, Manifest]) -> tuple[str, ...]:
    """List the fields that are other than we apply them, since somebody changes them each time."""
    pods = {pod["metadata"]["name"] for pod in observed.pods}
    return tuple(
        sorted(
            f"{path} of {_name(key)}"
            for key, rewrite in observed.rewritten.items()
            if key in objects or key.kind == POOL or (key.kind == POD and key.name in pods)
            for path in rewrite.found
        )
    )


def list_kept_conditions(
    observed: ObservedPool, replicas: Sequence[Replica], facts: PoolFacts, now: float
) -> tuple[str, ...]:
    """List the conditions that stay as they are for a moment.

    After our own start the scaler has not been heard yet; after its start it has not asked the replicas yet.
    """
    fleet = observed.current_fleet
    if fleet is None:
        if observed.fleet_silent_since is not None:
            return ()
        return (
            (ConditionType.FRESH, ConditionType.ROUTING) if facts.basis is RoutingBasis.KEPT else (ConditionType.FRESH,)
        )
    unknown = [one for one in replicas if one.replica_class is ReplicaClass.UNKNOWN]
    at = read_scaler_clock(fleet, now)
    is_new = any(one.view is not None and find_stale_time(one.view, fleet) > at for one in unknown)
    return (ConditionType.FRESH,) if is_new and may_be_fresh(facts) else ()
