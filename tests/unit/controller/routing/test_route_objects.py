"""What an HTTPRoute adds to a pool: what is written when, so that no reader falls between two writes."""

from dataclasses import replace
from typing import Any

import pytest

from controller.plan.plan import Plan, plan_pool
from readpool.kubernetes.kinds import PROMETHEUS_RULE, SCALED_OBJECT, SERVICE, ObjectKey
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import CATCHING_UP, EVERYTHING, FRESH, LAGGING
from tests.unit.pool_routes import HTTP_ROUTE_KEY, read_backends
from tests.unit.pool_world import PoolWorld, name_deleted, name_writes

ROUTED: dict[str, Any] = {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}}
OBJECTS = {"HTTPRoute pool", "Service pool-fresh", "Service pool-lagging"}


def begin(*classes: ReplicaClass) -> PoolWorld:
    return PoolWorld.begin(*classes, **ROUTED)


def name_route_writes(plans: list[Plan]) -> list[list[str]]:
    """Name what was done to the route and to the slices of its Services, plan by plan."""
    mark = ("HTTPRoute", "pool-fresh-fresh", "pool-lagging-lagging")
    named = [name_writes(plan) + [f"no {name}" for name in name_deleted(plan)] for plan in plans]
    return [found for plan in named if (found := [name for name in plan if any(one in name for one in mark)])]


def read_members(world: PoolWorld) -> dict[str, tuple[int, list[str]]]:
    return {name: (weight, sorted(there)) for name, (weight, there) in read_backends(world).items()}


ROUTE = "HTTPRoute pool"
F, L = "EndpointSlice pool-fresh-fresh-0", "EndpointSlice pool-lagging-lagging-0"


@pytest.mark.parametrize(
    ("before", "after", "written", "weights"),
    [
        pytest.param([FRESH] * 3, [FRESH, FRESH, LAGGING], [[L, ROUTE, F]], (200, 10), id="the first that lags"),
        pytest.param([FRESH, LAGGING, LAGGING], [FRESH] * 3, [[F, ROUTE]], (300, 0), id="all recover"),
        pytest.param([FRESH, FRESH, LAGGING], [FRESH] * 3, [[F, ROUTE]], (300, 0), id="the last recovers"),
        pytest.param([FRESH] * 3, [LAGGING] * 3, [[L, ROUTE]], (0, 30), id="all lag at once"),
        pytest.param(
            [FRESH, LAGGING, LAGGING], [LAGGING, FRESH, LAGGING], [[F, L], [F, L]], (100, 20), id="two change places"
        ),
        pytest.param([FRESH] * 3, [FRESH, FRESH, CATCHING_UP], [[F, ROUTE]], (200, 0), id="one starts anew"),
    ],
)
def test_whoever_changes_its_class_arrives_before_it_leaves(
    before: list[ReplicaClass], after: list[ReplicaClass], written: list[list[str]], weights: tuple[int, int]
) -> None:
    world = begin(*before)
    world.say(*after)
    assert name_route_writes(world.rest()) == written
    assert tuple(weight for weight, _ in read_members(world).values()) == weights


