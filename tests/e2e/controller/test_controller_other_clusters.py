"""Clusters that are not as ours: admission rewrites, definitions lack fields, namespaces are closed, names taken."""

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devtools.api.small_api import Refusal, Write
from devtools.api.small_cluster import SmallCluster, run_small_cluster
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    POD,
    POOL,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    Kind,
    ObjectKey,
)

pytestmark = pytest.mark.timeout(120)
MIRROR = "registry.mirror/"


def count_applied(cluster: SmallCluster, kind: Kind) -> int:
    return sum(write.verb == "apply" and write.key.kind == kind for write in cluster.api.writes)


def has_status(cluster: SmallCluster, name: str) -> bool:
    return "Stalled" in cluster.read_conditions(name)


def has_replicas(cluster: SmallCluster, pool: str) -> bool:
    return len(cluster.list_alive(pool)) == 2


async def until_reason(cluster: SmallCluster, pool: str, type_: str, reason: str, namespace: str = "default") -> str:
    """Wait for a condition's reason; return its message."""

    def is_said() -> bool:
        return cluster.read_conditions(pool, namespace).get(type_, {}).get("reason") == reason

    await cluster.until(is_said, f"{type_} {reason}")
    return str(cluster.read_conditions(pool, namespace)[type_]["message"])


@pytest.mark.parametrize("is_other_each_time", [False, True], ids=["the same each time", "another each time"])
async def test_admission_that_rewrites_an_image_is_let_be_and_named(tmp_path: Path, is_other_each_time: bool) -> None:
    calls = iter(range(10_000))

    def admit(key: ObjectKey, made: dict[str, Any]) -> None:
        if key.kind == STATEFUL_SET:
            for container in made["spec"]["template"]["spec"]["containers"]:
                name = container["image"].rpartition("/")[2]
                container["image"] = f"{MIRROR}{next(calls) if is_other_each_time else 'x'}/{name}"

    async with run_small_cluster(tmp_path) as cluster:
        cluster.api.admit = admit
        cluster.make("pool")
        message = await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        assert "image of StatefulSet pool" in message
        applied = count_applied(cluster, STATEFUL_SET)
        assert applied <= 3
        await asyncio.sleep(2.5)
        assert count_applied(cluster, STATEFUL_SET) == applied
        cluster.change("pool", version="v23.0.0")
        await cluster.until(lambda: "v23.0.0" in json.dumps(cluster.api.find(STATEFUL_SET)), "the new version")
        images = {one["spec"]["containers"][0]["image"] for one in cluster.api.find(POD).values()}
        assert any(MIRROR in image for image in images)


