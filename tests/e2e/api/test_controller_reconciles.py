"""What the controller makes of a pool and keeps so, on a real API server: children, sizes, weights, status, Events."""

import asyncio
import time
from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import BALANCED, has_replicas, running_pool
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    EVENT,
    NETWORK_POLICY,
    PDB,
    POD,
    POOL,
    SERVICE,
    STATEFUL_SET,
    Kind,
)

pytestmark = pytest.mark.timeout(120)
SHIFTED_SECONDS = 5.0
"""A second is promised, of which a tenth is needed (bench/results.json: shift_…); here other tests run beside it."""
CHILDREN = {
    SERVICE: ("pool", "pool-nodes"),
    CONFIG_MAP: ("pool-config",),
    STATEFUL_SET: ("pool",),
    NETWORK_POLICY: ("pool",),
    PDB: ("pool",),
}


async def test_a_pool_gets_all_that_it_stands_for_and_owns_it(stage: ControllerStage) -> None:
    async with stage.controller():
        pool = await stage.apply()
        for kind, names in CHILDREN.items():
            for name in names:
                found = await stage.until_there(kind, name)
                (owner,) = found["metadata"]["ownerReferences"]
                assert (owner["uid"], owner["controller"]) == (pool["metadata"]["uid"], True)
        await stage.until_condition("Reconciling", status="True", reason="Scaling")
        assert (await stage.read(POOL, "pool"))["spec"]["replicas"] == 5


async def test_a_pool_whose_pods_run_becomes_ready_and_fresh(stage: ControllerStage) -> None:
    async with stage.controller():
        await stage.apply(**BALANCED)
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.cluster.run_pods("pool")
        await stage.say()
        await stage.until_condition("Ready", status="True")
        await stage.until_condition("Fresh", status="True")
        await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in range(5)})
        status = (await stage.read(POOL, "pool"))["status"]
    assert (status["readyReplicas"], status["freshReplicas"], status["networkLatestLedger"]) == (5, 5, 1000)


async def test_a_replica_that_lags_loses_its_share_at_once(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.say(classes={"pool-2": "lagging"}, lags={"pool-2": 2000}, tip=5000)
        await stage.until_weights({f"pool-{i}": 10 if i == 2 else 100 for i in range(5)}, seconds=SHIFTED_SECONDS)
        await stage.until_condition("Fresh", status="False", reason="TooFewFresh")
        await stage.say()
        await stage.until_weights({f"pool-{i}": 100 for i in range(5)}, seconds=SHIFTED_SECONDS)


async def test_a_steady_pool_is_written_by_nobody_whatever_its_numbers_do(stage: ControllerStage) -> None:
    async with running_pool(stage):
        written, asked = len(stage.relay.writes), len(stage.relay.asked)
        for tip in range(1001, 1021):
            await stage.say(tip=tip)
            await asyncio.sleep(0.1)
        assert stage.relay.writes[written:] == []
        others = [one for one in stage.relay.asked[asked:] if not one.is_of_lease and "keda" not in one.path]
    assert [one for one in others if one.path.count("/") > 3] == []


async def test_a_controller_that_starts_anew_finds_nothing_to_write(stage: ControllerStage) -> None:
    async with running_pool(stage):
        pass
    written = len(stage.relay.writes)
    async with stage.controller():
        await stage.until(lambda: is_watched(stage), "the scaler to be asked again")
        await asyncio.sleep(1.0)
    assert stage.relay.writes[written:] == []


async def test_numbers_are_told_as_often_as_the_pool_wants_them(stage: ControllerStage) -> None:
    balancing = BALANCED | {"loadBalancing": {"enabled": True, "updateIntervalSeconds": 3}}
    async with running_pool(stage, **balancing):
        written, began = len(stage.relay.writes), time.monotonic()
        for tip in range(1001, 1061):
            await stage.say(tip=tip)
            await asyncio.sleep(0.1)
        told = stage.relay.writes[written:]
        assert {one.path.rpartition("/")[2] for one in told} == {"status"}
        assert 2 <= len(told) <= (time.monotonic() - began) / 3 + 2  # the time in status is in whole seconds


async def test_what_another_manager_adds_stays_and_what_is_ours_is_put_back(stage: ControllerStage) -> None:
    async with running_pool(stage):
        theirs = {"metadata": {"annotations": {"example.com/note": "mine"}}, "spec": {"type": "NodePort"}}
        await stage.client.merge(SERVICE, stage.namespace, "pool", theirs, manager=USER)
        await stage.until(lambda: has_type(stage, "ClusterIP"), "our type to be put back")
        found = await stage.read(SERVICE, "pool")
        assert found["metadata"]["annotations"]["example.com/note"] == "mine"
        await stage.client.merge(
            CONFIG_MAP, stage.namespace, "pool-config", {"data": {"pool-0.cfg": "broken"}}, manager=USER
        )

        async def is_whole() -> bool:
            return "broken" not in (await stage.read(CONFIG_MAP, "pool-config"))["data"].values()

        await stage.until(is_whole, "the configuration to be put back")


@pytest.mark.parametrize(("asked", "wanted"), [(7, 7), (1, 3), (50, 20)])
async def test_who_scales_is_followed_between_the_bounds(stage: ControllerStage, asked: int, wanted: int) -> None:
    async with stage.controller():
        await stage.apply()
        await stage.until(lambda: has_replicas(stage, 5), "a start with targetReplicas")
        scale = {"spec": {"replicas": asked}}
        await stage.client.merge(POOL, stage.namespace, "pool", scale, manager="kubectl", subresource="scale")
        await stage.until(lambda: has_replicas(stage, wanted), f"{wanted} replicas")


async def test_a_paused_pool_stays_as_it_is(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"paused": True}}, manager=USER)
        await stage.until_condition("Reconciling", reason="Paused")
        scale = {"spec": {"replicas": 9}}
        await stage.client.merge(POOL, stage.namespace, "pool", scale, manager="kubectl", subresource="scale")
        await stage.say(classes={"pool-1": "lagging"}, lags={"pool-1": 3000}, tip=5000)
        await stage.until(lambda: has_lagging(stage, 1), "status to tell of the one that lags")
        assert await stage.read_weights() == {f"pool-{i}": 100 for i in range(5)}
        assert await has_replicas(stage, 5)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in CHILDREN.items() for name in names], ids=str
)
async def test_a_child_that_is_deleted_comes_back(stage: ControllerStage, kind: Kind, name: str) -> None:
    async with stage.controller():
        await stage.apply()
        first = await stage.until_there(kind, name)
        await stage.client.delete(kind, stage.namespace, name)

        async def is_another() -> bool:
            found = await stage.get(kind, name)
            return found is not None and found["metadata"]["uid"] != first["metadata"]["uid"]

        await stage.until(is_another, "another one")


