"""Which objects does a pool own, and which of them are written or deleted now? A stage of plan_pool, decided once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.observed.labels import checkpoint_name
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.growth_plan import GrowthPlan, plan_growth
from controller.plan.plan_objects import VolumeWrites, build_objects, find_unwanted, needs_apply
from controller.plan.pod_plan import has_observed_generation
from controller.plan.pod_stage import PodStage, is_changing
from controller.plan.pool_size import Sizes, read_size
from controller.plan.snapshot_plan import SnapshotPlan, plan_snapshots
from controller.replicas.disruptions import Disruptions
from controller.replicas.replicas import Replica
from controller.routing.routing import Routing
from readpool.kubernetes.kinds import CONFIG_MAP, STATEFUL_SET, Manifest, ObjectKey, kind_of

_OF_REPLICAS = (CONFIG_MAP, STATEFUL_SET)
"""Kinds that say what replicas run."""


@dataclass(frozen=True, slots=True)
class ObjectStage:
    """What becomes of objects.

    Attributes:
        wanted: all that the pool should own.
        apply: those of them that differ from what is there, in the order in which they need each other.
        delete: what goes, pods among it.
        uids: where it has a key of `delete`, only the object of that uid goes.
        snapshots: what becomes of snapshots, and their condition.
        growth: how volumes grow, and its condition.
    """

    wanted: Mapping[ObjectKey, Manifest]
    apply: tuple[Manifest, ...]
    delete: tuple[ObjectKey, ...]
    uids: Mapping[ObjectKey, str]
    snapshots: SnapshotPlan
    growth: GrowthPlan


def plan_object_stage(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    sizes: Sizes,
    pods: PodStage,
    routing: Routing,
    disruptions: Disruptions,
    settings: PlanSettings,
    now: float,
) -> ObjectStage:
    """Plan a pool's objects, after its pods and its readers."""
    fresh_enough = min(sizes.wanted, observed.pool.spec.target_replicas)
    holds = _explain_snapshot_wait(observed, sizes, pods, settings)
    snapshots = plan_snapshots(observed, replicas, routing.weights, pods.size, fresh_enough, holds, now)
    growth = plan_growth(observed, replicas, settings, now)
    volumes = VolumeWrites(snapshots.objects, growth.sizes, now)
    wanted = build_objects(
        observed, pods.size, pods.configurations, routing, settings, pods.unhealthy, disruptions, volumes
    )
    apply = tuple(
        manifest
        for key, manifest in wanted.items()
        if key not in observed.name_conflicts and needs_apply(observed, key, manifest)
    )
    deleted, unprovisioned = pods.deletions.uids, snapshots.unprovisioned
    delete = (*find_unwanted(observed, wanted), *deleted, *(unprovisioned.keys() - deleted.keys()))
    return ObjectStage(wanted, apply, delete, {**unprovisioned, **deleted}, snapshots, growth)


def is_scale_in(observed: ObservedPool, manifest: Manifest) -> bool:
    """Return whether a manifest is the StatefulSet's, with fewer replicas than it has."""
    running = read_size(observed)
    return kind_of(manifest) == STATEFUL_SET and running is not None and manifest["spec"]["replicas"] < running


def is_applying(observed: ObservedPool, apply: Sequence[Manifest]) -> bool:
    """Return whether it is not known yet which replicas run something else than they should."""
    live = observed.find(STATEFUL_SET, observed.pool.name)
    checkpoint_map = checkpoint_name(observed.pool.name)  # restarts nobody
    is_written = any(kind_of(one) in _OF_REPLICAS and one["metadata"]["name"] != checkpoint_map for one in apply)
    return is_written or (live is not None and not has_observed_generation(live))


def _explain_snapshot_wait(observed: ObservedPool, sizes: Sizes, pods: PodStage, settings: PlanSettings) -> str:
    """Return what a snapshot waits for, where it does."""
    holds = _hold_snapshots(sizes, is_restarting=bool(pods.outdated or pods.deleted), is_stuck=pods.is_stuck)
    if observed.pool.spec.storage.snapshots.enabled and not holds and is_changing(observed, settings):
        return "the new version or configuration to be written"
    return holds


def _hold_snapshots(sizes: Sizes, *, is_restarting: bool, is_stuck: bool) -> str:
    """Return what a snapshot waits for: no volume is read while replicas are restarted, come or go."""
    if is_stuck:
        return "the problem in Stalled to be fixed"
    if is_restarting:
        return "the restarts to finish"
    return "the scale-in to finish" if sizes.running is not None and sizes.size < sizes.running else ""
