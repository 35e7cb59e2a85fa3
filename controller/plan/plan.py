"""What should be, of one pool, at this moment? All that was observed in, all that is to do out.

The same observation always gives the same plan, and a plan that was carried out leaves nothing to do. It may be ended
between any two of its steps: the next one goes on from what is there then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controller.events.pool_events import PoolEvent, find_events, is_young
from controller.observed.differs import stamp
from controller.observed.grants import explain_refused_route, explain_refused_scaling, leave_out_refused
from controller.observed.labels import checkpoint_name
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.scaler_clock import compute_stale_seconds
from controller.plan.configurations import build_configurations, choose_texts, is_armed, is_to_be_made
from controller.plan.growth_plan import plan_growth
from controller.plan.plan_objects import (
    VolumeWrites,
    build_objects,
    find_unwanted,
    is_stateful_set_held,
    is_to_be_applied,
)
from controller.plan.plan_times import choose_delay, find_due_time, find_times
from controller.plan.pod_plan import (
    PodDeletions,
    PodPatch,
    find_outdated,
    find_sick,
    has_seen_template,
    plan_deletions,
    plan_patches,
    plan_restart,
)
from controller.plan.pool_size import Sizes, choose_sizes, read_size
from controller.plan.rollout import RolloutStep
from controller.plan.shard_plan import plan_shards, to_status
from controller.plan.snapshot_plan import plan_snapshots
from controller.replicas.disruptions import judge_disruptions
from controller.replicas.draining import find_surplus
from controller.replicas.replicas import Replica, list_out_of_service, read_replicas
from controller.replicas.stuck_replicas import find_stuck_replicas, list_stuck_times
from controller.resources.endpoint_slices import list_slices, read_routes
from controller.resources.stateful_set import build_stateful_set
from controller.routing.routing import route
from controller.status.conditions import judge, merge_conditions
from controller.status.core_age import explain_old_core
from controller.status.core_requests import judge_requests
from controller.status.plan_facts import find_stall, gather_facts, list_kept_conditions, list_rewrites
from controller.status.pool_status import are_numbers_due, build_status
from readpool.kubernetes.kinds import CONFIG_MAP, POD, PVC, STATEFUL_SET, Manifest, ObjectKey, kind_of
from readpool.pool.status import dump_status

TURN_SECONDS = 15.0
"""A pool that waits for its turn to restart replicas looks again so often."""
_OF_REPLICAS = (CONFIG_MAP, STATEFUL_SET)
"""Kinds that say what replicas run."""


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
        again_in_seconds: plan again then, even if nothing happens; None: only when something does.
        taken: what the pool needs, and somebody else has.
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
    again_in_seconds: float | None = None
    taken: tuple[ObjectKey, ...] = ()
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
    asked, silent_since = observed.pool, observed.fleet_silent_since
    pool = leave_out_refused(asked, settings)
    observed = replace(observed, pool=pool)
    observed = _forgive_short_silence(observed, now)
    replicas = read_replicas(observed)
    sizes = choose_sizes(observed, replicas)
    wanted, size, running = sizes.wanted, sizes.size, sizes.running
    shards = plan_shards(observed, replicas, size)
    configurations = build_configurations(observed, size, shards.assignments, settings, running or 0)
    size = size if configurations.most is None else configurations.most
    are_due = are_numbers_due(observed, replicas, now)
    routes = read_routes(list_slices(observed.children, observed.pool.name))
    texts = configurations.texts
    out = {one.name for one in list_out_of_service(replicas)}
    outdated = find_outdated(observed, replicas, texts) - out  # nothing restarts those
    # Where the StatefulSet cannot be written, nobody goes.
    is_held = is_stateful_set_held(observed, settings)
    is_stuck = not configurations.is_complete or bool(observed.misread) or is_held
    begins = lambda: _is_writing(observed, settings)  # noqa: E731 - asked only where it matters
    sick = find_sick(observed, replicas, outdated, size, begins, now)
    step, deletions = _plan_pods(observed, replicas, outdated, size, sick, texts, settings, now)
    written = replace(configurations, texts=choose_texts(observed, replicas, texts, step.restart))
    if deletions.begins_replacement and not is_stuck and _is_changing(observed, settings):
        deletions = PodDeletions()  # whoever is restarted for the change goes first, wherever this run is ended
    deleted = {key.name for key in deletions.uids if key.kind == POD}
    if deleted:  # one of those that stay: the others may be all that serve until it is back
        size = max(size, running or 0)
    # A pause freezes weights whoever was to go before it.
    surplus = find_surplus(replicas, max(size, running or 0) if is_stuck else size)
    going = deleted | out | (frozenset() if pool.spec.paused else surplus)
    routing = route(observed, replicas, routes, settings.neutral_after_seconds, now, may_shift=are_due, going=going)
    disruptions = judge_disruptions(observed, replicas, wanted, now)
    fresh_enough = min(wanted, pool.spec.target_replicas)
    holds = _hold_snapshots(sizes, is_restarting=bool(outdated or deleted), is_stuck=is_stuck)
    if pool.spec.storage.snapshots.enabled and not holds and _is_changing(observed, settings):
        holds = "what replicas run to be written"
    snapshots = plan_snapshots(observed, replicas, routing.weights, size, fresh_enough, holds, now)
    growth = plan_growth(observed, replicas, settings, now)
    volumes = VolumeWrites(snapshots.objects, growth.sizes, now)
    objects = build_objects(observed, size, written, routing, settings, sick, disruptions, volumes)
    apply = [
        manifest
        for key, manifest in objects.items()
        if key not in observed.occupied and is_to_be_applied(observed, key, manifest)
    ]
    doomed = (*find_unwanted(observed, objects), *deletions.uids, *(snapshots.unmade.keys() - deletions.uids.keys()))
    facts = gather_facts(observed, wanted, replicas, routing, shards)
    facts = replace(
        facts,
        refused_scaling=explain_refused_scaling(asked, settings),
        refused_route=explain_refused_route(asked, settings),
        outdated=len(outdated),
        waits_for=step.waits_for,
        holds=sizes.waits_for,
        is_applying=_is_applying(observed, apply),
        rewrites=list_rewrites(observed, objects),
        snapshots=snapshots.judgement,
        growth=growth.judgement,
        resources=judge_requests(pool.spec),
        core_too_old=explain_old_core(pool.spec, replicas, observed.current_fleet, settings.networks),
        stalled=(
            configurations.stalled
            or find_stall(observed, objects, doomed, now)
            or find_stuck_replicas(replicas, size, now, pool.status.conditions)
        ),
    )
    last, kept = observed.pool.status.conditions, list_kept_conditions(observed, replicas, facts, now)
    conditions = merge_conditions(judge(facts), last, observed.pool.generation, now, kept)
    told_shards = to_status(shards.assignments)
    newest = snapshots.newest
    status = build_status(
        observed, replicas, routing.weights, told_shards, conditions, are_due=are_due, newest_snapshot=newest
    )
    return Plan(
        status=dump_status(status),
        is_status_changed=status != observed.pool.status,
        apply=tuple(one for one in apply if not _is_shrunk(observed, one)),
        shrink=tuple(one for one in apply if _is_shrunk(observed, one)),
        delete=doomed,
        uids={**snapshots.unmade, **deletions.uids},
        replicas=sizes.to_write,
        pod_patches=plan_patches(observed, replicas, shards.assignments),
        events=(*deletions.events, *find_events(last, conditions, is_young=is_young(observed.pool, now))),
        deletion_events=deletions.events,
        again_in_seconds=choose_delay(
            (
                find_due_time(observed, now, are_due=are_due),
                *find_times(observed, silent_since, replicas, routing, settings, now),
                *list_stuck_times(replicas, size),
                disruptions.due,
                snapshots.due,
                now + TURN_SECONDS if outdated and not observed.may_restart else None,
            ),
            now,
        ),
        taken=tuple(key for key in objects if key in observed.occupied and key.kind != PVC),
        is_rolled_out=not (outdated or facts.is_applying),
        is_rolling=_is_rolling(observed, step, deletions, is_stuck=is_stuck),
    )


def _forgive_short_silence(observed: ObservedPool, now: float) -> ObservedPool:
    """Let the scaler's last word count for three polls, as a replica's does for the scaler."""
    since = observed.fleet_silent_since
    if since is None or now - since >= compute_stale_seconds(observed.fleet):
        return observed
    return replace(observed, fleet_silent_since=None)


def _plan_pods(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    outdated: frozenset[str],
    wanted: int,
    sick: frozenset[int],
    texts: Mapping[str, str],
    settings: PlanSettings,
    now: float,
) -> tuple[RolloutStep, PodDeletions]:
    if observed.pool.spec.paused or observed.misread:
        return RolloutStep(), PodDeletions()
    step = plan_restart(replicas, outdated, wanted, sick, now)
    if step.restart is not None and not observed.may_restart:
        step = RolloutStep(waits_for="other pools: only a few are upgraded at a time")
    is_rolling, restart = bool(outdated), step.restart
    if restart is not None and not is_armed(observed, restart, texts):
        if not is_stateful_set_held(observed, settings):
            return step, PodDeletions()  # its configuration is written first
        restart = None  # it cannot be; a replica that is of no use gets its new volume all the same
    return step, plan_deletions(observed, replicas, restart, wanted, now, is_rolling=is_rolling)


def _hold_snapshots(sizes: Sizes, *, is_restarting: bool, is_stuck: bool) -> str:
    """Say what a snapshot waits for: nobody's volume is read while replicas are restarted, come or go."""
    if is_stuck:
        return "the problem in Stalled to be fixed"
    if is_restarting:
        return "the restarts to finish"
    return "the scale-in to finish" if sizes.running is not None and sizes.size < sizes.running else ""


