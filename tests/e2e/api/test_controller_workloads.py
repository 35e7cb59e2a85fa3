"""Pools before workloads that are there already, on a real API server: readers, conditions, and hands off the rest."""

from collections.abc import Mapping
from typing import Any

import pytest

from devtools.api.controller_stage import ControllerStage
from devtools.pools.scripted_observer import build_snapshot
from readpool.kubernetes.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, POOL, SERVICE, STATEFUL_SET, Kind, Manifest
from tests.e2e.api.played_workloads import RPC, PlayedWorkloads, name_workload

pytestmark = pytest.mark.timeout(120)
RBAC = "rbac.authorization.k8s.io/v1"
BALANCED: dict[str, Any] = {"loadBalancing": {"enabled": True}}
NAMES = ("theirs-0", "theirs-1", "theirs-2")


async def run_stateful_set(stage: ControllerStage, *names: str, **fields: Any) -> Manifest:
    """Run a StatefulSet with pods of these names."""
    played = PlayedWorkloads(stage.client, stage.namespace)
    workload = await played.make(STATEFUL_SET, **fields)
    for number, name in enumerate(names or NAMES):
        await played.run_pod(workload, name, f"10.9.0.{number + 1}", labels=fields.get("labels"))
    return workload


async def say(stage: ControllerStage, classes: Mapping[str, str], pool: str = "pool", **fields: Any) -> None:
    """Make the scaler report of which class each pod is."""
    at = fields.pop("at", stage.clock())
    await stage.observer.say(stage.namespace, pool, build_snapshot(classes, at, **fields))


async def apply(stage: ControllerStage, kind: Kind, pool: str = "pool", **spec: Any) -> Manifest:
    """Apply a pool before the workload."""
    return await stage.apply(pool, **({"workloadRef": name_workload(kind)} | RPC | BALANCED | spec))


async def read_nodes(stage: ControllerStage) -> dict[str, tuple[str, int]]:
    """Read whom DNS would tell the scaler of: address and port by the pod's name."""
    slices, _ = await stage.client.list(
        ENDPOINT_SLICE, stage.namespace, selector="kubernetes.io/service-name=pool-nodes"
    )
    return {
        endpoint["hostname"]: (endpoint["addresses"][0], one["ports"][0]["port"])
        for one in slices
        for endpoint in one["endpoints"]
    }


def list_foreign_writes(stage: ControllerStage) -> list[str]:
    """List what the controller has written to workloads and pods."""
    kinds = ("/deployments/", "/replicasets/", "/statefulsets/", "/pods/")
    return [one.path for one in stage.relay.writes if any(kind in f"{one.path}/" for kind in kinds)]


async def test_a_deployment_gets_readers_by_class_and_only_its_own_pods_do(stage: ControllerStage) -> None:
    played = PlayedWorkloads(stage.client, stage.namespace)
    deployment = await played.make(DEPLOYMENT)
    own = await played.make_replica_set(deployment, "theirs-1a")
    before = await played.make_replica_set(deployment, "theirs-0a")
    foreign = await played.make_replica_set(None, "foreign")
    await played.run_pod(own, "theirs-1a-x", "10.9.0.1")
    await played.run_pod(own, "theirs-1a-y", "10.9.0.2")
    await played.run_pod(before, "theirs-0a-z", "10.9.0.3")  # of a rollout's last ReplicaSet
    await played.run_pod(foreign, "foreign-x", "10.9.0.4")
    live = await stage.read(DEPLOYMENT, "theirs")
    names = ("theirs-0a-z", "theirs-1a-x", "theirs-1a-y")
    async with stage.controller():
        await apply(stage, DEPLOYMENT)
        await say(stage, dict.fromkeys(names, "fresh"))
        await stage.until_weights(dict.fromkeys(names, 100))
        assert await read_nodes(stage) == {
            "theirs-1a-x": ("10.9.0.1", 8000),
            "theirs-1a-y": ("10.9.0.2", 8000),
            "theirs-0a-z": ("10.9.0.3", 8000),
        }
        late = dict.fromkeys(names, "fresh") | {"theirs-0a-z": "lagging"}
        await say(stage, late, lags={"theirs-0a-z": 2000}, tip=5000)
        await stage.until_weights({"theirs-0a-z": 10, "theirs-1a-x": 100, "theirs-1a-y": 100}, seconds=5.0)
        ready = await stage.until_condition("Ready", status="True")
        assert ready["message"] == "3 of 3 replicas are ready"
        await stage.until_condition("Fresh", status="False", reason="TooFewFresh")
        await stage.until_condition("Autoscaling", reason="Disabled")
        await stage.until_condition("Reconciling", reason="UpToDate")
        status = (await stage.read(POOL, "pool"))["status"]
        assert (status["selector"], status["currentReplicas"]) == ("app=theirs", 3)
        assert (await stage.read(SERVICE, "pool-nodes"))["spec"].get("selector") is None
        await stage.until_quiet()
        assert await stage.client.delete(POOL, stage.namespace, "pool")
    assert await stage.read(DEPLOYMENT, "theirs") == live
    assert list_foreign_writes(stage) == []
    assert await stage.get(STATEFUL_SET, "pool") is None


