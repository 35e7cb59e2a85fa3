"""What should be, of one pool, at this moment? All that was observed in, all that is to do out.

The same observation always gives the same plan, and a plan that was carried out leaves nothing to do. It may be ended
between any two of its steps: the next one goes on from what is there then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller import reasons
from controller.autoscaling import is_scaled_by_us, judge_autoscaling
from controller.conditions import PoolFacts, judge, merge_conditions
from controller.configurations import Configurations, build_configurations
from controller.core_config_version import has_query_server
from controller.differs import differs, stamp
from controller.gate import choose_ports
from controller.observed import ObservedPool
from controller.plan_settings import PlanSettings
from controller.pod_plan import PodDeletions, PodPatch, find_outdated, plan_deletions, plan_patches, plan_restart
from controller.pool_events import PoolEvent, find_events
from controller.pool_status import are_numbers_due, build_status
from controller.replicas import Replica, read_replicas
from controller.resources.claims import build_claims
from controller.resources.config_map import build_config_map
from controller.resources.disruption_budget import build_disruption_budget
from controller.resources.endpoint_slices import build_endpoint_slices, read_routes
from controller.resources.network_policy import build_network_policy
from controller.resources.nodes_service import build_nodes_service
from controller.resources.read_service import build_read_service
from controller.resources.scaled_object import build_scaled_object
from controller.resources.stateful_set import build_stateful_set
from controller.rollout import RolloutStep
from controller.routing import Ground, Routing, route
from controller.shard_plan import plan_shards, to_status
from controller.shards import ShardPlan
from readpool.kubernetes.kinds import ENDPOINT_SLICE, SCALED_OBJECT, STATEFUL_SET, Manifest, ObjectKey, key_of, kind_of
from readpool.pool.spec import PoolSpec
from readpool.pool.status import dump_status

_PRUNED = (ENDPOINT_SLICE, SCALED_OBJECT)
"""Kinds of which a pool may own more than it wants."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order: apply, patch pods, delete, write replicas, write status, tell events.

    Attributes:
        apply: manifests for server-side apply, only those that differ, in the order in which they need each other.
        delete: what to delete; where `uids` has a key, only the object of that uid.
        replicas: to write to spec.replicas of the pool, None to leave it.
        status: the whole status; to be written only if `is_status_changed`.
        again_in_seconds: plan again then, even if nothing happens; None: only when something does.
    """

    status: dict[str, Any]
    is_status_changed: bool = False
    apply: tuple[Manifest, ...] = ()
    delete: tuple[ObjectKey, ...] = ()
    uids: Mapping[ObjectKey, str] = field(default_factory=dict)
    replicas: int | None = None
    pod_patches: tuple[PodPatch, ...] = ()
    events: tuple[PoolEvent, ...] = ()
    again_in_seconds: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return (
            not (self.apply or self.delete or self.pod_patches or self.events or self.is_status_changed)
            and self.replicas is None
        )


def plan_pool(observed: ObservedPool, settings: PlanSettings, now: float) -> Plan:
    """Plan everything of one pool; of one that is being deleted, nothing: the garbage collector takes what it owned."""
    if observed.pool.deletion_timestamp is not None:
        return Plan(dump_status(observed.pool.status))
    wanted, to_write = choose_replicas(observed)
    replicas = read_replicas(observed)
    shards = plan_shards(observed, replicas, wanted)
    configurations = build_configurations(observed, wanted, shards.assignments, settings)
    slices = [manifest for key, manifest in observed.children.items() if key.kind == ENDPOINT_SLICE]
    are_due = are_numbers_due(observed, replicas, now)
    routes = read_routes(slices)
    routing = route(observed, replicas, routes, settings.neutral_after_seconds, now, may_shift=are_due)
    outdated = find_outdated(observed, replicas, configurations.texts)
    step = RolloutStep() if observed.pool.spec.paused else plan_restart(replicas, outdated, wanted)
    deletions = PodDeletions()
    if not observed.pool.spec.paused:
        deletions = plan_deletions(observed, replicas, step.restart, wanted, now)
    objects = _build_objects(observed, wanted, configurations, routing, slices, settings)
    taken = sorted(key for key in objects if key in observed.occupied)
    stalled = configurations.stalled or _say_taken(taken) or _say_refused(observed, objects)
    facts = _gather_facts(observed, wanted, replicas, routing, shards, stalled, outdated, step)
    conditions = merge_conditions(judge(facts), observed.pool.status.conditions, observed.pool.generation, now)
    status = build_status(
        observed, replicas, routing.weights, to_status(shards.assignments), conditions, are_due=are_due
    )
    gone = [key for key in observed.children if key.kind in _PRUNED and key not in objects]
    return Plan(
        status=dump_status(status),
        is_status_changed=status != observed.pool.status,
        apply=tuple(one for key, one in objects.items() if key not in taken and differs(one, _find(observed, key))),
        delete=(*sorted(gone, key=str), *deletions.uids),
        uids=deletions.uids,
        replicas=to_write,
        pod_patches=plan_patches(observed, replicas, shards.assignments),
        events=(*deletions.events, *find_events(observed.pool.status.conditions, conditions)),
        again_in_seconds=_choose_delay(observed, routing, settings, now, are_due=are_due),
    )


def choose_replicas(observed: ObservedPool) -> tuple[int, int | None]:
    """Choose how many replicas there are to be, and what to write to spec.replicas, if anything.

    0 is written by nobody who scales: it stands for targetReplicas in a new pool, and in one that has replicas, where a
    manifest was put in place of the whole pool, for those.
    """
    spec = observed.pool.spec
    live = observed.find(STATEFUL_SET, observed.pool.name)
    running = live["spec"].get("replicas") if live is not None else None
    if spec.paused and running is not None:
        return running, None
    if spec.replicas == 0:
        start = _clamp(running or spec.target_replicas, spec)
        return start, start
    return _clamp(spec.replicas, spec), None


def _clamp(replicas: int, spec: PoolSpec) -> int:
    return max(spec.min_replicas, min(spec.max_replicas, replicas))


def _build_objects(
    observed: ObservedPool,
    wanted: int,
    configurations: Configurations,
    routing: Routing,
    slices: Sequence[Manifest],
    settings: PlanSettings,
) -> dict[ObjectKey, Manifest]:
    """Build all that the pool should own. While there is no configuration, what runs is left as it is."""
    pool = observed.pool
    ports = choose_ports(pool.spec, settings.gate_image)
    built: list[Manifest] = [
        build_nodes_service(pool, ports),
        build_read_service(pool),
        build_network_policy(pool, ports, settings),
        build_disruption_budget(pool),
    ]
    if configurations.stalled is None:
        live = observed.find(STATEFUL_SET, pool.name)
        stateful_set = build_stateful_set(pool, wanted, settings, live)
        template = stateful_set["spec"]["volumeClaimTemplates"][0]
        claims = build_claims(pool, template, wanted, observed.claims)
        built += [build_config_map(pool, configurations.texts), *claims, stateful_set]
    built += build_endpoint_slices(pool, pool.name, ports.read, routing.endpoints, slices)
    if is_scaled_by_us(observed):
        built.append(build_scaled_object(pool, settings))
    return {key_of(kind_of(manifest), manifest): stamp(manifest) for manifest in built}


def _find(observed: ObservedPool, key: ObjectKey) -> Manifest | None:
    return observed.children.get(key)


def _say_taken(taken: Sequence[ObjectKey]) -> tuple[str, str] | None:
    if not taken:
        return None
    names = ", ".join(f"{key.kind.name} {key.name}" for key in taken)
    return reasons.NAME_TAKEN, f"not of this pool, and in its way: {names}"


def _say_refused(observed: ObservedPool, objects: Mapping[ObjectKey, Manifest]) -> tuple[str, str] | None:
    told = [f"{key.kind.name} {key.name}: {text}" for key, text in observed.refused.items() if key in objects]
    return (reasons.REFUSED, "; ".join(told)) if told else None


def _gather_facts(
    observed: ObservedPool,
    wanted: int,
    replicas: Sequence[Replica],
    routing: Routing,
    shards: ShardPlan,
    stalled: tuple[str, str] | None,
    outdated: frozenset[str],
    step: RolloutStep,
) -> PoolFacts:
    spec, fleet = observed.pool.spec, observed.current_fleet
    return PoolFacts(
        wanted=wanted,
        present=len(replicas),
        ready=sum(replica.is_ready for replica in replicas),
        outdated=len(outdated),
        fresh=sum(replica.is_fresh for replica in replicas),
        fresh_enough=min(wanted, spec.target_replicas),
        serving=len(routing.endpoints),
        ground=routing.ground,
        autoscaling=judge_autoscaling(observed),
        waits_for=step.waits_for,
        stalled=stalled,
        is_paused=spec.paused,
        is_halted=fleet is not None and fleet.is_halted,
        is_observed=fleet is not None,
        silent_since=observed.fleet_silent_since,
        has_query_server=has_query_server(spec.version),
        shard_problems=shards.problems if spec.shard_balancing.enabled else None,
    )


def _choose_delay(
    observed: ObservedPool, routing: Routing, settings: PlanSettings, now: float, *, are_due: bool
) -> float | None:
    """Choose when time alone changes the plan: numbers fall due, weights turn neutral."""
    delays = []
    told_at = observed.pool.status.observed_at
    if not are_due and told_at is not None and observed.current_fleet is not None:
        interval = observed.pool.spec.load_balancing.update_interval_seconds
        delays.append(told_at.timestamp() + interval - now)
    if routing.ground is Ground.KEPT and observed.fleet_silent_since is not None:
        delays.append(observed.fleet_silent_since + settings.neutral_after_seconds - now)
    return max(0.0, min(delays)) if delays else None
