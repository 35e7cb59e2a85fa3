"""Our own processes come and go, a pool is paused, and nothing of it moves."""

import time
from collections.abc import Iterator

import pytest

from devtools.cluster.lifecycle import is_serving
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from devtools.strictness import skip_where_impossible
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.keda_view import wait_until_keda_is_back
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

TARGET = 2
LEASE = "readpool-controller"
CONTROLLER = "controller"
TAKEN_OVER_SECONDS = 20.0
OBSERVED_SECONDS = 8.0
NOTICED_SECONDS = 60.0


@pytest.fixture(scope="module")
def pool(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> PoolView:
    """Apply a pool of two, and wait until both are fresh."""
    assert scaler_release.pods()
    sizes = {"targetReplicas": TARGET, "maxReplicas": TARGET + 1}
    view = apply_pool(cluster.access, module_namespace, build_pool("core", core_network, **sizes))
    view.wait_until_fresh(TARGET)
    return view


@pytest.fixture
def steady(pool: PoolView) -> Iterator[PoolView]:
    """Wait until the pool is as it was, before the test and after it."""
    pool.wait_until_fresh(TARGET)
    yield pool
    pool.wait_until_fresh(TARGET)


def test_another_controller_leads_within_twenty_seconds_of_a_kill(
    cluster: ProvidedCluster, steady: PoolView, scaler_release: OwnRelease
) -> None:
    namespace = scaler_release.namespace
    leader = read_leader(steady, namespace)
    cluster.access.kubectl("delete", "pod", leader, f"--namespace={namespace}", "--grace-period=0", "--force")
    began = time.monotonic()
    wait_for("another to lead", lambda: read_leader(steady, namespace) not in {"", leader}, 2 * TAKEN_OVER_SECONDS)
    cluster.access.kubectl("delete", "service", f"{steady.name}-nodes", f"--namespace={steady.namespace}")
    wait_for(
        "the Service to be there again",
        lambda: cluster.access.get("service", f"{steady.name}-nodes", steady.namespace),
        TAKEN_OVER_SECONDS,
    )
    assert time.monotonic() - began <= TAKEN_OVER_SECONDS
    assert steady.pool()["spec"]["replicas"] == TARGET


def test_without_scalers_weights_stay_and_status_says_since_when(
    cluster: ProvidedCluster, steady: PoolView, scaler_release: OwnRelease
) -> None:
    before, where = steady.routed(), f"--namespace={scaler_release.namespace}"
    cluster.access.kubectl("scale", "deployment/readpool-scaler", where, "--replicas=0")
    try:
        steady.wait_for(
            "it says that the scaler is silent",
            lambda: steady.condition("Routing").get("reason") == "ScalerUnreachable",
            NOTICED_SECONDS,
        )
        time.sleep(OBSERVED_SECONDS)  # that nothing happens shows in no condition
        assert "since 20" in steady.condition("Fresh")["message"]
        assert steady.routed() == before
        assert steady.pool()["spec"]["replicas"] == TARGET
    finally:
        cluster.access.kubectl("scale", "deployment/readpool-scaler", where, "--replicas=2")
        cluster.access.kubectl("rollout", "status", "deployment/readpool-scaler", where, "--timeout=60s", timeout=70)


def test_a_paused_pool_keeps_replicas_and_weights_whatever_happens(cluster: ProvidedCluster, steady: PoolView) -> None:
    before, pod = steady.routed(), steady.pod(1)
    steady.change({"paused": True})
    steady.wait_for("it says so", lambda: steady.condition("Routing").get("reason") == "Paused")
    cluster.faults.stop_process(steady.namespace, pod, CORE)
    try:
        steady.wait_for("it is seen", lambda: steady.status()["freshReplicas"] < TARGET, NOTICED_SECONDS)
        time.sleep(OBSERVED_SECONDS)  # that nothing happens shows in no condition
        assert steady.routed() == before
        assert steady.status()["currentReplicas"] == TARGET
    finally:
        cluster.faults.continue_process(steady.namespace, pod, CORE)
        steady.change({"paused": False})


def test_an_api_server_that_restarts_loses_nothing(cluster: ProvidedCluster, steady: PoolView) -> None:
    if not cluster.faults.is_able("restart_part"):
        skip_where_impossible("the parts of this cluster cannot be restarted")
    before, replicas = steady.routed(), {pod["metadata"]["uid"] for pod in steady.pods()}
    cluster.faults.restart_part("kube-apiserver")
    wait_for("the API server to answer", lambda: is_serving(cluster.access), NOTICED_SECONDS)
    cluster.access.kubectl("delete", "service", f"{steady.name}-nodes", f"--namespace={steady.namespace}")
    wait_for(
        "the controller to work again",
        lambda: cluster.access.get("service", f"{steady.name}-nodes", steady.namespace),
        NOTICED_SECONDS,
    )
    assert steady.routed() == before
    assert {pod["metadata"]["uid"] for pod in steady.pods()} == replicas
    wait_until_keda_is_back(cluster.access)


def read_leader(pool: PoolView, namespace: str) -> str:
    lease = pool.access.get("lease", LEASE, namespace) or {"spec": {}}
    return str(lease["spec"].get("holderIdentity") or "")
