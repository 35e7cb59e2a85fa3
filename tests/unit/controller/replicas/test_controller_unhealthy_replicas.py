"""One unhealthy replica blocks no upgrade, and proves nothing of a version; a fresh one that breaks with it does."""

from typing import Any

import pytest

from controller.observed.labels import NOT_FRESH_BEFORE_ANNOTATION
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import CATCHING_UP, FRESH, LAGGING, NOW, UNREACHABLE
from tests.unit.pool_world import STATEFUL_SET_KEY, WEIGHED, PoolWorld, name_deleted

BAD = {"conditions": [{"type": "Ready", "status": "False"}], "phase": "Running"}
NOWHERE = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available."}
    ],
}
CRASHING = BAD | {
    "podIP": "10.9.9.9",
    "containerStatuses": [
        {
            "name": "stellar-core",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1}},
        }
    ],
}


def roll_out(
    world: PoolWorld, unhealthy: dict[str, dict[str, Any]], *classes: ReplicaClass, rounds: int = 30
) -> list[str]:
    """Plan for so many minutes while these pods are never better than they are; name who is restarted, in order."""
    restarted = []
    for _ in range(rounds):
        world.now += 60
        world.see_stateful_set()
        restarted += name_deleted(world.step())
        world.settle()
        for name, status in unhealthy.items():
            if name in world.pods:
                world.pods[name]["status"] = dict(status)
        world.say(*classes)
    return restarted


def list_new(world: PoolWorld) -> set[str]:
    revisions = {name: pod["metadata"]["labels"]["controller-revision-hash"] for name, pod in world.pods.items()}
    return {name for name, revision in revisions.items() if revision == world.revision}


UNHEALTHY = {
    "has no node": (NOWHERE, UNREACHABLE),
    "crashes": (CRASHING, UNREACHABLE),
    "does not answer": (BAD | {"podIP": "10.9.9.9"}, UNREACHABLE),
}


@pytest.mark.parametrize(("status", "replica_class"), UNHEALTHY.values(), ids=UNHEALTHY.keys())
@pytest.mark.parametrize("unhealthy", ["pool-0", "pool-2", "pool-4"])
def test_a_replica_that_is_sick_before_blocks_no_one(
    status: dict[str, Any], replica_class: ReplicaClass, unhealthy: str
) -> None:
    world = PoolWorld.begin(*[FRESH] * 5, **WEIGHED)
    classes = [replica_class if f"pool-{ordinal}" == unhealthy else FRESH for ordinal in range(5)]
    roll_out(world, {unhealthy: status}, *classes, rounds=2)
    world.change(version="v23.0.0")
    restarted = roll_out(world, {unhealthy: status}, *classes)
    assert list_new(world) == {f"pool-{ordinal}" for ordinal in range(5)}
    assert len(restarted) == 5  # each once
    assert NOT_FRESH_BEFORE_ANNOTATION not in world.objects[STATEFUL_SET_KEY]["metadata"]["annotations"]


def test_nor_does_one_that_catches_up_for_ever() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    classes = (FRESH, CATCHING_UP, FRESH)
    roll_out(world, {}, *classes, rounds=2)
    world.change(version="v23.0.0")
    roll_out(world, {}, *classes)
    assert list_new(world) == {"pool-0", "pool-1", "pool-2"}


def test_nor_does_one_that_keda_asks_for_meanwhile_and_no_node_has_room_for() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, targetReplicas=3, **WEIGHED)
    world.change(version="v23.0.0")
    world.step()
    world.change(replicas=4)
    roll_out(world, {"pool-3": NOWHERE}, FRESH, FRESH, FRESH)
    assert list_new(world) == {"pool-0", "pool-1", "pool-2", "pool-3"}


@pytest.mark.parametrize("unhealthy", [None, "pool-0", "pool-4"])
def test_a_version_that_does_not_work_costs_one_fresh_replica(unhealthy: str | None) -> None:
    world = PoolWorld.begin(*[FRESH] * 5, **WEIGHED)
    classes = [UNREACHABLE if f"pool-{ordinal}" == unhealthy else FRESH for ordinal in range(5)]
    roll_out(world, {unhealthy: CRASHING} if unhealthy else {}, *classes, rounds=2)
    healthy = dict(world.pods)
    world.change(version="v0-broken")
    for _ in range(60):
        world.now += 60
        world.see_stateful_set()
        world.step()
        world.settle()
        for name in list_new(world):
            world.pods[name]["status"] = dict(CRASHING)
            classes[int(name[-1])] = UNREACHABLE
        world.say(*classes)
    same = [name for name, pod in world.pods.items() if pod is healthy.get(name) and name != unhealthy]
    assert len(same) == (3 if unhealthy else 4)


def test_laggards_are_not_all_restarted_at_once() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, LAGGING, LAGGING, **WEIGHED)
    world.change(version="v23.0.0")
    world.step()
    classes = [FRESH, LAGGING, LAGGING, LAGGING]
    restarted = []
    for _ in range(9):
        world.now += 1
        world.see_stateful_set()
        restarted += name_deleted(world.step())
        world.settle()
        for name in list_new(world):
            world.pods[name]["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
            classes[int(name[-1])] = CATCHING_UP
        world.say(*classes)
    assert world.now < NOW + 600
    assert restarted == ["Pod pool-3"]
