"""Who gets readers, on what basis: classes while the scaler is heard, then what was, then all equally."""

from dataclasses import replace
from typing import Any

import pytest

from controller.observed.observed import FleetView, ObservedPool
from controller.replicas.replicas import read_replicas
from controller.resources.endpoint_slices import CurrentEndpoint, Freshness
from controller.routing.routing import Routing, RoutingBasis, find_stale_time, route
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import (
    CATCHING_UP,
    FOREIGN,
    FRESH,
    LAGGING,
    NOW,
    UNKNOWN,
    UNREACHABLE,
    build_fleet,
    build_pod,
    build_pool,
    build_view,
    observe,
)

NEUTRAL_AFTER = 300.0
WEIGHED: dict[str, Any] = {"loadBalancing": {"enabled": True}}
FRESH_ONLY: dict[str, Any] = {"loadBalancing": {"enabled": True, "mode": "FreshOnly"}}


def decide(observed: ObservedPool, routes: dict[str, CurrentEndpoint] | None = None, **fields: Any) -> Routing:
    return route(observed, read_replicas(observed), routes or {}, NEUTRAL_AFTER, NOW, **fields)


def had(ordinal: int, weight: int, uid: str = "", freshness: Freshness = Freshness.FRESH) -> dict[str, CurrentEndpoint]:
    return {f"pool-{ordinal}": CurrentEndpoint(uid or f"uid-of-pool-{ordinal}", weight, freshness)}


def list_weights(routing: Routing) -> list[int]:
    return list(routing.weights.values())


TABLE: dict[str, tuple[dict[str, Any], list[ReplicaClass], list[int], RoutingBasis]] = {
    "weights follow freshness": (WEIGHED, [FRESH, LAGGING, CATCHING_UP], [100, 10, 0], RoutingBasis.CLASSES),
    "laggards are left out while as many as there are to be are fresh": (
        WEIGHED | {"minReplicas": 1, "targetReplicas": 2},
        [FRESH, FRESH, LAGGING],
        [100, 100, 0],
        RoutingBasis.CLASSES,
    ),
    "FreshOnly leaves laggards out while one is fresh": (FRESH_ONLY, [FRESH, LAGGING], [100, 0], RoutingBasis.CLASSES),
    "FreshOnly serves by laggards where nobody is": (
        FRESH_ONLY,
        [LAGGING, CATCHING_UP],
        [1, 1],
        RoutingBasis.NONE_FRESH,
    ),
    "nobody fresh": (WEIGHED, [LAGGING, UNREACHABLE], [10, 0], RoutingBasis.NONE_FRESH),
    "nobody answers the scaler": (WEIGHED, [UNREACHABLE, UNREACHABLE], [100, 100], RoutingBasis.NONE_REACHABLE),
    "one that claims more ledgers than there are serves before nobody does": (
        WEIGHED,
        [FOREIGN, UNREACHABLE],
        [10, 0],
        RoutingBasis.NONE_FRESH,
    ),
    "and not beside one that lags": (WEIGHED, [FOREIGN, LAGGING], [0, 10], RoutingBasis.NONE_FRESH),
    "nor where all serve alike": ({}, [FOREIGN, CATCHING_UP], [0, 100], RoutingBasis.EQUAL),
    "where all serve alike, before nobody does": ({}, [FOREIGN, UNREACHABLE], [100, 0], RoutingBasis.EQUAL),
    "not enabled: all that answer, alike": ({}, [FRESH, LAGGING, UNREACHABLE], [100, 100, 0], RoutingBasis.EQUAL),
    "not enabled, and nobody answers": ({}, [UNREACHABLE], [100], RoutingBasis.NONE_REACHABLE),
    "no weight for anyone is still one for the fresh": (
        {"loadBalancing": {"enabled": True, "freshNodeWeight": 0, "laggingNodeWeight": 0}},
        [FRESH, LAGGING],
        [1, 0],
        RoutingBasis.CLASSES,
    ),
    "a pool without replicas": (WEIGHED, [], [], RoutingBasis.NONE_FRESH),
}