async def test_a_field_of_ours_that_somebody_changes_once_is_put_back(tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        cluster.make("pool")
        await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        key = ObjectKey(SERVICE, "default", "pool")
        live = cluster.api.objects[key]
        cluster.api.put(key, {**live, "spec": {**live["spec"], "type": "NodePort"}})
        await cluster.until(lambda: cluster.api.objects[key]["spec"]["type"] == "ClusterIP", "it to be put back")


def prune_tolerance(key: ObjectKey, made: dict[str, Any]) -> None:
    if key.kind == SCALED_OBJECT:
        for rules in made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"].values():
            rules.pop("tolerance", None)


async def refuse_tolerance(write: Write) -> None:
    if write.key.kind == SCALED_OBJECT and "tolerance" in json.dumps(write.body):
        path = ".spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.tolerance"
        raise Refusal(500, f"failed to create typed patch object (default/pool): {path}: field not declared in schema")


@pytest.mark.parametrize("is_pruned", [True, False], ids=["pruned", "not declared"])
async def test_a_keda_without_tolerance_scales_the_pool_and_is_named(tmp_path: Path, is_pruned: bool) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        if is_pruned:
            cluster.api.admit = prune_tolerance
        else:
            cluster.api.meddle = refuse_tolerance
        cluster.make("pool")
        key = ObjectKey(SCALED_OBJECT, "default", "pool")
        await cluster.until(lambda: key in cluster.api.objects, "a ScaledObject")
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        cluster.api.put(key, {**cluster.api.objects[key], "status": ready})
        assert "2.18" in await until_reason(cluster, "pool", "Autoscaling", "ScaledByKeda")
        await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        applied = count_applied(cluster, SCALED_OBJECT)
        await asyncio.sleep(1.5)
        assert count_applied(cluster, SCALED_OBJECT) == applied
        cluster.change("pool", maxReplicas=8)
        await cluster.until(lambda: cluster.api.objects[key]["spec"]["maxReplicaCount"] == 8, "a change to be applied")


async def test_a_namespace_that_is_closed_stops_only_itself_until_it_is_opened(tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path, namespaces=("open", "closed")) as cluster:
        cluster.api.hidden.add("closed")
        cluster.make("pool", "open")
        cluster.make("pool", "closed")
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool", "open"), "the open namespace", 30)
        assert cluster.controller.is_ready
        await cluster.until(lambda: bool(cluster.api.find(SCALED_OBJECT, "open")), "a ScaledObject in it", 30)
        assert cluster.api.find(SERVICE, "closed") == {}
        cluster.api.hidden.clear()
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool", "closed"), "the other one", 60)


async def test_a_namespace_of_which_one_kind_alone_is_closed_is_left_alone(tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path, namespaces=("open", "half")) as cluster:
        cluster.make("pool", "open")
        cluster.make("pool", "half")
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool", "half"), "both to be served")
        kept = dict(cluster.api.objects)
    async with run_small_cluster(tmp_path, namespaces=("open", "half")) as cluster:
        cluster.api.objects |= {key: one for key, one in kept.items() if key.kind.name != "Lease"}
        cluster.api.hidden.add("half/pods")
        cluster._addresses = iter(range(100, 200))
        await cluster.until(cluster.controller.watches.synced.is_set, "the open namespace to be enough", 30)
        cluster.classes["pool-1"] = "lagging"
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool", "open"), "the open namespace", 30)
        assert cluster.read_readers("pool", "half")
        assert not [write for write in cluster.api.writes if write.key.namespace == "half"]


def build_owned(kind: Kind, name: str, **owner: Any) -> dict[str, Any]:
    reference = {"apiVersion": POOL.api_version, "kind": POOL.name, "name": "pool", **owner}
    labels = {"stellar.org/pool": "pool", "app": "mine"}
    target = {"apiVersion": POOL.api_version, "kind": POOL.name, "name": "another"}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": "default", "labels": labels, "ownerReferences": [reference]},
        "spec": {"scaleTargetRef": target},
    }


@pytest.mark.parametrize("is_controller", [False, True], ids=["to go with it", "as if it were ours"])
async def test_objects_of_users_that_name_the_pool_as_owner_stay(tmp_path: Path, is_controller: bool) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        cluster.make("pool")
        await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        owner = {"uid": cluster.read_pool("pool")["metadata"]["uid"]} | ({"controller": True} if is_controller else {})
        theirs = [(kind, f"my-{kind.plural}") for kind in (SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE, CONFIG_MAP)]
        for kind, name in theirs:
            cluster.api.put(ObjectKey(kind, "default", name), build_owned(kind, name, **owner))
        cluster.change("pool", alerting=False)
        rule = ObjectKey(PROMETHEUS_RULE, "default", "pool")
        await cluster.until(lambda: rule not in cluster.api.objects, "what is ours to go")
        await asyncio.sleep(1.0)
        assert all(ObjectKey(kind, "default", name) in cluster.api.objects for kind, name in theirs)
        assert cluster.read_conditions("pool")["Stalled"]["status"] == "False"


@pytest.mark.parametrize("labels", [{}, {"stellar.org/pool": "pool"}, {"stellar.org/pool": "another"}], ids=str)
async def test_no_slice_and_no_route_comes_under_a_service_of_somebody_elses(
    tmp_path: Path, labels: dict[str, str]
) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        key = ObjectKey(SERVICE, "default", "pool")
        theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pool", "labels": labels}, "spec": {}}
        cluster.api.put(key, theirs)
        cluster.make("pool")
        assert "Service pool" in await until_reason(cluster, "pool", "Stalled", "NameTaken")
        await cluster.until(lambda: len(cluster.list_alive("pool")) == 2, "replicas")
        await asyncio.sleep(0.5)
        assert cluster.api.find(ENDPOINT_SLICE) == {}
        assert cluster.api.find(HTTP_ROUTE) == {}
        cluster.api.drop(key)
        cluster.change("pool", maxReplicas=8)
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool"), "the pool to go on once the name is free")


