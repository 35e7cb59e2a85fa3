"""The decisions about one pool that its status and its writes follow from, in the order in which they are made.

Each is made once, from the observation and from those before it. Under controller.plan.plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.object_stage import ObjectStage, plan_object_stage
from controller.plan.pod_stage import PodStage, plan_pod_stage
from controller.plan.pool_size import Sizes, choose_sizes
from controller.plan.shard_plan import plan_shards
from controller.replicas.disruptions import Disruptions, compute_disruptions
from controller.replicas.replicas import Replica, read_replicas
from controller.resources.endpoint_slices import list_slices, read_routes
from controller.routing.routing import Routing, route
from controller.shards.shards import ShardPlan
from controller.status.pool_status import are_numbers_due


@dataclass(frozen=True, slots=True)
class Stages:
    """What was decided about a pool.

    Attributes:
        sizes: how many replicas are required, and how many the StatefulSet may have now.
        pods: configurations, and which pods are restarted or deleted.
        routing: the weight and the endpoint of each replica.
        numbers_due: lags and weights that follow lags may be written now, not only changes of class.
        objects: which objects are applied, and which are deleted.
    """

    replicas: Sequence[Replica]
    sizes: Sizes
    shards: ShardPlan
    pods: PodStage
    numbers_due: bool
    routing: Routing
    disruptions: Disruptions
    objects: ObjectStage


def plan_stages(observed: ObservedPool, settings: PlanSettings, now: float) -> Stages:
    """Decide everything but the status."""
    replicas = read_replicas(observed)
    sizes = choose_sizes(observed, replicas)
    shards = plan_shards(observed, replicas, sizes.size)
    pods = plan_pod_stage(observed, replicas, sizes, shards.assignments, settings, now)
    numbers_due, routing = plan_routing(observed, replicas, pods, settings, now)
    disruptions = compute_disruptions(observed, replicas, sizes.wanted, now)
    objects = plan_object_stage(observed, replicas, sizes, pods, routing, disruptions, settings, now)
    return Stages(replicas, sizes, shards, pods, numbers_due, routing, disruptions, objects)


def plan_routing(
    observed: ObservedPool, replicas: Sequence[Replica], pods: PodStage, settings: PlanSettings, now: float
) -> tuple[bool, Routing]:
    """Decide whether lags and weights that follow lags may be written now, and with that where readers go."""
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
    return numbers_due, routing