@pytest.mark.parametrize(("spec", "classes", "weights", "basis"), TABLE.values(), ids=TABLE.keys())
def test_readers_are_sent(
    spec: dict[str, Any], classes: list[ReplicaClass], weights: list[int], basis: RoutingBasis
) -> None:
    routing = decide(observe(build_pool(**spec), *classes))
    assert (list_weights(routing), routing.basis) == (weights, basis)


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        pytest.param([FRESH, LAGGING], [Freshness.FRESH, Freshness.LAGGING], id="as the scaler says"),
        pytest.param(
            [LAGGING, CATCHING_UP], [Freshness.LAGGING, Freshness.LAGGING], id="lagging where nobody is fresh"
        ),
        pytest.param([UNREACHABLE, UNREACHABLE], [Freshness.FRESH, Freshness.FRESH], id="fresh where nothing is known"),
    ],
)
def test_endpoints_are_called_fresh_or_lagging(classes: list[ReplicaClass], labels: list[Freshness]) -> None:
    routing = decide(observe(build_pool(**WEIGHED), *classes))
    assert [endpoint.freshness for endpoint in routing.endpoints] == labels


def test_all_alike_means_all_that_are_ready_and_where_none_is_all() -> None:
    pool = build_pool()
    pods = tuple(build_pod(pool, ordinal, is_ready=ordinal == 1) for ordinal in range(2))
    assert list_weights(decide(observe(pool, FRESH, FRESH, pods=pods))) == [0, 100]
    pods = tuple(build_pod(pool, ordinal, is_ready=False) for ordinal in range(2))
    assert list_weights(decide(observe(pool, FRESH, FRESH, pods=pods))) == [100, 100]


def test_whoever_is_going_or_has_no_address_yet_gets_nothing() -> None:
    pool = build_pool(**WEIGHED)
    pods = (build_pod(pool, 0, is_going=True), build_pod(pool, 1, address=""), build_pod(pool, 2))
    routing = decide(observe(pool, FRESH, FRESH, LAGGING, pods=pods))
    assert list_weights(routing) == [0, 0, 10]
    assert [endpoint.pod for endpoint in routing.endpoints] == ["pool-2"]


SILENT = {
    "not heard yet, as after our start": (None, None, [7, 0], RoutingBasis.KEPT),
    "silent": (NOW - 200, None, [7, 0], RoutingBasis.KEPT),
    "silent, with a last word": (NOW - 200, FRESH, [7, 0], RoutingBasis.KEPT),
    "silent for long": (NOW - NEUTRAL_AFTER, FRESH, [100, 100], RoutingBasis.NEUTRAL),
}


@pytest.mark.parametrize(("since", "last", "weights", "basis"), SILENT.values(), ids=SILENT.keys())
def test_while_the_scaler_is_silent_weights_stay_and_then_turn_neutral(
    since: float | None, last: ReplicaClass | None, weights: list[int], basis: RoutingBasis
) -> None:
    pool = build_pool(**WEIGHED)
    fleet = build_fleet(pool, last, last) if last is not None else None
    observed = observe(pool, FRESH, FRESH, fleet=fleet, fleet_silent_since=since)
    routing = decide(observed, had(0, 7, freshness=Freshness.LAGGING) | had(1, 9, uid="another"))
    assert (list_weights(routing), routing.basis) == (weights, basis)
    if basis is RoutingBasis.KEPT:
        assert routing.endpoints[0].freshness is Freshness.LAGGING


def test_a_silent_scaler_leaves_nobody_without_replicas() -> None:
    observed = observe(build_pool(**WEIGHED), FRESH, FRESH, fleet=None)
    routing = decide(observed, had(0, 7, uid="gone"))
    assert (list_weights(routing), routing.basis) == ([100, 100], RoutingBasis.NEUTRAL)


def test_a_pause_keeps_weights_even_of_a_pod_made_anew_and_gives_newcomers_none() -> None:
    observed = observe(build_pool(paused=True, **WEIGHED), LAGGING, FRESH, FRESH)
    routing = decide(observed, had(0, 100, uid="before") | had(1, 10, freshness=Freshness.LAGGING))
    assert (list_weights(routing), routing.basis) == ([100, 10, 0], RoutingBasis.PAUSED)
    assert [endpoint.freshness for endpoint in routing.endpoints] == [Freshness.FRESH, Freshness.LAGGING]
    assert routing.endpoints[0].uid == "uid-of-pool-0"


