"""What a pool before a workload writes, and what it leaves alone: stories of one observation each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from controller.cluster.trims import trim_pod
from controller.observed.observed import ObservedPool
from controller.observed.workload import WorkloadView, write_selector
from controller.plan.plan import Plan, plan_pool
from devtools.pools.workload_manifests import CORE, HORIZON, RPC
from readpool.kubernetes.kinds import ENDPOINT_SLICE, Kind, Manifest, kind_of
from readpool.pool.status import PoolStatus
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import EVERYTHING, FRESH, LAGGING, NOW, SETTINGS, build_pool, build_view, observe

NAMES = ("stellar-rpc-0", "stellar-rpc-1", "stellar-rpc-2")
SCALED = RPC | {"loadBalancing": {"enabled": True}}
ALONE = SCALED | {"autoscaling": {"enabled": False}}


def build_pod(number: int, *, port: str = "http", **status: Any) -> dict[str, Any]:
    """Build a pod as a chart of somebody else's makes it."""
    container = {"name": "node", "ports": [{"name": port, "containerPort": 8000}]}
    told = {"phase": "Running", "podIP": f"10.0.0.{number + 1}", "conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": NAMES[number], "namespace": "default", "uid": f"uid-{number}"}
    return {"metadata": metadata, "spec": {"containers": [container]}, "status": told | status}


def build_workload(replicas: int = 3) -> Manifest:
    """Build a workload of so many replicas."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "rpc", "a": "b"}}}
    return {"metadata": {"name": "stellar-rpc", "namespace": "default", "uid": "uid"}, "spec": spec}


def see(
    spec: Mapping[str, Any], *classes: ReplicaClass, view: WorkloadView | None = None, **fields: Any
) -> ObservedPool:
    """Observe a pool before a workload whose pods run and are of these classes."""
    pool = build_pool(**spec)
    pods = tuple(build_pod(number) for number in range(len(classes)))
    views = tuple(
        replace(build_view(pool, number, one), name=NAMES[number], address=f"10.0.0.{number + 1}:8000")
        for number, one in enumerate(classes)
    )
    seen = observe(pool)
    assert seen.fleet is not None
    fleet = replace(seen.fleet, replicas=views)
    workload = WorkloadView(build_workload(len(classes))) if view is None else view
    return replace(replace(seen, pods=pods, fleet=fleet, workload=workload), **fields)


def plan(observed: ObservedPool) -> Plan:
    """Plan at the time of all these stories."""
    return plan_pool(observed, SETTINGS, NOW)


def list_names(planned: Plan) -> list[str]:
    """List what is applied, by kind and name."""
    return [f"{one['kind']} {one['metadata']['name']}" for one in planned.applied]


def read_weights(planned: Plan) -> dict[str, int]:
    """Read the weights of the readers' slices."""
    return {
        endpoint["targetRef"]["name"]: int(one["metadata"]["annotations"]["stellar.org/weight"])
        for one in planned.applied
        if kind_of(one) == ENDPOINT_SLICE and "stellar.org/weight" in one["metadata"]["annotations"]
        for endpoint in one["endpoints"]
    }


def read_condition(planned: Plan, kind: str) -> tuple[str, str]:
    """Read status and reason of a condition."""
    return next((one["status"], one["reason"]) for one in planned.status["conditions"] if one["type"] == kind)


def test_it_writes_services_slices_and_a_scaled_object_and_nothing_that_pods_are_made_of() -> None:
    planned = plan(see(SCALED, FRESH, FRESH, FRESH))
    assert list_names(planned) == [
        "Service pool-nodes",
        "Service pool",
        "EndpointSlice pool-nodes-ipv4-8000-0",
        "EndpointSlice pool-fresh-0",
        "ScaledObject pool",
    ]
    assert (planned.delete, planned.pod_patches, planned.replicas) == ((), (), None)


