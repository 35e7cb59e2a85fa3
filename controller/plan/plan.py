"""What should be, of one pool, at this moment? All that was observed in, all that is to do out.

The same observation always gives the same plan, and a plan that was carried out leaves nothing to do. It may be ended
between any two of its steps: the next one goes on from what is there then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controller.events.pool_events import PoolEvent, find_events, is_young
from controller.observed.grants import explain_refused_route, explain_refused_scaling, leave_out_refused
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.scaler_clock import compute_stale_seconds
from controller.plan.object_stage import ObjectStage, is_applying, is_scale_in, plan_object_stage
from controller.plan.pod_plan import PodPatch, plan_patches
from controller.plan.pod_stage import PodStage, plan_pod_stage
from controller.plan.pool_size import Sizes, choose_sizes
from controller.plan.requeue import choose_delay, find_numbers_time, find_requeue_times
from controller.plan.shard_plan import plan_shards, to_status
from controller.plan.workload_stage import (
    adapt_to_workload,
    choose_workload_sizes,
    find_workload_stall,
    plan_workload_objects,
    plan_workload_pods,
    report_unseen,
)
from controller.replicas.disruptions import Disruptions, compute_disruptions
from controller.replicas.replicas import Replica, read_replicas
from controller.replicas.stuck_replicas import find_stuck_replicas, list_stuck_times
from controller.resources.endpoint_slices import list_slices, read_routes
from controller.routing.routing import Routing, route
from controller.shards.shards import ShardPlan
from controller.status.conditions import PoolFacts, compute_conditions, merge_conditions
from controller.status.core_age import explain_old_core
from controller.status.core_requests import compute_resources_condition
from controller.status.plan_facts import find_stall, gather_facts, list_kept_conditions, list_rewrites
from controller.status.pool_status import are_numbers_due, build_status
from readpool.kubernetes.kinds import PVC, Manifest, ObjectKey
from readpool.pool.status import dump_status

TURN_SECONDS = 15.0
"""A pool that waits for its turn to restart replicas looks again so often."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: slices and routes, patch pods, apply, delete, shrink, write replicas, write status, tell events.

    That is the order, and reconcile.lanes says which waits for which. Pods are patched before what they run is
    written, because their patches note the configuration that they started with.

    Attributes:
        apply: manifests for server-side apply, only those that differ, in the order in which they need each other.
        delete: what to delete, slices before pods; where `uids` has a key, only the object of that uid.
        shrink: the StatefulSet where it gets fewer replicas: those that go are in no slice by then.
        replicas: to write to spec.replicas of the pool, None to leave it.
        status: the whole status; to be written only if `is_status_changed`.
        deletion_events: those of `events` that belong to pods in `delete`.
        requeue_after_seconds: plan again then, even if nothing happens; None: only when something does.
        conflicts: what the pool needs, and somebody else has.
        is_rolled_out: all replicas run what they should, as far as is known.
        is_rolling: one of them is restarted, or was and is not back yet.
    """

    status: dict[str, Any]
    is_status_changed: bool = False
    apply: tuple[Manifest, ...] = ()
    delete: tuple[ObjectKey, ...] = ()
    shrink: tuple[Manifest, ...] = ()
    uids: Mapping[ObjectKey, str] = field(default_factory=dict)
    replicas: int | None = None
    pod_patches: tuple[PodPatch, ...] = ()
    events: tuple[PoolEvent, ...] = ()
    deletion_events: tuple[PoolEvent, ...] = ()
    requeue_after_seconds: float | None = None
    conflicts: tuple[ObjectKey, ...] = ()
    is_rolled_out: bool = False
    is_rolling: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return (
            not (self.applied or self.delete or self.pod_patches or self.events or self.is_status_changed)
            and self.replicas is None
        )

    @property
    def applied(self) -> tuple[Manifest, ...]:
        """All manifests that are to be applied."""
        return (*self.apply, *self.shrink)


def plan_pool(observed: ObservedPool, settings: PlanSettings, now: float) -> Plan:
    """Plan everything of one pool; of one that is being deleted, nothing: the garbage collector takes what it owned."""
    if observed.pool.deletion_timestamp is not None:
        return Plan(dump_status(observed.pool.status))
    requested, silent_since = observed.pool, observed.fleet_silent_since
    observed = _ignore_short_disconnect(replace(observed, pool=leave_out_refused(requested, settings)), now)
    if observed.workload is not None and not observed.workload.is_seen:
        return _build_unseen_plan(observed, now)
    observed, is_own = adapt_to_workload(observed), observed.workload is None
    replicas = read_replicas(observed)
    sizes = choose_sizes(observed, replicas) if is_own else choose_workload_sizes(observed)
    shards = plan_shards(observed, replicas, sizes.size)
    pods = _plan_pods(observed, replicas, sizes, shards, settings, now)
    numbers_due = are_numbers_due(observed, replicas, now)
    routing = route(
        observed,
        replicas,
        read_routes(list_slices(observed.children, observed.pool.name)),
        settings.neutral_after_seconds,
        now,
        allow_reweighting=numbers_due,
        terminating=pods.terminating,
    )
    disruptions = compute_disruptions(observed, replicas, sizes.wanted, now) if is_own else Disruptions()
    objects = _plan_objects(observed, replicas, sizes, pods, routing, disruptions, settings, now)
    facts = replace(
        _add_stages(gather_facts(observed, sizes.wanted, replicas, routing, shards), observed, sizes, pods, objects),
        refused_scaling=explain_refused_scaling(requested, settings),
        refused_route=explain_refused_route(requested, settings),
        core_too_old=explain_old_core(observed.pool.spec, replicas, observed.current_fleet, settings.networks),
        stalled=_find_stall(observed, replicas, pods, objects, now),
    )
    last, kept = observed.pool.status.conditions, list_kept_conditions(observed, replicas, facts, now)
    conditions = merge_conditions(compute_conditions(facts), last, observed.pool.generation, now, kept)
    newest, assigned = objects.snapshots.newest, to_status(shards.assignments)
    status = build_status(
        observed, replicas, routing.weights, assigned, conditions, numbers_due=numbers_due, newest_snapshot=newest
    )
    events = find_events(last, conditions, is_young=is_young(observed.pool, now))
    times = (
        find_numbers_time(observed, now, numbers_due=numbers_due),
        *find_requeue_times(observed, silent_since, replicas, routing, settings, now),
        *list_stuck_times(replicas, pods.size),
        disruptions.due,
        objects.snapshots.due,
        now + TURN_SECONDS if pods.outdated and not observed.may_restart else None,
    )
    plan = _build_plan(observed, pods, objects)
    return replace(
        plan,
        status=dump_status(status),
        is_status_changed=status != observed.pool.status,
        replicas=sizes.to_write,
        pod_patches=plan_patches(observed, replicas, shards.assignments) if is_own else (),
        events=(*plan.deletion_events, *events),
        requeue_after_seconds=choose_delay(times, now),
        is_rolled_out=not (pods.outdated or facts.is_applying),
    )


def _build_unseen_plan(observed: ObservedPool, now: float) -> Plan:
    """Leave a pool alone whose workload is not seen, but for saying so."""
    last, status = observed.pool.status, report_unseen(observed, now)
    events = find_events(last.conditions, status.conditions, is_young=is_young(observed.pool, now))
    return Plan(dump_status(status), is_status_changed=status != last, events=tuple(events))


def _plan_pods(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    sizes: Sizes,
    shards: ShardPlan,
    settings: PlanSettings,
    now: float,
) -> PodStage:
    """Plan what becomes of the pool's own pods; those of a workload are only looked at."""
    if observed.workload is not None:
        return plan_workload_pods(observed, replicas, sizes.size)
    return plan_pod_stage(observed, replicas, sizes, shards.assignments, settings, now)


