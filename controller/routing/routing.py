"""Which replicas do readers get, with what weight, and on what basis? The plan turns the answer into EndpointSlices.

Classes decide while the scaler can be heard (routing.weights). Otherwise weights stay, then become equal; always
readers have somewhere to go as long as one pod has an address.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from controller.observed.observed import FleetView, ObservedPool, ReplicaView
from controller.observed.scaler_clock import compute_stale_seconds, read_scaler_clock
from controller.replicas.draining import can_serve, leave_out, leave_out_dead
from controller.replicas.replicas import Replica
from controller.resources.endpoint_slices import CurrentEndpoint, Freshness, ReadEndpoint
from controller.resources.read_service import PORT_NAME
from controller.routing.weights import WeighedReplica, WeightSettings, compute_weights, count_enough
from readpool.pool.spec import LoadBalancing, PoolSpec, RoutingMode
from readpool.replica_class import ReplicaClass


class RoutingBasis(StrEnum):
    """What the weights rest on."""

    CLASSES = "Classes"
    """What the scaler says of each replica."""
    NONE_FRESH = "NoneFresh"
    """The same, but no one is fresh: all that answer serve."""
    NONE_REACHABLE = "NoneReachable"
    """The scaler reaches no one: all that the kubelet calls ready serve."""
    EQUAL = "Equal"
    """loadBalancing is not enabled."""
    KEPT = "Kept"
    """The scaler cannot be heard: what was stays."""
    NEUTRAL = "Neutral"
    """It has not been heard for long: all that are ready serve equally."""
    PAUSED = "Paused"
    """spec.paused: what was stays."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Who serves, by what right; `weights` holds every replica that is there, also those with 0.

    `present` are all that have an address, also those that end: a class that empties keeps its last ones.
    """

    basis: RoutingBasis
    weights: Mapping[str, int]
    endpoints: tuple[ReadEndpoint, ...]
    present: tuple[ReadEndpoint, ...] = ()


def route(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    routes: Mapping[str, CurrentEndpoint],
    neutral_after_seconds: float,
    now: float,
    *,
    allow_reweighting: bool = True,
    terminating: AbstractSet[str] = frozenset(),
) -> Routing:
    """Decide the weights of all replicas that are there.

    `routes` are the current ones. Without `allow_reweighting` only a change of class changes a weight, not a change of
    lag. `terminating` are about to be removed, and have none as soon as a replica that stays can serve.
    """
    candidates = leave_out_dead(leave_out([replica for replica in replicas if replica.is_candidate], terminating))
    basis, weights = _weigh(observed, candidates, routes, neutral_after_seconds, now)
    is_known = _are_serving(weights, routes) and _are_reported(observed, candidates) and _are_placed(candidates, routes)
    if basis is RoutingBasis.CLASSES and not allow_reweighting and is_known:
        weights = {name: routes[name].weight if name in routes else 0 for name in weights}
    if candidates and not any(weights.values()):
        basis = _INSTEAD.get(basis, RoutingBasis.NONE_REACHABLE)
        weights = _weigh_available(candidates, routes, observed.pool.spec.load_balancing)
    endpoints = tuple(
        _build_endpoint(replica, weights[replica.name], _label(replica, basis, routes))
        for replica in candidates
        if weights.get(replica.name)
    )
    present = tuple(_build_endpoint(one, 0, _label(one, basis, routes)) for one in replicas if one.address)
    return Routing(basis, {replica.name: weights.get(replica.name, 0) for replica in replicas}, endpoints, present)


_INSTEAD = {
    RoutingBasis.PAUSED: RoutingBasis.PAUSED,
    RoutingBasis.KEPT: RoutingBasis.NEUTRAL,
    RoutingBasis.NEUTRAL: RoutingBasis.NEUTRAL,
}
"""On what basis all serve that are ready, where otherwise no one would."""


def _weigh(
    observed: ObservedPool,
    candidates: Sequence[Replica],
    routes: Mapping[str, CurrentEndpoint],
    neutral_after_seconds: float,
    now: float,
) -> tuple[RoutingBasis, dict[str, int]]:
    balancing, fleet = observed.pool.spec.load_balancing, observed.current_fleet
    if observed.pool.spec.paused:
        return RoutingBasis.PAUSED, _keep(candidates, routes)
    if fleet is None:
        since = observed.fleet_silent_since
        if since is not None and now - since >= neutral_after_seconds:
            return RoutingBasis.NEUTRAL, _weigh_available(candidates, routes, balancing)
        return RoutingBasis.KEPT, _read_last(candidates, routes)
    if not balancing.enabled:
        return RoutingBasis.EQUAL, _weigh_equally(_choose_able(candidates), balancing)
    last = _read_last(candidates, routes)
    weighed = [_to_weighed(replica, last, fleet, now) for replica in candidates]
    weights = compute_weights(weighed, _read_settings(observed.pool.spec))
    is_none_fresh = not any(weights[one.name] for one in weighed if one.counts_as_fresh)
    return (RoutingBasis.NONE_FRESH if is_none_fresh else RoutingBasis.CLASSES), weights


def _read_settings(spec: PoolSpec) -> WeightSettings:
    """Read the pool's weights. A laggard, or who may be one, has none while five sixths of targetReplicas are fresh.

    With FreshOnly a laggard has none while one is.

    A freshNodeWeight of 0 counts as 1: what is fresh is never worse than nothing.
    """
    balancing = spec.load_balancing
    return WeightSettings(
        max(1, balancing.fresh_node_weight),
        0 if balancing.mode is RoutingMode.FRESH_ONLY else balancing.lagging_node_weight,
        enough_fresh=count_enough(spec.target_replicas),
    )


def _weigh_equally(replicas: Iterable[Replica], balancing: LoadBalancing) -> dict[str, int]:
    """Weigh all ready replicas equally; if none is ready, all."""
    known = list(replicas)
    ready = [replica for replica in known if replica.is_ready] or known
    return {replica.name: max(1, balancing.fresh_node_weight) for replica in ready}


def _choose_able(candidates: Sequence[Replica]) -> Sequence[Replica]:
    """Choose who may serve where all that answer serve equally: no newcomer with nothing to read beside one that has.

    By the scaler's word a replica answers, and holds ledgers; then one that claims more than the network can have;
    then any replica that responds, as in a pool that starts empty.
    """
    answering = [one for one in candidates if not one.is_dead and one.replica_class is not ReplicaClass.UNREACHABLE]
    is_foreign = [one.replica_class is ReplicaClass.FOREIGN for one in answering]
    able = [one for one in answering if can_serve(one) or (one.replica_class is ReplicaClass.UNKNOWN and one.is_proven)]
    return able or [one for one, foreign in zip(answering, is_foreign, strict=True) if foreign] or answering


def _weigh_available(
    candidates: Sequence[Replica], routes: Mapping[str, CurrentEndpoint], balancing: LoadBalancing
) -> dict[str, int]:
    """Weigh alike where nothing better is known: those that are ready and known to hold ledgers, before any others."""
    last = _read_last(candidates, routes)
    proven = [one for one in candidates if one.is_ready and (one.is_proven or last.get(one.name))]
    return _weigh_equally(proven or candidates, balancing)


def _keep(candidates: Iterable[Replica], routes: Mapping[str, CurrentEndpoint]) -> dict[str, int]:
    """Keep what was through a pause, also for a pod recreated under an old name, once it is known to hold ledgers."""
    return {
        one.name: routes[one.name].weight
        for one in candidates
        if one.name in routes and (routes[one.name].uid == one.uid or one.is_proven)
    }


def _read_last(replicas: Iterable[Replica], routes: Mapping[str, CurrentEndpoint]) -> dict[str, int]:
    """Read what these very pods have; a pod recreated under an old name has nothing yet."""
    return {r.name: routes[r.name].weight for r in replicas if r.name in routes and routes[r.name].uid == r.uid}


def _to_weighed(replica: Replica, last: Mapping[str, int], fleet: FleetView, now: float) -> WeighedReplica:
    view = replica.view
    return WeighedReplica(
        name=replica.name,
        replica_class=ReplicaClass.UNREACHABLE if replica.is_dead else replica.replica_class,
        lag_ledgers=view.lag_ledgers if view is not None else None,
        last_weight=last.get(replica.name),
        is_stale=view is not None and read_scaler_clock(fleet, now) >= find_stale_time(view, fleet),
        has_ledgers=replica.has_ledgers,
        is_doubted=view is not None and view.is_doubted,
    )


def find_stale_time(view: ReplicaView, fleet: FleetView | None = None) -> float:
    """Find when, by the scaler's clock, three polls will have passed since anything was heard of a replica."""
    return max(view.since, view.observed_at or 0.0) + compute_stale_seconds(fleet)