def _is_rolling(observed: ObservedPool, step: RolloutStep, deletions: PodDeletions, *, is_stuck: bool) -> bool:
    """Return whether a replica is restarted, or was and is not back; for one that cannot be, no pool waits."""
    can_go = not is_stuck and not any(map(observed.is_held, deletions.uids))
    return step.is_under_way or (step.restart is not None and can_go)


def _is_changing(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether replicas are about to run something else than they do.

    Their configurations are to be written, or the StatefulSet for more than its size, which its controller has to see.
    """
    live = observed.find(STATEFUL_SET, observed.pool.name)
    return live is None or not has_seen_template(live) or _is_writing(observed, settings)


def _is_writing(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether what replicas run is about to be written."""
    live = observed.find(STATEFUL_SET, observed.pool.name)
    if live is None or is_to_be_made(observed):
        return True
    wanted = build_stateful_set(observed.pool, live["spec"]["replicas"], settings, live)
    key = ObjectKey(STATEFUL_SET, observed.pool.namespace, observed.pool.name)
    return is_to_be_applied(observed, key, stamp(wanted))


def _is_shrunk(observed: ObservedPool, manifest: Manifest) -> bool:
    """Return whether a manifest is the StatefulSet's, with fewer replicas than it has."""
    running = read_size(observed)
    return kind_of(manifest) == STATEFUL_SET and running is not None and manifest["spec"]["replicas"] < running


def _is_applying(observed: ObservedPool, apply: Sequence[Manifest]) -> bool:
    """Return whether it is not known yet which replicas run something else than they should."""
    live = observed.find(STATEFUL_SET, observed.pool.name)
    told = checkpoint_name(observed.pool.name)  # restarts nobody
    is_written = any(kind_of(one) in _OF_REPLICAS and one["metadata"]["name"] != told for one in apply)
    return is_written or (live is not None and not has_seen_template(live))