def test_a_pause_of_which_nobody_is_left_serves_by_whoever_is_there() -> None:
    routing = decide(observe(build_pool(paused=True, **WEIGHED), FRESH), had(5, 100))
    assert (list_weights(routing), routing.basis) == ([100], RoutingBasis.PAUSED)


def look_at_unknown(seconds_ago: float, routes: dict[str, CurrentEndpoint]) -> Routing:
    pool = build_pool(**WEIGHED)
    unknown = build_view(pool, 1, UNKNOWN, since=NOW - seconds_ago, observed_at=None)
    fleet = build_fleet(pool, FRESH)
    fleet = replace(fleet, replicas=(*fleet.replicas, unknown))
    return decide(observe(pool, FRESH, UNKNOWN, fleet=fleet), routes)


@pytest.mark.parametrize(
    ("seconds_ago", "routes", "weight"),
    [
        pytest.param(1, had(1, 10), 10, id="keeps what it had"),
        pytest.param(1, had(1, 10, uid="before"), 0, id="a pod made anew has had nothing"),
        pytest.param(1, {}, 0, id="a newcomer as well"),
        pytest.param(15, had(1, 10), 100, id="counts as fresh when three polls have passed"),
        pytest.param(15, {}, 0, id="but no newcomer that nobody has ever heard"),
    ],
)
def test_a_replica_that_is_not_observed(seconds_ago: float, routes: dict[str, CurrentEndpoint], weight: int) -> None:
    assert look_at_unknown(seconds_ago, routes).weights["pool-1"] == weight


def test_what_is_not_observed_is_stale_three_polls_after_anything_was_heard() -> None:
    view = build_view(build_pool(), 0, UNKNOWN, since=100.0, observed_at=None)
    assert find_stale_time(view) == 115
    assert find_stale_time(replace(view, observed_at=120.0)) == 135
    assert find_stale_time(view, FleetView(at=0.0, poll_interval_seconds=30.0)) == 190


def lags(*lags_ledgers: int) -> Any:
    pool = build_pool(loadBalancing={"enabled": True})
    classes = [FRESH, FRESH, LAGGING, LAGGING]
    views = [
        build_view(pool, ordinal, replica_class, lag_ledgers=lag)
        for ordinal, (replica_class, lag) in enumerate(zip(classes, lags_ledgers, strict=True))
    ]
    rows = [{"replicaName": view.name, "weight": 1, "replicaClass": str(view.replica_class)} for view in views]
    pool = replace(pool, status=type(pool.status).model_validate({"replicaWeights": rows}))
    return observe(pool, *classes, fleet=replace(build_fleet(pool), replicas=tuple(views)))


def test_the_lag_of_the_day_changes_no_weight() -> None:
    before = decide(lags(0, 1, 2000, 3000))
    routes = {one.pod: CurrentEndpoint(one.uid, one.weight, one.freshness) for one in before.endpoints}
    assert decide(lags(1, 0, 3000, 2000), routes, allow_reweighting=True).weights == before.weights


def test_a_change_of_class_or_of_who_serves_shifts_weights_before_an_update_is_due() -> None:
    seen = lags(0, 1, 2000, 3000)
    routes = {one.pod: CurrentEndpoint(one.uid, one.weight, one.freshness) for one in decide(seen).endpoints}
    first = {one.pod: CurrentEndpoint(one.uid, 1, one.freshness) for one in decide(seen).endpoints}
    assert decide(seen, first, allow_reweighting=False).weights == dict.fromkeys(routes, 1)
    told = [row.model_copy(update={"replica_class": LAGGING}) for row in seen.pool.status.replica_weights]
    status = seen.pool.status.model_copy(update={"replica_weights": tuple(told)})
    changed = replace(seen, pool=replace(seen.pool, status=status))
    assert decide(changed, first, allow_reweighting=False).weights == decide(seen).weights
    del first["pool-3"]
    assert decide(seen, first, allow_reweighting=False).weights == decide(seen).weights