async def test_a_stateful_set_that_gets_smaller_loses_readers_of_those_that_go_first(stage: ControllerStage) -> None:
    await run_stateful_set(stage)
    async with stage.controller():
        await apply(stage, STATEFUL_SET)
        await say(stage, dict.fromkeys(NAMES, "fresh"))
        await stage.until_weights(dict.fromkeys(NAMES, 100))
        smaller = {"spec": {"replicas": 2}}
        await stage.client.merge(STATEFUL_SET, stage.namespace, "theirs", smaller, manager="somebody")
        await stage.until_weights({"theirs-0": 100, "theirs-1": 100}, seconds=2.0)
        assert await stage.read(POD, "theirs-2")
        none = {"spec": {"replicas": 0}}
        await stage.client.merge(STATEFUL_SET, stage.namespace, "theirs", none, manager="somebody")
        for name in NAMES:
            await stage.cluster.end_pod(name)
        await stage.until_weights({})
        await stage.until_condition("Routing", reason="NoEndpoints")
        await stage.until_condition("Fresh", status="False")
    assert list_foreign_writes(stage) == []


async def test_a_workload_that_is_not_there_is_told_and_taken_up_when_it_comes(stage: ControllerStage) -> None:
    async with stage.controller():
        await apply(stage, STATEFUL_SET)
        told = await stage.until_condition("Stalled", status="True", reason="WorkloadNotFound")
        assert told["message"].startswith("StatefulSet theirs does not exist")
        await run_stateful_set(stage)
        await say(stage, dict.fromkeys(NAMES, "fresh"))
        await stage.until_weights(dict.fromkeys(NAMES, 100))
        await stage.until_condition("Stalled", status="False")
        await stage.client.delete(STATEFUL_SET, stage.namespace, "theirs")
        for name in NAMES:
            await stage.cluster.end_pod(name)
        await stage.until_condition("Stalled", reason="WorkloadNotFound")
        await stage.until_weights({})
        # Made anew under another selector, beside a pod that the old one has left behind.
        await run_stateful_set(stage, "theirs-0", "theirs-1", replicas=2, labels={"app": "renamed"})
        await stage.until_weights({"theirs-0": 100, "theirs-1": 100})
        await stage.until_condition("Stalled", status="False")


async def test_a_workload_of_a_pool_is_refused_to_another(stage: ControllerStage) -> None:
    async with stage.controller():
        await stage.apply("owner", version="v30.0.0")
        await stage.until_there(STATEFUL_SET, "owner")
        await apply(stage, STATEFUL_SET, workloadRef=name_workload(STATEFUL_SET, "owner"))
        told = await stage.until_condition("Stalled", reason="WorkloadTaken")
        assert "belongs to ReadOnlyPool owner" in told["message"]


async def test_of_two_pools_before_one_workload_the_first_has_it_until_it_goes(stage: ControllerStage) -> None:
    await run_stateful_set(stage)
    async with stage.controller():
        await apply(stage, STATEFUL_SET, "first")
        await say(stage, dict.fromkeys(NAMES, "fresh"), "first")
        await stage.until_weights(dict.fromkeys(NAMES, 100))
        await apply(stage, STATEFUL_SET, "second")
        await say(stage, dict.fromkeys(NAMES, "fresh"), "second")
        await stage.until_condition("Stalled", pool="second", reason="WorkloadTaken")
        await stage.until_condition("Stalled", pool="first", status="False")
        await stage.client.delete(POOL, stage.namespace, "first")
        await stage.until_condition("Stalled", pool="second", status="False")


