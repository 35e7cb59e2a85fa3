"""What becomes of a pool before a workload that it does not own? Its stages of plan_pool: no pods, few objects.

Nothing here writes the workload or its pods. Its size is its own, or KEDA's by the pool's ScaledObject.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from controller.observed import reasons
from controller.observed.drift import with_applied_hash
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.configurations import Configurations
from controller.plan.growth_plan import GrowthPlan
from controller.plan.object_stage import ObjectStage
from controller.plan.plan_objects import find_unwanted, needs_apply
from controller.plan.pod_plan import PodDeletions
from controller.plan.pod_stage import PodStage
from controller.plan.pool_size import Sizes
from controller.plan.rollout import RolloutStep
from controller.plan.snapshot_plan import SnapshotPlan
from controller.plan.stages import Stages, plan_routing
from controller.replicas.disruptions import Disruptions
from controller.replicas.draining import find_surplus
from controller.replicas.replicas import Replica, list_out_of_service, read_replicas
from controller.resources.endpoint_slices import build_endpoint_slices, list_slices
from controller.resources.nodes_service import PROBE_PORT_NAME, build_unselecting_nodes_service
from controller.resources.nodes_slices import NodeEndpoint, build_nodes_slices
from controller.resources.prometheus_rule import build_prometheus_rule
from controller.resources.read_service import build_read_service
from controller.resources.scaled_object import build_scaled_object
from controller.routing.route_objects import build_route_objects
from controller.routing.routing import Routing
from controller.shards.shards import ShardPlan
from controller.status.autoscaling import is_scaled_by_us
from controller.status.conditions import DesiredCondition, merge_conditions
from controller.status.workload_facts import find_workload_problem
from readpool.kubernetes.kinds import PROMETHEUS_RULE, SERVICE, ObjectKey, key_of, kind_of
from readpool.pool.condition_types import ConditionType
from readpool.pool.spec import WorkloadKind
from readpool.pool.status import Condition, ConditionStatus, PoolStatus

_UNSTATED_PORT = 1
"""Of the Service NAME-nodes where the probe's port is a name: each slice says its number, and DNS tells that."""


def adapt_to_workload(observed: ObservedPool) -> ObservedPool:
    """Adapt a pool to its workload, if it stands before one.

    Without that workload there are no pods. Unless KEDA scales it to reach targetReplicas, as many replicas are enough
    as it has.
    """
    view, spec = observed.workload, observed.pool.spec
    if view is None:
        return observed
    if not view.is_ours:
        return replace(observed, pods=())
    if is_scaled_by_us(observed):
        return observed
    enough = min(spec.target_replicas, max(1, view.replicas))
    return replace(observed, pool=replace(observed.pool, spec=spec.model_copy(update={"target_replicas": enough})))


def report_unseen(observed: ObservedPool, now: float) -> PoolStatus:
    """Report that the workload cannot be seen, and leave all else as it was; nothing while it may be seen soon."""
    status, problem = observed.pool.status, find_workload_problem(observed)
    if problem is None or problem[0] != reasons.WORKLOAD_NOT_VISIBLE:
        return status
    desired = (
        DesiredCondition(ConditionType.RECONCILING, ConditionStatus.FALSE, reasons.STALLED, "See condition Stalled"),
        DesiredCondition(ConditionType.STALLED, ConditionStatus.TRUE, *problem),
    )
    merged = merge_conditions(desired, status.conditions, observed.pool.generation, now)
    return status.model_copy(update={"conditions": _put_in(status.conditions, merged)})


def _put_in(last: Iterable[Condition], merged: Sequence[Condition]) -> tuple[Condition, ...]:
    known = {one.type: one for one in merged}
    kept = [known.pop(one.type, one) for one in last]
    return (*kept, *known.values())


def plan_workload_stages(observed: ObservedPool, settings: PlanSettings, now: float) -> Stages:
    """Decide everything but the status for a pool before a workload."""
    replicas = read_replicas(observed)
    sizes = _choose_sizes(observed)
    pods = _plan_pods(observed, replicas, sizes.size)
    numbers_due, routing = plan_routing(observed, replicas, pods, settings, now)
    objects = _plan_objects(observed, replicas, routing, settings)
    return Stages(replicas, sizes, ShardPlan({}), pods, numbers_due, routing, Disruptions(), objects)


def _choose_sizes(observed: ObservedPool) -> Sizes:
    """Choose the sizes: those that the workload has."""
    view = observed.workload
    size = view.replicas if view is not None and view.is_ours else 0
    return Sizes(size, None, size, size)


def _plan_pods(observed: ObservedPool, replicas: Sequence[Replica], size: int) -> PodStage:
    """Plan who loses readers: who is out of service, and those of a StatefulSet that its new size ends."""
    spec = observed.pool.spec
    going = frozenset(one.name for one in list_out_of_service(replicas))
    if spec.workload_ref is not None and spec.workload_ref.kind is WorkloadKind.STATEFUL_SET and not spec.paused:
        going |= find_surplus(replicas, size)
    nothing: frozenset[Any] = frozenset()
    return PodStage(
        size, Configurations(), nothing, nothing, RolloutStep(), PodDeletions(), nothing, going, is_stuck=False
    )


def _plan_objects(
    observed: ObservedPool, replicas: Sequence[Replica], routing: Routing, settings: PlanSettings
) -> ObjectStage:
    """Plan the objects: Services, slices, the route, the ScaledObject, alerts."""
    built = _build_objects(observed, replicas, routing, settings)
    wanted = {key_of(kind_of(manifest), manifest): with_applied_hash(manifest) for manifest in built}
    apply = tuple(
        manifest
        for key, manifest in wanted.items()
        if key not in observed.name_conflicts and needs_apply(observed, key, manifest)
    )
    return ObjectStage(wanted, apply, tuple(find_unwanted(observed, wanted)), {}, SnapshotPlan(), GrowthPlan())


def _build_objects(
    observed: ObservedPool, replicas: Sequence[Replica], routing: Routing, settings: PlanSettings
) -> list[dict[str, Any]]:
    pool, probe = observed.pool, observed.pool.spec.probe
    port = int(probe.port) if probe is not None and probe.port.isdigit() else _UNSTATED_PORT
    services = [build_unselecting_nodes_service(pool, port), build_read_service(pool)]
    built = list(services)
    nodes, read = (ObjectKey(SERVICE, pool.namespace, service["metadata"]["name"]) for service in services)
    if nodes not in observed.name_conflicts:
        built += build_nodes_slices(pool, _list_nodes(replicas))
    if read not in observed.name_conflicts:
        live = list_slices(observed.children, pool.name)
        built += build_endpoint_slices(pool, pool.name, port, routing.endpoints, live)
        built += build_route_objects(observed, port, routing.endpoints, routing.present)
    if is_scaled_by_us(observed):
        built.append(build_scaled_object(pool, settings))
    if pool.spec.alerting and PROMETHEUS_RULE in observed.optional_kinds:
        built.append(build_prometheus_rule(pool, settings))
    return built


def _list_nodes(replicas: Sequence[Replica]) -> list[NodeEndpoint]:
    """List the pods that the scaler is to ask: including those without readers, but not those that terminate."""
    return [
        NodeEndpoint(one.name, one.uid, one.pod_address, one.ports[PROBE_PORT_NAME], one.node)
        for one in replicas
        if one.pod_address and PROBE_PORT_NAME in one.ports and not one.is_terminating
    ]
