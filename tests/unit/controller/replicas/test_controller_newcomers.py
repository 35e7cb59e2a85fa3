"""Who gets no readers beside others, whatever the scaler says or not: newcomers, the dead, those of another network."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.cluster.trims import trim_pod
from controller.replicas.replicas import read_replicas
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
    observe,
)
from tests.unit.pool_world import PoolWorld, name_deleted

WEIGHED: dict[str, Any] = {"loadBalancing": {"enabled": True}}
FRESH_ONLY: dict[str, Any] = {"loadBalancing": {"enabled": True, "mode": "FreshOnly"}}
OFF: dict[str, Any] = {}
SPECS = pytest.mark.parametrize("spec", [WEIGHED, FRESH_ONLY, OFF], ids=["Weighted", "FreshOnly", "not enabled"])
WAITING = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
RUNNING = {"running": {"startedAt": "2023-11-14T22:00:00Z"}}
ENDED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


def grow(world: PoolWorld, to: int) -> str:
    """Grow a pool by one, whose pod is ready at once; return its name."""
    world.change(replicas=to)
    world.rest()
    world.settle()
    return f"pool-{to - 1}"


def say_of_last(world: PoolWorld, **fields: Any) -> None:
    """Change what the scaler reports of the last replica."""
    assert world.fleet is not None
    *others, last = world.fleet.replicas
    world.fleet = replace(world.fleet, replicas=(*others, replace(last, **fields)))


NEWCOMERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "answers and holds no ledger": (CATCHING_UP, {"ledger": 1, "state": "Joining SCP"}),
    "answers and tells no ledger": (CATCHING_UP, {"ledger": None}),
    "was never heard, for long": (UNKNOWN, {"since": NOW - 3600, "observed_at": None}),
    "was never reached": (UNREACHABLE, {"observed_at": None}),
}


@SPECS
@pytest.mark.parametrize(("told", "fields"), NEWCOMERS.values(), ids=NEWCOMERS.keys())
def test_a_newcomer_gets_no_readers_beside_others(spec: dict[str, Any], told: Any, fields: Mapping[str, Any]) -> None:
    world = PoolWorld.begin(FRESH, LAGGING, **spec)
    grow(world, 3)
    world.say(FRESH, LAGGING, told)
    say_of_last(world, **fields)
    world.rest()
    assert "pool-2" not in world.read_endpoints()
    assert "pool-0" in world.read_endpoints()


@SPECS
@pytest.mark.parametrize("silent_for", [20.0, 1000.0], ids=["a moment", "long"])
def test_nor_while_the_scaler_is_silent(spec: dict[str, Any], silent_for: float) -> None:
    world = PoolWorld.begin(FRESH, FRESH, **spec)
    newcomer = grow(world, 3)
    world.say(FRESH, FRESH)
    world.silent_since = world.now - silent_for
    world.rest()
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}
    for name in ("pool-0", "pool-1"):
        del world.pods[name]
    world.rest()
    assert world.read_endpoints().keys() == {newcomer}  # better than nobody


def test_nor_by_a_scaler_that_has_just_been_heard_and_knows_it_not_yet() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    grow(world, 3)
    world.say(FRESH, FRESH)
    world.rest()
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}


@SPECS
@pytest.mark.parametrize("state", [ENDED, WAITING], ids=["terminated", "waiting"])
@pytest.mark.parametrize("container", ["stellar-core", "gate"])
def test_a_container_that_the_kubelet_knows_not_to_run_gets_no_readers(
    spec: dict[str, Any], state: Any, container: str
) -> None:
    world = PoolWorld.begin(FRESH, LAGGING, FRESH, **spec)
    statuses = [{"name": "stellar-core", "state": RUNNING}, {"name": "gate", "state": RUNNING}]
    world.pods["pool-2"]["status"]["containerStatuses"] = [
        one | {"state": state} if one["name"] == container else one for one in statuses
    ]
    world.rest()
    assert "pool-2" not in world.read_endpoints()
    assert "pool-0" in world.read_endpoints()
    for name in ("pool-0", "pool-1"):
        world.pods[name]["status"]["containerStatuses"] = [{"name": "stellar-core", "state": state}]
    world.rest()
    assert "pool-2" in world.read_endpoints()  # where all are dead, readers have an address to ask again


@SPECS
def test_a_replica_whose_gate_gets_no_answer_from_core_gets_no_readers_though_it_is_fresh(spec: dict[str, Any]) -> None:
    world = PoolWorld.begin(FRESH, FRESH, **spec)
    core, gate = ({"name": name, "state": RUNNING, "ready": True} for name in ("stellar-core", "gate"))

    def tell(pod: str, *statuses: dict[str, Any]) -> None:
        world.pods[pod]["status"]["containerStatuses"] = list(statuses)
        world.rest()

    tell("pool-1", core, gate | {"ready": False})
    assert world.read_endpoints().keys() == {"pool-0"}
    tell("pool-0", core, gate | {"ready": False})
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}, "where none answers, readers ask as before"
    tell("pool-1", core | {"ready": False}, gate)
    assert world.read_endpoints().keys() == {"pool-1"}, "Core itself may be busy, and answers readers"


@SPECS
def test_the_readers_of_overloaded_replicas_do_not_move_on_to_the_last_ones(spec: dict[str, Any]) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, FRESH, FRESH, **spec)

    def tell(*unready: str) -> set[str]:
        for name, pod in world.pods.items():
            gate = {"name": "gate", "state": RUNNING, "ready": name not in unready}
            pod["status"]["containerStatuses"] = [{"name": "stellar-core", "state": RUNNING, "ready": True}, gate]
        world.rest()
        return set(world.read_endpoints())

    assert tell("pool-3", "pool-4") == {"pool-0", "pool-1", "pool-2"}
    assert tell("pool-2", "pool-3", "pool-4") == {f"pool-{ordinal}" for ordinal in range(5)}
    assert tell("pool-4") == {f"pool-{ordinal}" for ordinal in range(4)}


def test_a_container_of_the_users_own_that_ends_is_none_of_it() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    world.pods["pool-1"]["status"]["containerStatuses"] = [
        {"name": "stellar-core", "state": RUNNING},
        {"name": "backup", "state": ENDED},
    ]
    assert world.plan().is_empty


def test_what_the_kubelet_says_of_containers_is_kept_of_a_pod() -> None:
    pod = build_pod(build_pool(), 0)
    pod["status"]["containerStatuses"] = [
        {"name": "stellar-core", "state": ENDED, "imageID": "docker.io/x@sha256:0", "containerID": "containerd://1"}
    ]
    pod["status"] |= {"startTime": "2023-11-14T22:00:00Z", "podIPs": [{"ip": "10.0.0.1"}]}
    kept = trim_pod(pod)["status"]
    assert kept["containerStatuses"] == [{"name": "stellar-core", "state": ENDED}]
    assert (kept["startTime"], kept["podIPs"]) == ("2023-11-14T22:00:00Z", [{"ip": "10.0.0.1"}])


@SPECS
def test_one_of_another_network_serves_nobody_even_alone(spec: dict[str, Any]) -> None:
    world = PoolWorld.begin(FRESH, FOREIGN, **spec)
    say_of_last(world, is_of_another_network=True)
    world.pods.pop("pool-0")
    world.rest()
    assert world.read_endpoints() == {}
    assert world.read_condition("Routing") == ("False", "NoEndpoints")


STARTED = {
    "heard before it was there": ({"observed_at": NOW - 11}, False),
    "heard since": ({"observed_at": NOW - 9}, True),
    "never heard, and known before": ({"observed_at": None, "since": NOW - 60}, False),
    "heard before by a clock that is behind, but its process began since": (
        {"observed_at": NOW - 60, "started_on": NOW - 9},
        True,
    ),
    "of a process that began before": ({"observed_at": NOW - 11, "started_on": NOW - 90}, False),
}


@pytest.mark.parametrize("start", ["startTime", "creationTimestamp"])
@pytest.mark.parametrize(("fields", "counts"), STARTED.values(), ids=STARTED.keys())
def test_a_word_counts_for_a_pod_at_the_same_address_only_if_it_is_of_that_pod(
    start: str, fields: Mapping[str, Any], counts: bool
) -> None:
    pool = build_pool()
    pod = build_pod(pool, 0)
    began = datetime.fromtimestamp(NOW - 10, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (pod["status"] if start == "startTime" else pod["metadata"])[start] = began
    fleet = build_fleet(pool, FRESH)
    fleet = replace(fleet, replicas=tuple(replace(view, **fields) for view in fleet.replicas))
    (replica,) = read_replicas(observe(pool, FRESH, pods=(pod,), fleet=fleet))
    assert (replica.replica_class is FRESH) == counts


def test_a_pod_that_comes_back_at_its_address_is_not_taken_for_the_one_before() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    world.change(version="v23.0.0")
    restarted = []
    for _ in range(6):
        world.see_stateful_set()
        addresses = {name: pod["status"]["podIP"] for name, pod in world.pods.items()}
        restarted += name_deleted(world.step())
        world.now += 1
        world.settle()
        for name, pod in world.pods.items():
            if pod["status"]["podIP"] != addresses[name]:
                pod["status"]["podIP"] = addresses[name]
                pod["status"]["startTime"] = datetime.fromtimestamp(world.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert restarted == ["Pod pool-2"]
