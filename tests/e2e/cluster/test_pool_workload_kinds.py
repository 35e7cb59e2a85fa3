"""Pools before workloads that they do not own: Core, RPC and Horizon get readers, and stay as they were."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from devtools.cluster.access import Access
from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.light_nodes import build_light_fleet, set_light_node
from tests.e2e.cluster.light_readers import (
    CORE_NETWORK,
    READERS_NETWORK,
    build_light_readers,
    build_pool_before,
    set_lag,
)
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool

KINDS: Mapping[str, tuple[str, str, int]] = {
    "core": ("StatefulSet", CORE_NETWORK, 3),
    "rpc": ("Deployment", READERS_NETWORK, 2),
    "horizon": ("Deployment", READERS_NETWORK, 2),
}
"""What runs: its workload's kind, its network, how many replicas."""
FAR_BEHIND = 500
NOTICED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Before:
    """A pool, and the workload that it stands before; `was` is the workload as it was before the pool came."""

    view: PoolView
    kind: str
    was: Mapping[str, Any]

    def workload(self) -> dict[str, Any]:
        """Return the workload as it is now."""
        kind, _, _ = KINDS[self.kind]
        return self.view.access.get(kind.lower(), self.kind, self.view.namespace) or {}

    def pods(self) -> list[str]:
        """Name the workload's pods that are not on their way out."""
        found = self.view.access.list("pods", self.view.namespace, f"app={self.kind}")
        return sorted(one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"])

    def wait_until_all_serve(self) -> None:
        """Wait until readers are sent to all pods alike."""
        self.view.wait_for("all serve", lambda: self.view.routed() == dict.fromkeys(self.pods(), 100))


@pytest.fixture(scope="module")
def pools(cluster: ProvidedCluster, module_namespace: str, scaler_release: OwnRelease) -> dict[str, Before]:
    """Run the workloads, then put a pool before each; the tests go on from each other."""
    assert scaler_release.pods()
    access, image = cluster.access, cluster.images.readpool
    access.apply(*build_light_fleet("core", image, KINDS["core"][2]), namespace=module_namespace)
    for kind in ("rpc", "horizon"):
        access.apply(*build_light_readers(kind, image, KINDS[kind][2]), namespace=module_namespace)
    for kind, (workload, _, _) in KINDS.items():
        access.kubectl("rollout", "status", f"{workload.lower()}/{kind}", f"--namespace={module_namespace}")
    return {kind: put_before(access, module_namespace, kind) for kind in KINDS}


def put_before(access: Access, namespace: str, kind: str) -> Before:
    """Put a pool before a workload."""
    workload, network, _ = KINDS[kind]
    was = access.get(workload.lower(), kind, namespace) or {}
    view = apply_pool(access, namespace, build_pool_before(f"{kind}-reads", kind, workload, network))
    return Before(view, kind, was)


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_its_pods_are_fresh_and_get_readers(pools: dict[str, Before], kind: str) -> None:
    pools[kind].view.wait_until_fresh(KINDS[kind][2])
    pools[kind].wait_until_all_serve()


def test_one_that_lags_loses_its_readers_and_gets_them_back(cluster: ProvidedCluster, pools: dict[str, Before]) -> None:
    core, horizon = pools["core"], pools["horizon"]
    late = horizon.pods()[0]
    set_light_node(cluster.access, core.view.namespace, "core-1", {"lag_ledgers": FAR_BEHIND})
    set_lag(cluster.access, horizon.view.namespace, late, FAR_BEHIND)
    core.view.wait_for(
        "two serve", lambda: core.view.routed() == {"core-0": 100, "core-2": 100}, seconds=NOTICED_SECONDS
    )
    horizon.view.wait_for("one serves", lambda: list(horizon.view.routed()) == horizon.pods()[1:], NOTICED_SECONDS)
    horizon.view.wait_for("too few are fresh", lambda: horizon.view.condition("Fresh")["reason"] == "TooFewFresh")
    set_light_node(cluster.access, core.view.namespace, "core-1", {"lag_ledgers": 0})
    set_lag(cluster.access, horizon.view.namespace, late, 0)
    core.wait_until_all_serve()
    horizon.wait_until_all_serve()


def test_readers_follow_a_rolling_update_and_are_never_without_a_pod(pools: dict[str, Before]) -> None:
    horizon = pools["horizon"]
    before = set(horizon.pods())
    patch = {"spec": {"template": {"metadata": {"annotations": {"example.com/round": "2"}}}}}
    horizon.view.access.kubectl(
        "patch", "deployment", "horizon", f"--namespace={horizon.view.namespace}", f"--patch={json.dumps(patch)}"
    )
    served: list[dict[str, int]] = []
    deadline = time.monotonic() + 120.0
    while not served or set(served[-1]) != set(horizon.pods()) or before & set(served[-1]):
        served.append(horizon.view.routed())
        assert time.monotonic() < deadline, served[-3:]
    assert all(served)


def test_keda_scales_the_workload_itself(pools: dict[str, Before]) -> None:
    rpc = pools["rpc"]
    rpc.view.change({"targetReplicas": 3, "autoscaling": {"enabled": True}})
    rpc.view.wait_for("KEDA scales it", lambda: rpc.view.condition("Autoscaling").get("reason") == "ScaledByKeda")
    rpc.view.wait_for("it has three", lambda: rpc.workload()["spec"]["replicas"] == 3)
    rpc.view.wait_until_fresh(3)
    rpc.wait_until_all_serve()
    assert rpc.view.pool()["spec"]["replicas"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_that_goes_leaves_its_workload_as_it_was(pools: dict[str, Before], kind: str) -> None:
    before, access, namespace = pools[kind], pools[kind].view.access, pools[kind].view.namespace
    pods, then = before.pods(), before.workload()
    access.delete("readonlypool", before.view.name, namespace)
    names = ("services", "endpointslices", "scaledobjects")
    before.view.wait_for(
        "all of it goes",
        lambda: not [one for name in names for one in access.list(name, namespace, f"stellar.org/pool={kind}-reads")],
    )
    now = before.workload()
    assert now["metadata"]["generation"] == then["metadata"]["generation"]
    assert before.pods() == pods
    assert (now["spec"], now["metadata"].get("labels")) == (then["spec"], before.was["metadata"].get("labels"))
    if kind == "core":  # the one that nobody scaled or rolled out
        assert now["metadata"]["generation"] == before.was["metadata"]["generation"]
        assert now["spec"] == before.was["spec"]


@pytest.mark.full
def test_a_workload_that_is_made_anew_is_taken_up_again(cluster: ProvidedCluster, pools: dict[str, Before]) -> None:
    namespace = pools["core"].view.namespace
    again = put_before(cluster.access, namespace, "core")
    again.view.wait_until_fresh(3)
    cluster.access.delete("statefulset", "core", namespace)
    again.view.wait_for("it is missed", lambda: again.view.condition("Stalled").get("reason") == "WorkloadNotFound")
    again.view.wait_for("no one serves", lambda: again.view.routed() == {})
    cluster.access.apply(*build_light_fleet("core", cluster.images.readpool, 2), namespace=namespace)
    again.view.wait_until_fresh(2)
    again.wait_until_all_serve()


@pytest.mark.full
def test_a_halt_of_the_network_keeps_readers_and_size(cluster: ProvidedCluster, pools: dict[str, Before]) -> None:
    namespace = pools["core"].view.namespace
    core = put_before(cluster.access, namespace, "core")
    core.view.wait_until_fresh(len(core.pods()))
    size, frozen = core.workload()["spec"]["replicas"], time.time()
    core.view.change({"targetReplicas": 4, "autoscaling": {"enabled": False}})
    for pod in core.pods():
        set_light_node(cluster.access, namespace, pod, {"frozen_at": frozen})
    core.view.wait_for(
        "the halt is told", lambda: core.view.condition("Fresh").get("reason") == "NetworkHalted", seconds=240.0
    )
    assert core.view.routed() == dict.fromkeys(core.pods(), 100)
    assert core.workload()["spec"]["replicas"] == size
