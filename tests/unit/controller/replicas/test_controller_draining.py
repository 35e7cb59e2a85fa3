"""Whoever goes loses its readers before it is told to end; and nobody goes while nobody else can serve."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.labels import parse_ordinal
from controller.plan.plan import plan_pool
from controller.replicas.draining import choose_size, find_surplus, leave_out
from controller.replicas.replicas import Replica, read_replicas
from readpool.replica_class import ReplicaClass
from tests.unit.drawn_worlds import few, list_alive, worlds
from tests.unit.observed_pools import (
    CATCHING_UP,
    FOREIGN,
    FRESH,
    LAGGING,
    UNKNOWN,
    UNREACHABLE,
    build_fleet,
    build_pod,
    build_pool,
    observe,
)
from tests.unit.pool_routes import HTTP_ROUTE_KEY, read_addresses, read_backends
from tests.unit.pool_world import STATEFUL_SET_KEY, WEIGHED, PoolWorld, name_deleted, name_writes

ROUTED = {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}}


def look(*classes: ReplicaClass, unready: Sequence[int] = (), ledger: int = 1000) -> tuple[Replica, ...]:
    pool = build_pool()
    pods = tuple(build_pod(pool, ordinal, is_ready=ordinal not in unready) for ordinal in range(len(classes)))
    fleet = build_fleet(pool, *classes)
    views = tuple(replace(view, ledger=ledger) for view in fleet.replicas)
    return read_replicas(observe(pool, *classes, pods=pods, fleet=replace(fleet, replicas=views)))


STAYING = {
    "one that is fresh": (look(FRESH, FRESH), True),
    "one that lags": (look(LAGGING, FRESH), True),
    "one that catches up has old ledgers": (look(CATCHING_UP, FRESH), True),
    "one without a ledger has nothing to read": (look(CATCHING_UP, FRESH, ledger=1), False),
    "one that the scaler cannot reach": (look(UNREACHABLE, FRESH), False),
    "one of another network": (look(FOREIGN, FRESH), False),
    "an unknown one that is ready": (look(UNKNOWN, FRESH), True),
    "an unknown one that is not ready": (look(UNKNOWN, FRESH, unready=[0]), False),
}


@pytest.mark.parametrize(("replicas", "serves"), STAYING.values(), ids=STAYING.keys())
def test_whoever_goes_is_left_out_and_goes_once_one_that_stays_can_serve(
    replicas: tuple[Replica, ...], serves: bool
) -> None:
    left = leave_out(replicas, find_surplus(replicas, 1))
    assert [one.name for one in left] == (["pool-0"] if serves else ["pool-0", "pool-1"])
    assert choose_size(replicas, wanted=1, running=2) == (1 if serves else 2)


SIZES = {
    "a new pool": (look(), None, 3),
    "growing": (look(UNREACHABLE, FRESH), 2, 3),
    "where nobody can serve, nothing is gained by waiting": (look(*[UNREACHABLE] * 4), 4, 3),
    "the last fresh one goes only where no other is expected to be fresh":  # nobody says so here
    (look(LAGGING, LAGGING, LAGGING, FRESH), 4, 3),
    "those that go serve still": (look(UNREACHABLE, UNREACHABLE, UNREACHABLE, LAGGING), 4, 4),
}


@pytest.mark.parametrize(("replicas", "running", "size"), SIZES.values(), ids=SIZES.keys())
def test_a_pool_that_wants_three_has(replicas: tuple[Replica, ...], running: int | None, size: int) -> None:
    assert choose_size(replicas, wanted=3, running=running) == size


def name_all(world: PoolWorld) -> list[str]:
    """Carry out one plan; name its writes in their order."""
    plan = world.step()
    shrunk = [f"{one['kind']} {one['metadata']['name']}" for one in plan.shrink]
    applied = name_writes(plan)[: len(plan.apply)]
    return [*applied, *(f"delete {name}" for name in name_deleted(plan)), *shrunk]


def test_a_pool_gets_smaller_when_those_that_go_are_in_no_slice() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, LAGGING, **WEIGHED)
    world.change(replicas=2)
    written = name_all(world)
    assert written == [
        "EndpointSlice pool-fresh-0",
        "ConfigMap pool-config",
        "delete EndpointSlice pool-lagging-0",
        "StatefulSet pool",
    ]
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}


def test_backends_of_a_route_lose_whoever_goes_before_the_pool_gets_smaller() -> None:
    world = PoolWorld.begin(FRESH, FRESH, LAGGING, **ROUTED)
    world.change(replicas=2)
    written = name_all(world)
    assert written.index("HTTPRoute pool") < written.index("StatefulSet pool")
    assert read_backends(world)["pool-lagging"][0] == 0
    assert read_addresses(world, "pool-lagging").keys() == {"pool-2"}  # until its pod is gone
    world.settle()
    world.rest()
    assert read_addresses(world, "pool-lagging") == {}


def test_a_restarted_replica_is_in_no_slice_when_its_pod_is_deleted() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    world.change(version="v23.0.0")
    world.step()
    world.see_stateful_set()
    assert name_all(world) == ["EndpointSlice pool-fresh-0", "delete Pod pool-2"]
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}


def test_the_only_replica_serves_until_its_pod_is_deleted() -> None:
    world = PoolWorld.begin(FRESH, **WEIGHED)
    world.change(version="v23.0.0")
    world.step()
    world.see_stateful_set()
    assert name_all(world) == ["delete Pod pool-0"]
    assert world.read_endpoints().keys() == {"pool-0"}


def test_a_pool_stays_large_until_one_that_stays_can_serve() -> None:
    world = PoolWorld.begin(UNREACHABLE, FRESH, FRESH, **WEIGHED)
    before = world.read_endpoints()
    world.change(replicas=1)
    world.rest()
    assert world.read_endpoints() == before
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 3
    assert world.read_condition("Reconciling") == ("True", "Scaling")
    world.now += 5
    world.say(LAGGING, FRESH, FRESH, is_halted=True)  # nobody is expected to be fresh again
    assert name_all(world)[-1] == "StatefulSet pool"
    assert {pod: weight for pod, (_, weight) in world.read_endpoints().items()} == {"pool-0": 10}


@pytest.mark.parametrize("staying", [LAGGING, CATCHING_UP])
def test_the_last_fresh_replica_is_kept_until_one_that_stays_is_fresh(staying: ReplicaClass) -> None:
    world = PoolWorld.begin(staying, FRESH, **WEIGHED)
    before = world.read_endpoints()
    world.change(replicas=1)
    world.rest()
    assert world.read_endpoints() == before
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 2
    told = next(one for one in world.status["conditions"] if one["type"] == "Reconciling")
    assert told["message"] == "2 replicas exist; 1 required; waiting for a fresh replica among those that remain"
    world.say(FRESH, FRESH)
    assert name_all(world)[-1] == "StatefulSet pool"
    assert world.read_endpoints().keys() == {"pool-0"}


def test_a_pool_that_is_to_be_of_one_and_anew_restarts_that_one_while_the_others_serve() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    world.change(version="v23.0.0")
    world.step()
    world.see_stateful_set()
    world.change(replicas=1)
    assert "delete Pod pool-0" in name_all(world)
    world.rest()
    assert world.read_endpoints().keys() == {"pool-1"}
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 2
    world.settle()
    world.say(FRESH, FRESH)
    assert name_all(world)[-1] == "StatefulSet pool"
    assert world.read_endpoints().keys() == {"pool-0"}


def test_a_scale_in_that_is_taken_back_moves_nobody_who_stays() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, FRESH, **WEIGHED)
    before = world.read_endpoints()
    for _ in range(3):
        world.now += 1
        world.change(replicas=2)
        world.step()
        assert world.read_endpoints() == {pod: one for pod, one in before.items() if pod != "pool-2"}
        world.now += 1
        world.change(replicas=3)
        assert name_writes(world.step())[0] == "EndpointSlice pool-fresh-0"
        assert world.read_endpoints() == before


def test_nobody_loses_readers_by_a_scale_in_that_cannot_be_written() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    before = world.read_endpoints()
    world.change(replicas=2, coreConfigOverride="HTTP_PORT = 1\n")
    world.rest()
    assert world.read_condition("Stalled")[0] == "True"
    assert world.read_endpoints() == before
    world.change(coreConfigOverride="")
    refused = replace(world.observe(), refused={STATEFUL_SET_KEY: "no"})
    plan = plan_pool(refused, world.settings, world.now)
    assert [one["kind"] for one in plan.shrink] == ["StatefulSet"]
    assert "EndpointSlice" not in {one["kind"] for one in plan.apply}
    assert name_all(world)[-1] == "StatefulSet pool"
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}


def test_a_pause_keeps_the_weights_of_those_that_were_to_go() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    before = world.read_endpoints()
    world.change(replicas=1, paused=True)
    world.rest()
    assert world.read_endpoints() == before


def list_told(world: PoolWorld, alive: set[str]) -> set[str]:
    """List who of `alive` has been told to end: by a deletion, or by a smaller StatefulSet."""
    size = world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] if STATEFUL_SET_KEY in world.objects else 0
    lowered = {name for name in alive if size <= (parse_ordinal("pool", name) or 0)}
    return lowered | {name for name in alive if "deletionTimestamp" in world.pods[name]["metadata"]}


def list_sent(world: PoolWorld) -> set[str]:
    """List who is sent readers, by the slices or by the route, which gives nothing to the last members of a class."""
    rules = world.objects[HTTP_ROUTE_KEY]["spec"]["rules"] if HTTP_ROUTE_KEY in world.objects else ()
    backends = [backend["name"] for rule in rules for backend in rule["backendRefs"] if backend["weight"]]
    return world.read_endpoints().keys() | {pod for one in backends for pod in read_addresses(world, one)}


@few
@given(worlds(), st.fixed_dictionaries({"replicas": st.integers(1, 5)}, optional={"version": st.just("v24.0.0")}))
def test_nobody_is_sent_readers_who_was_told_to_end_while_another_can_serve(
    world: PoolWorld, change: dict[str, Any]
) -> None:
    world.change(paused=False, coreConfigOverride="", **change)
    alive = set(list_alive(world))
    is_heard = world.silent_since is None or world.now - world.silent_since < 15
    views = {view.name: view.replica_class for view in world.fleet.replicas} if world.fleet and is_heard else {}
    able = {name for name in alive if views.get(name) in (FRESH, LAGGING)}
    for _ in range(3):
        before = list_told(world, alive)
        for write in world.list_writes(world.plan()):
            write()
            told = list_told(world, alive)
            is_wrong = bool((told - before) & list_sent(world) and able - told)
            assert not is_wrong  # a name, since worlds are too large to be shown
        world.see_stateful_set()
