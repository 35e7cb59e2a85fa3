"""What does the status of a pool say, and which Events follow from it? The last stage of plan_pool, decided once."""

from dataclasses import dataclass, replace

from controller.events.pool_events import PoolEvent, find_events, is_young
from controller.observed.grants import explain_refused_route, explain_refused_scaling
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.object_stage import is_applying
from controller.plan.shard_plan import to_status
from controller.plan.stages import Stages
from controller.replicas.stuck_replicas import find_stuck_replicas
from controller.status.conditions import compute_conditions, merge_conditions
from controller.status.core_age import explain_old_core
from controller.status.core_requests import compute_resources_condition
from controller.status.plan_facts import find_stall, gather_facts, list_kept_conditions, list_rewrites
from controller.status.pool_facts import PoolFacts
from controller.status.pool_status import build_status
from controller.status.workload_facts import find_workload_stall
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import PoolStatus


@dataclass(frozen=True, slots=True)
class StatusStage:
    """The status and the Events of a pool; `is_rolled_out`: all replicas run what they should, as far as is known."""

    status: PoolStatus
    events: tuple[PoolEvent, ...]
    is_rolled_out: bool


def plan_status_stage(
    observed: ObservedPool, requested: ReadOnlyPool, stages: Stages, settings: PlanSettings, now: float
) -> StatusStage:
    """Plan the status. `requested` is the pool as written, `observed.pool` that without what is not allowed."""
    replicas, pods = stages.replicas, stages.pods
    facts = replace(
        _gather_facts(observed, stages),
        refused_scaling=explain_refused_scaling(requested, settings),
        refused_route=explain_refused_route(requested, settings),
        core_too_old=explain_old_core(observed.pool.spec, replicas, observed.current_fleet, settings.networks),
        stalled=_find_stall(observed, stages, now),
    )
    last, kept = observed.pool.status.conditions, list_kept_conditions(observed, replicas, facts, now)
    conditions = merge_conditions(compute_conditions(facts), last, observed.pool.generation, now, kept)
    status = build_status(
        observed,
        replicas,
        stages.routing.weights,
        to_status(stages.shards.assignments),
        conditions,
        numbers_due=stages.numbers_due,
        newest_snapshot=stages.objects.snapshots.newest,
    )
    events = find_events(last, conditions, is_young=is_young(observed.pool, now))
    return StatusStage(status, (*pods.deletions.events, *events), not (pods.outdated or facts.is_applying))


def _gather_facts(observed: ObservedPool, stages: Stages) -> PoolFacts:
    """Gather the facts of conditions, with what the stages decided."""
    sizes, pods, objects = stages.sizes, stages.pods, stages.objects
    return replace(
        gather_facts(observed, sizes.wanted, stages.replicas, stages.routing, stages.shards),
        outdated=len(pods.outdated),
        waits_for=pods.step.waits_for,
        holds=sizes.waits_for,
        is_applying=is_applying(observed, objects.apply),
        rewrites=list_rewrites(observed, objects.wanted),
        snapshots=objects.snapshots.condition,
        growth=objects.growth.condition,
        resources=compute_resources_condition(observed.pool.spec),
    )


def _find_stall(observed: ObservedPool, stages: Stages, now: float) -> tuple[str, str] | None:
    """Find why reconciliation is blocked, as reason and message; None where nothing blocks it."""
    pods, objects = stages.pods, stages.objects
    refused = pods.configurations.stalled or find_stall(observed, objects.wanted, objects.delete, now)
    if observed.workload is not None:
        return refused or find_workload_stall(observed, stages.replicas, now)
    return refused or find_stuck_replicas(stages.replicas, pods.size, now, observed.pool.status.conditions)