def test_a_class_that_empties_keeps_its_last_living_members_until_it_has_others() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    world.say(LAGGING, LAGGING, LAGGING)
    world.rest()
    assert read_members(world)["pool-fresh"] == (0, ["pool-0", "pool-1"])
    world.pods["pool-0"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"  # it answers on while it drains
    world.rest()
    assert read_members(world)["pool-fresh"] == (0, ["pool-0", "pool-1"])
    del world.pods["pool-0"]
    world.rest()
    assert read_members(world)["pool-fresh"] == (0, ["pool-1"])
    world.say(LAGGING, LAGGING, FRESH)
    assert name_route_writes(world.rest()) == [[F, ROUTE, L]]
    assert read_members(world) == {"pool-fresh": (100, ["pool-2"]), "pool-lagging": (10, ["pool-1"])}


def test_who_stayed_at_no_weight_is_gone_from_a_class_before_the_route_sends_readers_there_again() -> None:
    world = begin(FRESH, FRESH, FRESH)
    world.say(LAGGING, LAGGING, LAGGING)
    world.rest()
    world.say(FRESH, LAGGING, LAGGING)
    assert name_route_writes([world.plan()]) == [[F, ROUTE, L]]
    world.rest()
    assert read_members(world) == {"pool-fresh": (100, ["pool-0"]), "pool-lagging": (20, ["pool-1", "pool-2"])}


def test_a_pool_at_rest_has_a_service_a_class_and_the_route() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    assert read_members(world) == {"pool-fresh": (200, ["pool-0", "pool-1"]), "pool-lagging": (10, ["pool-2"])}
    made = {f"{key.kind.name} {key.name}": one["metadata"] for key, one in world.objects.items()}
    assert made.keys() >= OBJECTS
    for name in OBJECTS:
        assert made[name]["labels"]["stellar.org/pool"] == "pool"
        assert [owner["uid"] for owner in made[name]["ownerReferences"]] == [world.pool["metadata"]["uid"]]


def test_twenty_changes_of_class_write_at_most_two_slices_each_of_the_route_and_lag_writes_none() -> None:
    world = begin(FRESH, FRESH, FRESH)
    written = 0
    for turn in range(20):
        world.now += 5
        world.say(FRESH, FRESH, LAGGING if turn % 2 == 0 else FRESH)
        found = [name for plan in name_route_writes(world.rest()) for name in plan]
        assert found.count(ROUTE) == 1
        written += len(found) - 1
    assert written <= 40
    world.now += 60
    world.say(FRESH, FRESH, FRESH, tip_ledger=56_000_000)
    assert name_route_writes(world.rest()) == []


def test_another_weight_writes_the_route_and_moves_nobody() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    world.change(loadBalancing=ROUTED["loadBalancing"] | {"laggingNodeWeight": 50})
    assert name_route_writes(world.rest()) == [[ROUTE]]
    assert read_members(world)["pool-lagging"][0] == 50


def test_what_is_no_longer_asked_for_goes_the_route_first() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    world.change(loadBalancing={"enabled": True})
    (plan, *_) = world.rest()
    assert name_deleted(plan) == [ROUTE, F, L, "Service pool-fresh", "Service pool-lagging"]
    assert read_backends(world) == {}
    assert len(world.read_endpoints()) == 3


def test_a_cluster_without_the_kind_is_said_and_the_route_made_once_it_comes() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    world.optional_kinds = frozenset({SCALED_OBJECT, PROMETHEUS_RULE})
    del world.objects[HTTP_ROUTE_KEY]  # as all objects of a kind go with its definition
    plan = world.rest()[0]
    assert read_backends(world) == {}
    assert world.read_condition("Routing") == ("False", "GatewayApiMissing")
    assert [event.reason for event in plan.events] == ["GatewayApiMissing"]
    assert name_deleted(plan) == []  # it may only seem so, and the route live on
    assert len(world.read_endpoints()) == 3
    world.say(LAGGING, LAGGING, LAGGING)
    world.rest()
    assert world.read_condition("Routing") == ("False", "NoneFresh")
    routing = next(one for one in world.status["conditions"] if one["type"] == "Routing")
    assert "the Gateway API is not installed" in routing["message"]
    world.say(FRESH, FRESH, LAGGING)
    world.optional_kinds = EVERYTHING
    world.rest()
    assert world.read_condition("Routing") == ("True", "WeightedByFreshness")
    assert read_members(world) == {"pool-fresh": (200, ["pool-0", "pool-1"]), "pool-lagging": (10, ["pool-2"])}


def test_a_cluster_that_never_had_the_kind_gets_no_services_for_it() -> None:
    world = PoolWorld.make(**ROUTED)
    world.optional_kinds = frozenset({SCALED_OBJECT, PROMETHEUS_RULE})
    world.rest()
    assert {key.name for key in world.objects if key.kind == SERVICE} == {"pool", "pool-nodes"}
    assert world.read_condition("Routing")[0] == "False"


def test_nothing_goes_behind_a_service_of_somebody_elses() -> None:
    world = begin(FRESH, FRESH, LAGGING)
    taken = ObjectKey(SERVICE, "default", "pool-lagging")
    del world.objects[taken]
    observed = replace(world.observe(), name_conflicts=frozenset({taken}))
    plan = plan_pool(observed, world.settings, world.now)
    assert name_writes(plan) == []
    assert name_deleted(plan) == [ROUTE, F, L, "Service pool-fresh"]
    stalled = next(one for one in plan.status["conditions"] if one["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "NameTaken")
    assert "Service pool-lagging already exists and is not owned by this pool." in stalled["message"]


def test_hostnames_that_a_user_adds_to_the_route_are_left_alone() -> None:
    world = begin(FRESH, LAGGING)
    theirs = world.objects[HTTP_ROUTE_KEY]
    theirs["spec"]["hostnames"] = ["reads.example.com"]
    assert world.plan().is_empty