async def test_a_name_that_somebody_has_is_left_alone_until_it_is_free(stage: ControllerStage) -> None:
    taken = {"metadata": {"name": "pool", "namespace": stage.namespace}, "spec": {"ports": [{"port": 80}]}}
    await stage.client.create(SERVICE, {"apiVersion": "v1", "kind": "Service", **taken})
    async with stage.controller():
        await stage.apply()
        condition = await stage.until_condition("Stalled", status="True", reason="NameTaken")
        assert "Service pool" in condition["message"]
        await stage.until_there(STATEFUL_SET, "pool")
        found = await stage.read(SERVICE, "pool")
        assert [port["port"] for port in found["spec"]["ports"]] == [80]
        assert "ownerReferences" not in found["metadata"]
        await stage.client.delete(SERVICE, stage.namespace, "pool")
        await stage.until_condition("Stalled", status="False")
        assert (await stage.read(SERVICE, "pool"))["metadata"]["ownerReferences"]


async def test_what_the_api_server_refuses_is_said_and_holds_up_nothing_else(stage: ControllerStage) -> None:
    bad = {"spec": {"containers": [{"name": "stellar-core", "resources": {"requests": {"cpu": "-1"}}}]}}
    async with stage.controller():
        await stage.apply(template=bad)
        condition = await stage.until_condition("Stalled", status="True", reason="Refused")
        assert "StatefulSet pool" in condition["message"]
        assert await stage.get(SERVICE, "pool") is not None
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"template": None}}, manager=USER)
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.until_condition("Stalled", status="False")


async def test_a_pool_that_goes_is_forgotten_and_nothing_is_made_for_it(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.client.delete(POOL, stage.namespace, "pool")
        await stage.until(lambda: is_unwatched(stage), "the scaler to be asked no more")
        written = len(stage.relay.writes)
        await stage.cluster.end_pod("pool-0")
        await asyncio.sleep(0.5)
        assert stage.relay.writes[written:] == []


async def test_events_tell_of_a_lack_once_and_of_its_end(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.say(classes={"pool-1": "lagging"}, lags={"pool-1": 3000}, tip=5000)
        await stage.until_condition("Fresh", status="False")
        await stage.say()
        await stage.until_condition("Fresh", status="True")
        told = await stage.until(lambda: list_reasons(stage, "EnoughFresh"), "an Event of the end")
    assert told.count("TooFewFresh") == 1


async def test_shards_are_on_the_pods_and_in_status(stage: ControllerStage) -> None:
    archives = ["https://archive1.example.com", "https://archive2.example.com"]
    sharded: dict[str, Any] = {"shardBalancing": {"enabled": True, "shardCount": 2}, "historyArchiveUrls": archives}
    async with running_pool(stage, **BALANCED, **sharded):

        async def read() -> list[str]:
            pods, _ = await stage.client.list(POD, stage.namespace)
            return [one["metadata"].get("annotations", {}).get("stellar.org/shard-id", "") for one in pods]

        async def are_told() -> bool:
            return sorted(await read()) == ["0", "0", "0", "1", "1"]

        await stage.until(are_told, "each pod to have its shard")
        status = (await stage.read(POOL, "pool"))["status"]
    assert [one["shardId"] for one in status["shardAssignments"]] == [0, 1, 0, 1, 0]


async def has_type(stage: ControllerStage, wanted: str) -> bool:
    return bool((await stage.read(SERVICE, "pool"))["spec"]["type"] == wanted)


async def has_lagging(stage: ControllerStage, count: int) -> bool:
    return bool((await stage.read(POOL, "pool"))["status"].get("laggingReplicas") == count)


async def is_watched(stage: ControllerStage) -> bool:
    return stage.observer.watched[stage.namespace, "pool"] > 0


async def is_unwatched(stage: ControllerStage) -> bool:
    return stage.observer.watched[stage.namespace, "pool"] == 0


async def list_reasons(stage: ControllerStage, reason: str) -> list[str] | None:
    events, _ = await stage.client.list(EVENT, stage.namespace)
    reasons = [event["reason"] for event in events]
    return reasons if reason in reasons else None