@pytest.mark.parametrize("first", ["a", "a-nodes", "a-fresh", "a-lagging"])
async def test_pools_whose_names_meet_never_send_readers_to_each_others_replicas(tmp_path: Path, first: str) -> None:
    names = ["a", "a-nodes", "a-fresh", "a-lagging"]
    async with run_small_cluster(tmp_path) as cluster:
        cluster.make(first)
        await until_reason(cluster, first, "Reconciling", "UpToDate")
        for name in names:
            if name != first:
                cluster.make(name)
        for name in names:
            await cluster.until(partial(has_replicas, cluster, name), f"replicas of {name}")
        for name in names:
            await cluster.until(partial(has_status, cluster, name), f"status of {name}")
        await asyncio.sleep(1.0)  # for more to happen than should
        for key, one in cluster.api.objects.items():
            if key.kind == ENDPOINT_SLICE:
                service = cluster.api.objects[
                    ObjectKey(SERVICE, "default", one["metadata"]["labels"]["kubernetes.io/service-name"])
                ]
                assert (
                    service["metadata"]["labels"]["stellar.org/pool"] == one["metadata"]["labels"]["stellar.org/pool"]
                )
        taken = [name for name in names if cluster.read_conditions(name)["Stalled"]["reason"] == "NameTaken"]
        assert first not in taken
        assert taken
        assert all(
            "must be in a different namespace" in cluster.read_conditions(name)["Stalled"]["message"] for name in taken
        )
        assert cluster.is_served_by_the_fresh(first)


async def test_without_a_gate_no_replica_starts_before_its_network_policy(tmp_path: Path) -> None:
    async def refuse(write: Write) -> None:
        if write.key.kind == NETWORK_POLICY:
            raise Refusal(403, "exceeded quota", "Forbidden")

    async with run_small_cluster(tmp_path, gate_image=None) as cluster:
        cluster.api.meddle = refuse
        cluster.make("pool")
        assert "exceeded quota" in await until_reason(cluster, "pool", "Stalled", "Refused")
        await asyncio.sleep(0.5)
        assert cluster.api.find(STATEFUL_SET) == {}
        cluster.api.meddle = None
        cluster.change("pool", maxReplicas=8)
        await cluster.until(lambda: cluster.is_served_by_the_fresh("pool"), "the pool to go on")


async def test_a_claim_that_a_backup_has_restored_beside_ours_is_left_alone(tmp_path: Path) -> None:
    storage = {"size": "100Gi", "autoGrow": {"maxSize": "20Ti"}, "snapshots": {"enabled": True, "interval": "1h"}}
    async with run_small_cluster(tmp_path) as cluster:
        cluster.since = time.time() - 86_400
        cluster.make("pool", storage=storage)
        await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        ours = cluster.api.objects[ObjectKey(PVC, "default", "data-pool-0")]
        metadata = {"name": "data-pool-0-copy", "labels": ours["metadata"]["labels"]}
        spec = {**ours["spec"], "resources": {"requests": {"storage": "10Ti"}}}
        theirs = ObjectKey(PVC, "default", "data-pool-0-copy")
        cluster.api.put(theirs, {**ours, "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})
        cluster.change("pool", storage=storage | {"size": "200Gi"}, replicas=3, targetReplicas=3)
        new = ObjectKey(PVC, "default", "data-pool-2")
        await cluster.until(lambda: new in cluster.api.objects, "a volume of a new replica")
        assert cluster.api.objects[new]["spec"]["resources"]["requests"]["storage"] == "200Gi"
        await until_reason(cluster, "pool", "Reconciling", "UpToDate")
        assert theirs not in {write.key for write in cluster.api.writes}