def _are_serving(weights: Mapping[str, int], routes: Mapping[str, CurrentEndpoint]) -> bool:
    """Return whether the same replicas serve as do already."""
    return {name for name, weight in weights.items() if weight} == routes.keys()


def _are_reported(observed: ObservedPool, candidates: Iterable[Replica]) -> bool:
    """Return whether every class is the one that status tells of already."""
    told = {one.replica_name: one.replica_class for one in observed.pool.status.replica_weights}
    return all(told.get(replica.name) is replica.replica_class for replica in candidates)


def _are_placed(candidates: Iterable[Replica], routes: Mapping[str, CurrentEndpoint]) -> bool:
    """Return whether every endpoint is in a slice of its class: status may be written before slices are."""
    return all(
        routes[replica.name].freshness is _label(replica, RoutingBasis.CLASSES, routes)
        for replica in candidates
        if replica.name in routes
    )


def _label(replica: Replica, basis: RoutingBasis, routes: Mapping[str, CurrentEndpoint]) -> Freshness:
    if basis in (RoutingBasis.NEUTRAL, RoutingBasis.NONE_REACHABLE):
        return Freshness.FRESH
    if basis in (RoutingBasis.PAUSED, RoutingBasis.KEPT) or replica.replica_class is ReplicaClass.UNKNOWN:
        return routes[replica.name].freshness if replica.name in routes else Freshness.FRESH
    return Freshness.FRESH if replica.is_fresh else Freshness.LAGGING


def _build_endpoint(replica: Replica, weight: int, freshness: Freshness) -> ReadEndpoint:
    return ReadEndpoint(
        replica.name,
        replica.uid,
        replica.address,
        freshness,
        weight,
        node=replica.node,
        zone=replica.zone,
        port=replica.ports.get(PORT_NAME),
        other_address=replica.other_address,
    )
