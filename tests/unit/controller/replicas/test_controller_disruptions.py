"""A drain never takes a fresh replica because one that is not fresh yet is ready; and it never waits for good."""

import pytest

from controller.observed.labels import CLOSED_ANNOTATION
from controller.replicas.disruptions import SHUT_SECONDS
from readpool.kubernetes.kinds import PDB, ObjectKey
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import CATCHING_UP, FOREIGN, FRESH, LAGGING, UNKNOWN, UNREACHABLE
from tests.unit.pool_world import WEIGHED, PoolWorld

KEY = ObjectKey(PDB, "default", "pool")


def read_most(world: PoolWorld) -> int:
    return int(world.objects[KEY]["spec"]["maxUnavailable"])


BUDGETS: dict[str, tuple[list[ReplicaClass], int]] = {
    "all are fresh": ([FRESH, FRESH, FRESH], 1),
    "one catches up": ([FRESH, FRESH, CATCHING_UP], 0),
    "one is not known yet": ([FRESH, FRESH, UNKNOWN], 0),
    "one does not answer": ([FRESH, FRESH, UNREACHABLE], 0),
    "one lags for good": ([FRESH, FRESH, LAGGING], 1),
    "all but one lag for good": ([FRESH, LAGGING, LAGGING], 0),
    "one is of another network": ([FRESH, FRESH, FOREIGN], 1),
    "nobody is fresh": ([CATCHING_UP, CATCHING_UP, LAGGING], 1),
    "nobody answers": ([UNREACHABLE] * 3, 1),
}


@pytest.mark.parametrize(("classes", "most"), BUDGETS.values(), ids=BUDGETS.keys())
def test_a_drain_may_take(classes: list[ReplicaClass], most: int) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    assert read_most(world) == 1
    world.say(*classes)
    world.rest()
    assert read_most(world) == most


def test_a_drain_of_all_nodes_leaves_as_many_fresh_as_there_are_to_be_but_for_one() -> None:
    world = PoolWorld.begin(*[FRESH] * 5, **WEIGHED)
    least, waits, gone = 5, 0, ""
    for name in list(world.pods):
        while read_most(world) == 0:
            waits += 1
            world.now += 60
            world.say(*[FRESH] * 5 if waits % 3 == 0 else [CATCHING_UP if one == gone else FRESH for one in world.pods])
            world.rest()
        gone = name
        world.pods[name]["metadata"]["deletionTimestamp"] = "2023-11-14T22:13:20Z"
        world.rest()
        world.settle()
        world.say(*[CATCHING_UP if one == gone else FRESH for one in sorted(world.pods)])
        world.rest()
        assert world.fleet is not None
        least = min(least, sum(view.replica_class is FRESH for view in world.fleet.replicas))
    assert least == 4
    assert waits == 12


def test_more_than_are_to_be_fresh_are_let_go() -> None:
    world = PoolWorld.begin(*[FRESH] * 5, targetReplicas=3, **WEIGHED)
    world.say(FRESH, FRESH, FRESH, CATCHING_UP, CATCHING_UP)
    world.rest()
    assert read_most(world) == 1


def test_after_an_hour_one_is_let_go_and_then_the_next_after_another() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, FRESH, **WEIGHED)
    world.say(FRESH, FRESH, FRESH, CATCHING_UP)
    world.rest()
    assert read_most(world) == 0
    assert world.plan().requeue_after_seconds is not None
    for _ in range(2):
        world.now += SHUT_SECONDS - 1
        world.rest()
        assert read_most(world) == 0
        world.now += 1
        world.rest()
        assert read_most(world) == 1
        world.now += 60
        world.rest()
        assert read_most(world) == 1
        world.step()
        name = min(world.pods)
        world.pods[name]["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
        world.pods[name]["metadata"]["deletionTimestamp"] = "2100-01-01T00:00:00Z"
        world.rest()
        assert read_most(world) == 0
        del world.pods[name]["metadata"]["deletionTimestamp"]
    world.say(FRESH, FRESH, FRESH, FRESH)
    world.rest()
    assert read_most(world) == 1
    assert "stellar.org/shut-since" not in world.objects[KEY]["metadata"]["annotations"]


def test_a_silent_scaler_opens_and_shuts_nothing_but_by_time() -> None:
    world = PoolWorld.begin(FRESH, FRESH, CATCHING_UP, **WEIGHED)
    world.now += 60
    world.silent_since = world.now - 60
    world.rest()
    assert read_most(world) == 0
    world.now += SHUT_SECONDS
    world.rest()
    assert read_most(world) == 1


def test_a_budget_that_was_shut_by_a_clock_ahead_opens_after_an_hour_by_this_one() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    world.say(FRESH, FRESH, CATCHING_UP)
    world.rest()
    world.objects[KEY]["metadata"]["annotations"][CLOSED_ANNOTATION] = str(int(world.now) + 30 * 86_400)
    for _ in range(2):
        world.say(FRESH, FRESH, CATCHING_UP)
        world.rest()
        assert read_most(world) == 0
        world.now += SHUT_SECONDS / 2
    world.say(FRESH, FRESH, CATCHING_UP)
    world.rest()
    assert read_most(world) == 1