async def test_a_port_that_pods_do_not_have_is_told_and_such_a_pod_gets_no_readers(stage: ControllerStage) -> None:
    workload = await run_stateful_set(stage, "theirs-0", "theirs-1")
    played = PlayedWorkloads(stage.client, stage.namespace)
    await played.run_pod(workload, "theirs-2", "10.9.0.3", ports=[{"name": "other", "containerPort": 9}])
    async with stage.controller():
        await apply(stage, STATEFUL_SET)
        await say(stage, dict.fromkeys(NAMES, "fresh"))
        told = await stage.until_condition("Stalled", reason="PortNotFound")
        assert told["message"] == "probe.port: no container of theirs-2 has a port named http"
        await stage.until_weights({"theirs-0": 100, "theirs-1": 100})


async def test_whoever_else_scales_the_workload_is_named(stage: ControllerStage) -> None:
    await run_stateful_set(stage)
    async with stage.controller():
        await apply(stage, STATEFUL_SET, autoscaling={"enabled": True})
        await stage.until_condition("Autoscaling", reason="KedaMissing")
        played = PlayedWorkloads(stage.client, stage.namespace)
        await played.make_autoscaler(name_workload(STATEFUL_SET))
        told = await stage.until_condition("Autoscaling", status="True", reason="ScaledByOther")
        assert "HorizontalPodAutoscaler theirs" in told["message"]


async def allow(stage: ControllerStage, name: str, rules: list[dict[str, Any]]) -> None:
    """Allow the account without deployments something in the stage's namespace."""
    base = f"/apis/{RBAC}/namespaces/{stage.namespace}"
    metadata = {"name": name, "namespace": stage.namespace}
    body: dict[str, Any] = {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules}
    await stage.client.request("POST", f"{base}/roles", body=body)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subjects = [{"kind": "User", "name": "half-blind", "apiGroup": "rbac.authorization.k8s.io"}]
    body = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects}
    await stage.client.request("POST", f"{base}/rolebindings", body=body)


async def test_a_workload_that_may_not_be_listed_is_told_and_seen_once_it_may(stage: ControllerStage) -> None:
    played = PlayedWorkloads(stage.client, stage.namespace)
    replica_set = await played.make_replica_set(await played.make(DEPLOYMENT), "theirs-1")
    await played.run_pod(replica_set, "theirs-1-a", "10.9.0.1")
    await allow(
        stage,
        "most",
        [
            {"apiGroups": [group], "resources": ["*"], "verbs": ["*"]}
            for group in ("", "stellar.org", "discovery.k8s.io", "networking.k8s.io", "policy", "coordination.k8s.io")
        ]
        + [{"apiGroups": ["events.k8s.io", "autoscaling"], "resources": ["*"], "verbs": ["*"]}]
        + [{"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]}],
    )
    stage.relay.user = "half-blind"
    async with stage.controller():
        await apply(stage, DEPLOYMENT)
        await say(stage, {"theirs-1-a": "fresh"})
        told = await stage.until_condition("Stalled", status="True", reason="WorkloadNotVisible")
        assert "cannot list deployments in namespace" in told["message"]
        await allow(stage, "rest", [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list", "watch"]}])
        await stage.until_weights({"theirs-1-a": 100})
        await stage.until_condition("Stalled", status="False")
    stage.relay.user = None


async def test_a_controller_that_starts_anew_keeps_the_readers(stage: ControllerStage) -> None:
    await run_stateful_set(stage)
    async with stage.controller():
        await apply(stage, STATEFUL_SET)
        await say(stage, dict.fromkeys(NAMES, "fresh"))
        await stage.until_weights(dict.fromkeys(NAMES, 100))
        await stage.until_quiet()
    written = len(stage.relay.writes)
    async with stage.controller():
        await stage.until_quiet()
    assert stage.relay.writes[written:] == []
