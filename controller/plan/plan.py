"""What should be, of one pool, at this moment? An observation in, all that is to be written out.

The same observation always gives the same plan, and a plan that was carried out leaves nothing to do. It may be ended
between any two of its steps: the next one continues from what is there then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.events.pool_events import PoolEvent, find_events, is_young
from controller.observed.grants import leave_out_refused
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.scaler_clock import compute_stale_seconds
from controller.plan.object_stage import is_scale_in
from controller.plan.pod_plan import PodPatch, plan_patches
from controller.plan.requeue import choose_delay, list_times
from controller.plan.stages import Stages, plan_stages
from controller.plan.status_stage import StatusStage, plan_status_stage
from controller.plan.workload_stage import adapt_to_workload, plan_workload_stages, report_unseen
from readpool.kubernetes.kinds import PVC, Manifest, ObjectKey
from readpool.pool.status import dump_status


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: slices and routes, patch pods, apply, delete, shrink, write replicas, write status, create Events.

    That is the order, and reconcile.lanes says which waits for which. Pods are patched before what they run is
    written, because their patches note the configuration that they started with.

    Attributes:
        apply: manifests for server-side apply, only those that differ, in the order in which they need each other.
        delete: what to delete, slices before pods; where `uids` has a key, only the object of that uid.
        shrink: the StatefulSet where it gets fewer replicas: those removed are in no slice by then.
        replicas: to write to spec.replicas of the pool, None to leave it.
        status: the whole status; to be written only if `is_status_changed`.
        deletion_events: those of `events` that belong to pods in `delete`.
        requeue_after_seconds: plan again then, even if nothing happens; None: only when something does.
        conflicts: objects that the pool needs, whose names another owner has.
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
    requested, disconnected_since = observed.pool, observed.fleet_silent_since
    if requested.deletion_timestamp is not None:
        return Plan(dump_status(requested.status))
    observed = _ignore_short_disconnect(replace(observed, pool=leave_out_refused(requested, settings)), now)
    if observed.workload is not None and not observed.workload.is_seen:
        return _build_unseen_plan(observed, now)
    observed = adapt_to_workload(observed)
    is_own = observed.workload is None
    stages = plan_stages(observed, settings, now) if is_own else plan_workload_stages(observed, settings, now)
    status = plan_status_stage(observed, requested, stages, settings, now)
    times = list_times(observed, disconnected_since, stages, settings, now)
    return _build_plan(observed, stages, status, choose_delay(times, now))


def _build_plan(observed: ObservedPool, stages: Stages, status: StatusStage, delay: float | None) -> Plan:
    """Build the plan from what was decided; `delay`: in how many seconds to plan again, None: only after a change."""
    pods, objects = stages.pods, stages.objects
    return Plan(
        status=dump_status(status.status),
        is_status_changed=status.status != observed.pool.status,
        apply=tuple(one for one in objects.apply if not is_scale_in(observed, one)),
        shrink=tuple(one for one in objects.apply if is_scale_in(observed, one)),
        delete=objects.delete,
        uids=objects.uids,
        replicas=stages.sizes.to_write,
        pod_patches=_plan_patches(observed, stages),
        events=status.events,
        deletion_events=pods.deletions.events,
        requeue_after_seconds=delay,
        conflicts=tuple(key for key in objects.wanted if key in observed.name_conflicts and key.kind != PVC),
        is_rolled_out=status.is_rolled_out,
        is_rolling=pods.is_rolling(observed),
    )


def _plan_patches(observed: ObservedPool, stages: Stages) -> tuple[PodPatch, ...]:
    """Plan what is noted on the pool's own pods; those of a workload are not written."""
    own = () if observed.workload is not None else plan_patches(observed, stages.replicas, stages.shards.assignments)
    return tuple(own)


def _build_unseen_plan(observed: ObservedPool, now: float) -> Plan:
    """Leave a pool as it is whose workload is not seen, and report why."""
    last, status = observed.pool.status, report_unseen(observed, now)
    events = find_events(last.conditions, status.conditions, is_young=is_young(observed.pool, now))
    return Plan(dump_status(status), is_status_changed=status != last, events=tuple(events))


def _ignore_short_disconnect(observed: ObservedPool, now: float) -> ObservedPool:
    """Use the scaler's last report for three polls after it disconnects, as the scaler does with a replica's."""
    since = observed.fleet_silent_since
    if since is None or now - since >= compute_stale_seconds(observed.fleet):
        return observed
    return replace(observed, fleet_silent_since=None)
