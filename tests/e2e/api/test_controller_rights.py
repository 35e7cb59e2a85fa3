"""The controller needs what the chart's roles grant, and all of it: with these rights alone, nothing is forbidden."""

import time
from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.rights import Right, list_rights
from devtools.api.running_pool import BALANCED
from readpool.kubernetes.kinds import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    HTTP_ROUTE,
    POD,
    POOL,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Kind,
)
from tests.e2e.api.open_definitions import defined
from tests.e2e.api.played_workloads import RPC, PlayedWorkloads, name_workload
from tests.e2e.rendered_chart import Helm

pytestmark = pytest.mark.timeout(180)
ACCOUNT = "readpool-controller"
CLASS = "volumes-that-grow"


class Clock:
    """Unix time that a test can put forward."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


async def test_it_uses_all_rights_that_the_chart_grants_and_no_others(stage: ControllerStage, helm: Helm) -> None:
    granted = await grant(stage, helm)
    await make_storage_class(stage)
    stage.relay.user, stage.clock = ACCOUNT, (clock := Clock())
    async with (
        defined(stage.client, SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE, VOLUME_SNAPSHOT),
        stage.controller(lease_name=ACCOUNT, check_seconds=0.5),
    ):
        await live_a_full_life(stage, clock)
    stage.relay.user = None
    assert stage.relay.forbidden == []
    used = {right for right in stage.relay.rights if right.group != "apiextensions.k8s.io"}
    assert used - granted == set()
    assert granted - used == set()


async def grant(stage: ControllerStage, helm: Helm) -> set[Right]:
    """Grant the test's user what the chart grants the controller's account, and say what that is."""
    granted: set[Right] = set()
    for role in helm.render("controller.enabled=true"):
        name = role["metadata"]["name"]
        if role["kind"] not in ("ClusterRole", "Role") or "controller" not in name:
            continue
        granted |= list_rights(role["rules"])
        metadata = {"name": f"{name}-{stage.namespace}"} | (
            {"namespace": stage.namespace} if role["kind"] == "Role" else {}
        )
        base = "/apis/rbac.authorization.k8s.io/v1" + (
            f"/namespaces/{stage.namespace}" if role["kind"] == "Role" else ""
        )
        plural = f"{role['kind'].lower()}s"
        body = {"apiVersion": role["apiVersion"], "kind": role["kind"], "metadata": metadata, "rules": role["rules"]}
        await stage.client.request("POST", f"{base}/{plural}", body=body)
        binding = {
            "apiVersion": role["apiVersion"],
            "kind": f"{role['kind']}Binding",
            "metadata": metadata,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": role["kind"],
                "name": metadata["name"],
            },
            "subjects": [{"kind": "User", "name": ACCOUNT, "apiGroup": "rbac.authorization.k8s.io"}],
        }
        await stage.client.request("POST", f"{base}/{plural.removesuffix('s')}bindings", body=binding)
    return granted


async def make_storage_class(stage: ControllerStage) -> None:
    """Make a class of volumes that may grow."""
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": "example.com/nobody",
        "allowVolumeExpansion": True,
    }
    await stage.client.request("POST", "/apis/storage.k8s.io/v1/storageclasses", body=storage_class)


async def stand_before_a_workload(stage: ControllerStage) -> None:
    """Make a pool stand before a Deployment, which is watched with its ReplicaSets, pods and HPAs."""
    played = PlayedWorkloads(stage.client, stage.namespace)
    replica_set = await played.make_replica_set(await played.make(DEPLOYMENT), "theirs-1")
    await played.run_pod(replica_set, "theirs-1-a", "10.9.0.1")
    await stage.apply("before", **RPC, workloadRef=name_workload(DEPLOYMENT))
    await stage.until_condition("Routing", pool="before", status="Unknown")
    await stage.until_condition("Stalled", pool="before", status="False")


async def live_a_full_life(stage: ControllerStage, clock: Clock) -> None:
    """Make a pool go through all that makes the controller write."""
    archives: dict[str, Any] = {
        "historyArchiveUrls": ["https://archive.example.com"],
        "shardBalancing": {"enabled": True},
    }
    storage = {"storageClass": CLASS, "size": "10Gi", "snapshots": {"enabled": True}}
    await stage.apply(**BALANCED, **archives, alerting=True, storage=storage)
    await stage.until_there(STATEFUL_SET, "pool")
    await stage.until_there(SCALED_OBJECT, "pool")
    await stage.until_there(PROMETHEUS_RULE, "pool")
    await stage.cluster.run_pods("pool")
    await stage.say()
    await stage.until_condition("Fresh", status="True")
    await have_snapshots_come_and_go(stage)
    for _ in range(2):  # the same Event twice, the second time after a while
        await stage.say(classes={"pool-4": "lagging"}, lags={"pool-4": 3000}, tip=5000)
        await stage.until_condition("Fresh", status="False")
        await stage.say(tip=5000)
        await stage.until_condition("Fresh", status="True")
        clock.ahead_seconds += 70.0
    await stage.until(lambda: has_asked(stage, "PATCH", EVENT), "an Event to be counted once more")
    await stage.until(lambda: has_asked(stage, "DELETE", ENDPOINT_SLICE), "an empty slice to be deleted")
    await change(stage, storage={"storageClass": CLASS, "size": "20Gi"}, replicas=6)
    await stage.until(lambda: has_asked(stage, "PATCH", PVC), "volumes to grow")
    await change(stage, version="v23.0.1", replicas=5)
    await settle(stage)
    await stand_before_a_workload(stage)
    assert await has_asked(stage, "DELETE", POD)
    await change(stage, replacement={"enabled": True, "afterSeconds": 60})
    await stage.say(classes={"pool-3": "lagging"}, lags={"pool-3": 3000}, tip=6000)
    await stage.until_condition("Fresh", status="False")
    clock.ahead_seconds += 70.0
    await stage.say(classes={"pool-3": "lagging"}, lags={"pool-3": 3000}, tip=6001, since=time.time() - 70.0)
    await change(stage, paused=False)
    await stage.until(lambda: has_asked(stage, "DELETE", PVC), "a volume to be given up")
    await change(stage, loadBalancing={"httpRoute": {"parentRefs": [{"name": "edge"}]}})
    await stage.until_there(HTTP_ROUTE, "pool")
    await change(stage, loadBalancing={"httpRoute": None})
    await stage.until(lambda: has_asked(stage, "DELETE", HTTP_ROUTE), "the route to go")
    await stage.until(lambda: has_asked(stage, "DELETE", SERVICE), "its Services to go")
    await change(stage, alerting=False, autoscaling={"enabled": False})
    await stage.until(lambda: has_asked(stage, "DELETE", SCALED_OBJECT), "the ScaledObject to go")
    await stage.until(lambda: has_asked(stage, "DELETE", PROMETHEUS_RULE), "the rule to go")


async def have_snapshots_come_and_go(stage: ControllerStage) -> None:
    """Make one snapshot be taken, and one go that was bad."""
    bad = {"stellar.org/applied": "x", "stellar.org/verdict": "bad", "stellar.org/verdict-at": "1"}
    labels = {"stellar.org/pool": "pool", "app.kubernetes.io/managed-by": "readpool"}
    metadata = {"name": "bad", "namespace": stage.namespace, "labels": labels, "annotations": bad}
    body = {"apiVersion": VOLUME_SNAPSHOT.api_version, "kind": VOLUME_SNAPSHOT.name, "metadata": metadata, "spec": {}}
    await stage.say(since=time.time() - 600.0)
    taken = await stage.until(lambda: find_snapshot(stage), "a snapshot to be taken")
    await stage.client.create(VOLUME_SNAPSHOT, body)
    made = {"readyToUse": True, "creationTime": taken["metadata"]["creationTimestamp"]}
    name = taken["metadata"]["name"]
    await stage.client.merge(
        VOLUME_SNAPSHOT, stage.namespace, name, {"status": made}, manager="snapshotter", subresource="status"
    )
    await stage.until_condition("Snapshots", status="True")
    await stage.until(lambda: has_asked(stage, "DELETE", VOLUME_SNAPSHOT), "a bad one to be deleted")


async def find_snapshot(stage: ControllerStage) -> Any:
    found, _ = await stage.client.list(VOLUME_SNAPSHOT, stage.namespace)
    return found[0] if found else None


async def settle(stage: ControllerStage) -> None:
    """Play whoever makes pods anew until all are of the newest kind."""

    async def is_settled() -> bool:
        await stage.cluster.run_pods("pool")
        pool = await stage.read(POOL, "pool")
        conditions = {one["type"]: one["status"] for one in pool["status"]["conditions"]}
        is_seen = pool["status"]["observedGeneration"] == pool["metadata"]["generation"]
        return is_seen and (conditions["Reconciling"], conditions["Ready"]) == ("False", "True")

    await stage.until(is_settled, "the pool to settle")


async def change(stage: ControllerStage, **spec: Any) -> None:
    await stage.client.merge(POOL, stage.namespace, "pool", {"spec": spec}, manager=USER)


async def has_asked(stage: ControllerStage, method: str, kind: Kind) -> bool:
    """Return whether the controller has done this to an object of a kind."""
    return any(one.method == method and f"/{kind.plural}/" in one.path for one in stage.relay.writes)
