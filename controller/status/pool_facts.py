"""The facts that conditions are computed from, and conditions before they get their times. Under status.conditions."""

from dataclasses import dataclass

from controller.routing.routing import RoutingBasis
from controller.shards.shards import ShardProblem
from readpool.pool.condition_types import ConditionType
from readpool.pool.status import ConditionStatus


@dataclass(frozen=True, slots=True)
class DesiredCondition:
    """One condition without its times."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What conditions are made from.

    Attributes:
        wanted: the required number of replicas; `present` and so on are actual numbers.
        is_applying: the template or configuration is being written.
        waits_for, holds: what a rollout, and what a scale-in waits for; empty if it does not wait.
        stalled: reason and message of a problem that requires manual action; None without one.
        troubles: why replicas are not ready, counted; empty if unknown.
        fresh_enough: the required number of fresh replicas; `unknown`: how many are not observed yet.
        silent_since: Unix seconds since when there is no connection to the scaler.
        is_observed: the scaler has reported on the pool at least once.
        autoscaling: the condition Autoscaling.
        shard_problems: None if shardBalancing is disabled.
        lacks_gateway_api: an HTTPRoute is requested, and the Gateway API is not installed.
        refused_scaling, refused_route: what the installation does not allow; empty if nothing.
        has_alerts: whether there is a PrometheusRule; None if alerting is disabled.
        failing: objects whose writes fail, with the API server's message.
        rewrites: fields that another client changes after every apply.
        out_of_service: names of the replicas that are out of service.
        is_misread: the spec is invalid, so routing follows the last valid one.
        snapshots, growth, resources: the conditions Snapshots, VolumeSpace and Resources; None where there is none.
        core_too_old: why Stellar Core cannot follow the network; empty if it can, or if that is unknown.
    """

    wanted: int
    present: int
    ready: int
    outdated: int
    fresh: int
    fresh_enough: int
    serving: int
    basis: RoutingBasis
    autoscaling: DesiredCondition
    unknown: int = 0
    troubles: str = ""
    is_applying: bool = False
    waits_for: str = ""
    holds: str = ""
    stalled: tuple[str, str] | None = None
    is_paused: bool = False
    is_halted: bool = False
    is_observed: bool = True
    silent_since: float | None = None
    has_query_server: bool = True
    shard_problems: tuple[ShardProblem, ...] | None = None
    lacks_gateway_api: bool = False
    refused_scaling: str = ""
    refused_route: str = ""
    has_alerts: bool | None = None
    failing: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    is_misread: bool = False
    out_of_service: tuple[str, ...] = ()
    snapshots: DesiredCondition | None = None
    growth: DesiredCondition | None = None
    resources: DesiredCondition | None = None
    core_too_old: str = ""
