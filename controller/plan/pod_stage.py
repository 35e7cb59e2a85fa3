"""What becomes of a pool's pods now, and of its size and its readers by that? A stage of plan_pool, decided once.

All that comes after goes by this: the size of the StatefulSet, the configuration that is written, who loses readers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from controller.observed.drift import with_applied_hash
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.configurations import (
    Configurations,
    build_configurations,
    choose_texts,
    is_config_map_missing,
    is_configuration_written,
)
from controller.plan.plan_objects import is_stateful_set_blocked, needs_apply
from controller.plan.pod_plan import (
    PodDeletions,
    find_outdated,
    find_unhealthy,
    has_observed_generation,
    plan_deletions,
    plan_restart,
)
from controller.plan.pool_size import Sizes
from controller.plan.rollout import RolloutStep
from controller.replicas.draining import find_surplus
from controller.replicas.replicas import Replica, list_out_of_service
from controller.resources.stateful_set import build_stateful_set
from controller.shards.shards import ShardAssignment
from readpool.kubernetes.kinds import POD, STATEFUL_SET, ObjectKey


@dataclass(frozen=True, slots=True)
class PodStage:
    """What becomes of pods.

    Attributes:
        size: how many replicas the StatefulSet gets.
        configurations: what replicas read, as it is written now.
        outdated: names of pods that run something else than they should, and may be restarted for it.
        unhealthy: ordinals of pods that come up by nothing but a restart.
        step: which one is restarted now.
        deletions: pods and claims that are deleted now.
        deleted: names of the pods among them.
        terminating: names of pods that lose their readers.
        is_stuck: the StatefulSet or its configurations cannot be written, so no pod is removed.
    """

    size: int
    configurations: Configurations
    outdated: frozenset[str]
    unhealthy: frozenset[int]
    step: RolloutStep
    deletions: PodDeletions
    deleted: frozenset[str]
    terminating: frozenset[str]
    is_stuck: bool

    def is_rolling(self, observed: ObservedPool) -> bool:
        """Return whether a replica is restarted, or was and is not back yet; no pool waits for one that cannot be."""
        can_go = not self.is_stuck and not any(map(observed.is_held, self.deletions.uids))
        return self.step.is_under_way or (self.step.restart is not None and can_go)


def plan_pod_stage(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    sizes: Sizes,
    assignments: Mapping[str, ShardAssignment],
    settings: PlanSettings,
    now: float,
) -> PodStage:
    """Plan which pods are restarted or deleted, and what size and readers follow from it."""
    running = sizes.running or 0
    configurations = build_configurations(observed, sizes.size, assignments, settings, running)
    size = sizes.size if configurations.most is None else configurations.most
    texts = configurations.texts
    out = {one.name for one in list_out_of_service(replicas)}
    outdated = find_outdated(observed, replicas, texts) - out  # nothing restarts those
    # No pod is removed while the StatefulSet cannot be written.
    is_blocked = is_stateful_set_blocked(observed, settings)
    is_stuck = is_blocked or not configurations.is_complete or bool(observed.misread)
    begins = lambda: is_writing(observed, settings)  # noqa: E731 - asked only where it matters
    unhealthy = find_unhealthy(observed, replicas, outdated, size, begins, now)
    step, deletions = _plan_pods(observed, replicas, outdated, size, unhealthy, texts, now, is_blocked=is_blocked)
    written = replace(configurations, texts=choose_texts(observed, replicas, texts, step.restart))
    if deletions.begins_replacement and not is_stuck and is_changing(observed, settings):
        deletions = PodDeletions()  # a restart for the change goes first, whenever this process ends
    deleted = frozenset(key.name for key in deletions.uids if key.kind == POD)
    if deleted:  # one of those that stay: the others may be all that serve until it is back
        size = max(size, running)
    # A pause freezes weights, also of replicas that were about to be removed.
    surplus = find_surplus(replicas, max(size, running) if is_stuck else size)
    terminating = deleted | out | (frozenset() if observed.pool.spec.paused else surplus)
    return PodStage(size, written, outdated, unhealthy, step, deletions, deleted, terminating, is_stuck)


def is_changing(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether replicas are about to run something else than they do.

    Their configurations are to be written, or the StatefulSet for more than its size, which its controller has to see.
    """
    live = observed.find(STATEFUL_SET, observed.pool.name)
    return live is None or not has_observed_generation(live) or is_writing(observed, settings)


def is_writing(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether what replicas run is about to be written."""
    live = observed.find(STATEFUL_SET, observed.pool.name)
    if live is None or is_config_map_missing(observed):
        return True
    wanted = build_stateful_set(observed.pool, live["spec"]["replicas"], settings, live)
    key = ObjectKey(STATEFUL_SET, observed.pool.namespace, observed.pool.name)
    return needs_apply(observed, key, with_applied_hash(wanted))


def _plan_pods(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    outdated: frozenset[str],
    wanted: int,
    unhealthy: frozenset[int],
    texts: Mapping[str, str],
    now: float,
    *,
    is_blocked: bool,
) -> tuple[RolloutStep, PodDeletions]:
    if observed.pool.spec.paused or observed.misread:
        return RolloutStep(), PodDeletions()
    step = plan_restart(replicas, outdated, wanted, unhealthy, now)
    if step.restart is not None and not observed.may_restart:
        step = RolloutStep(waits_for="other pools: only a few are upgraded at a time")
    is_rolling, restart = bool(outdated), step.restart
    if restart is not None and not is_configuration_written(observed, restart, texts):
        if not is_blocked:
            return step, PodDeletions()  # its configuration is written first
        restart = None  # it cannot be; a replica that is of no use gets its new volume all the same
    return step, plan_deletions(observed, replicas, restart, wanted, now, is_rolling=is_rolling)