def _plan_objects(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    sizes: Sizes,
    pods: PodStage,
    routing: Routing,
    disruptions: Disruptions,
    settings: PlanSettings,
    now: float,
) -> ObjectStage:
    """Plan the pool's objects; before a workload they are fewer."""
    if observed.workload is not None:
        return plan_workload_objects(observed, replicas, routing, settings)
    return plan_object_stage(observed, replicas, sizes, pods, routing, disruptions, settings, now)


def _build_plan(observed: ObservedPool, pods: PodStage, objects: ObjectStage) -> Plan:
    """Write down what becomes of pods and objects as a plan without status."""
    return Plan(
        status={},
        apply=tuple(one for one in objects.apply if not is_scale_in(observed, one)),
        shrink=tuple(one for one in objects.apply if is_scale_in(observed, one)),
        delete=objects.delete,
        uids=objects.uids,
        deletion_events=pods.deletions.events,
        conflicts=tuple(key for key in objects.wanted if key in observed.name_conflicts and key.kind != PVC),
        is_rolling=pods.is_rolling(observed),
    )


def _add_stages(
    facts: PoolFacts, observed: ObservedPool, sizes: Sizes, pods: PodStage, objects: ObjectStage
) -> PoolFacts:
    """Add to the facts of conditions what the stages decided."""
    return replace(
        facts,
        outdated=len(pods.outdated),
        waits_for=pods.step.waits_for,
        holds=sizes.waits_for,
        is_applying=is_applying(observed, objects.apply),
        rewrites=list_rewrites(observed, objects.wanted),
        snapshots=objects.snapshots.condition,
        growth=objects.growth.condition,
        resources=compute_resources_condition(observed.pool.spec),
    )


def _find_stall(
    observed: ObservedPool, replicas: Sequence[Replica], pods: PodStage, objects: ObjectStage, now: float
) -> tuple[str, str] | None:
    """Find why the pool does not get on, as reason and message; None where it does."""
    if observed.workload is not None and not observed.misread:
        blocked = find_stall(observed, objects.wanted, objects.delete, now)
        return blocked or find_workload_stall(observed, replicas, now)
    return (
        pods.configurations.stalled
        or find_stall(observed, objects.wanted, objects.delete, now)
        or find_stuck_replicas(replicas, pods.size, now, observed.pool.status.conditions)
    )


def _ignore_short_disconnect(observed: ObservedPool, now: float) -> ObservedPool:
    """Let the scaler's last word count for three polls, as a replica's does for the scaler."""
    since = observed.fleet_silent_since
    if since is None or now - since >= compute_stale_seconds(observed.fleet):
        return observed
    return replace(observed, fleet_silent_since=None)