def test_what_keda_scales_is_the_workload_itself() -> None:
    (scaled,) = [one for one in plan(see(SCALED, FRESH)).applied if one["kind"] == "ScaledObject"]
    assert scaled["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "stellar-rpc"}
    assert scaled["spec"]["triggers"][0]["metadata"]["pool"] == "pool"


@pytest.mark.parametrize(
    ("spec", "view", "optional_kinds"),
    [
        pytest.param(ALONE, WorkloadView(build_workload()), EVERYTHING, id="autoscaling is off"),
        pytest.param(SCALED, WorkloadView(build_workload()), frozenset(), id="there is no KEDA"),
        pytest.param(SCALED, WorkloadView(build_workload(), scaled_by="HPA x"), EVERYTHING, id="somebody scales it"),
        pytest.param(SCALED, WorkloadView(build_workload(), taken_by="x"), EVERYTHING, id="another pool has it"),
        pytest.param(SCALED, WorkloadView(), EVERYTHING, id="it is not there"),
    ],
)
def test_nobody_scales_a_workload_that_is_not_the_pools_to_scale(
    spec: Mapping[str, Any], view: WorkloadView, optional_kinds: frozenset[Kind]
) -> None:
    planned = plan(see(spec, FRESH, FRESH, FRESH, view=view, optional_kinds=optional_kinds))
    assert "ScaledObject pool" not in list_names(planned)


def test_a_laggard_has_no_readers_beside_as_many_fresh_ones_as_the_workload_has_or_the_target_asks_for() -> None:
    fields = {"targetReplicas": 3, "minReplicas": 1}
    three = plan(see(ALONE | {"targetReplicas": 2, "minReplicas": 1}, FRESH, FRESH, LAGGING))
    assert read_weights(three) == {"stellar-rpc-0": 100, "stellar-rpc-1": 100}
    assert read_weights(plan(see(ALONE | fields, FRESH, FRESH, LAGGING)))["stellar-rpc-2"] == 10


def test_a_workload_of_fewer_replicas_than_the_target_is_fresh_when_all_of_it_is() -> None:
    assert read_condition(plan(see(ALONE, FRESH, FRESH)), "Fresh") == ("True", "EnoughFresh")
    assert read_condition(plan(see(SCALED, FRESH, FRESH)), "Fresh")[0] == "True"


def test_a_workload_of_no_replicas_is_not_fresh() -> None:
    planned = plan(see(ALONE))
    assert read_condition(planned, "Fresh")[0] == "False"
    assert read_condition(planned, "Routing") == ("False", "NoEndpoints")


def test_a_workload_that_is_not_seen_yet_changes_nothing_at_all() -> None:
    planned = plan(see(SCALED, FRESH, view=WorkloadView(is_seen=False)))
    assert planned.is_empty


def test_a_workload_that_may_not_be_seen_is_told_and_keeps_its_readers() -> None:
    planned = plan(see(SCALED, FRESH, view=WorkloadView(is_seen=False, unseen="cannot list pods: no")))
    assert (planned.applied, planned.delete) == ((), ())
    assert read_condition(planned, "Stalled") == ("True", "WorkloadNotVisible")
    again = see(SCALED, FRESH, view=WorkloadView(is_seen=False, unseen="cannot list pods: no"))
    told = PoolStatus.model_validate(planned.status)
    assert plan(replace(again, pool=replace(again.pool, status=told))).is_empty


@pytest.mark.parametrize(
    ("view", "reason"),
    [(WorkloadView(), "WorkloadNotFound"), (WorkloadView(build_workload(), taken_by="x"), "WorkloadTaken")],
)
def test_a_workload_that_is_not_the_pools_leaves_it_stalled_and_without_readers(
    view: WorkloadView, reason: str
) -> None:
    planned = plan(see(SCALED, FRESH, FRESH, view=view))
    assert read_condition(planned, "Stalled") == ("True", reason)
    assert read_weights(planned) == {}


def test_readers_of_core_go_to_its_query_port_and_the_scaler_to_its_command_port() -> None:
    pods = tuple(replace_name(build_pod(number), f"core-{number}") for number in range(2))
    planned = plan(see(CORE, FRESH, FRESH, pods=pods, view=WorkloadView(build_workload(2))))
    slices = {
        one["metadata"]["name"]: one["ports"][0]["port"] for one in planned.applied if one["kind"] == "EndpointSlice"
    }
    assert slices == {"pool-nodes-ipv4-11626-0": 11626, "pool-fresh-0": 11627}


def test_a_pod_without_the_named_port_gets_no_readers_and_is_told() -> None:
    pods = (build_pod(0), build_pod(1, port="other"))
    planned = plan(see(HORIZON | {"loadBalancing": {"enabled": True}}, FRESH, FRESH, pods=pods))
    assert read_weights(planned) == {"stellar-rpc-0": 100}
    assert read_condition(planned, "Stalled") == ("True", "PortNotFound")


def test_a_surge_leaves_the_pool_ready() -> None:
    view = WorkloadView(build_workload(2))
    planned = plan(see(ALONE, FRESH, FRESH, FRESH, view=view))
    assert read_condition(planned, "Ready") == ("True", "EnoughReady")
    assert len(read_weights(planned)) == 3


def test_a_container_that_has_crashed_serves_nobody_but_a_sidecar_may() -> None:
    dead: dict[str, Any] = {
        "containerStatuses": [{"name": "node", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    }
    beside: dict[str, Any] = {
        "containerStatuses": [{"name": "sidecar", "state": {"terminated": {}}}, {"name": "node", "state": {}}]
    }
    pods = (build_pod(0), build_pod(1, **dead), build_pod(2, **beside))
    assert read_weights(plan(see(ALONE, FRESH, FRESH, FRESH, pods=pods))).keys() == {"stellar-rpc-0", "stellar-rpc-2"}


def build_pod_with_sidecar(number: int, state: str, **container: Any) -> dict[str, Any]:
    """Build a pod whose port for readers is that of a native sidecar, as the API server gives it."""
    pod = build_pod(number, port="inside")
    sidecar = {"name": "proxy", "ports": [{"name": "http", "containerPort": 9000}], "restartPolicy": "Always"}
    done = {"name": "prepare", "ports": [{"name": "http", "containerPort": 7000}]}
    pod["spec"]["initContainers"] = [done, sidecar | container]
    pod["status"]["initContainerStatuses"] = [
        {"name": "prepare", "state": {"terminated": {"exitCode": 0}}},
        {"name": "proxy", "state": {state: {}}},
    ]
    pod["status"]["containerStatuses"] = [{"name": "node", "state": {"running": {}}}]
    return trim_pod(pod)


def test_a_native_sidecar_may_have_the_port_of_readers_and_serves_while_it_runs() -> None:
    pods = (build_pod_with_sidecar(0, "running"), build_pod_with_sidecar(1, "waiting"))
    planned = plan(see(HORIZON | {"loadBalancing": {"enabled": True}}, FRESH, FRESH, pods=pods))
    assert read_weights(planned) == {"stellar-rpc-0": 100}
    slices = [one for one in planned.applied if one["metadata"]["name"] == "pool-fresh-0"]
    assert [one["ports"][0]["port"] for one in slices] == [9000]
    assert read_condition(planned, "Stalled")[0] == "False"


def test_a_port_of_another_protocol_is_not_the_one_of_its_name() -> None:
    udp = [{"name": "http", "containerPort": 9000, "protocol": "UDP"}]
    pod = build_pod_with_sidecar(0, "running", ports=udp)
    planned = plan(see(HORIZON | {"loadBalancing": {"enabled": True}}, FRESH, pods=(pod,)))
    assert read_condition(planned, "Stalled") == ("True", "PortNotFound")


@pytest.mark.parametrize(
    ("selector", "written"),
    [
        ({"matchLabels": {"b": "1", "a": "2"}}, "a=2,b=1"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]},
            "a,!b",
        ),
        ({}, ""),
    ],
)
def test_selectors_are_written_as_the_api_server_reads_them(selector: Mapping[str, Any], written: str) -> None:
    assert write_selector({"spec": {"selector": selector}}) == written


def replace_name(pod: dict[str, Any], name: str) -> dict[str, Any]:
    """Rename a pod."""
    return pod | {"metadata": pod["metadata"] | {"name": name}}
