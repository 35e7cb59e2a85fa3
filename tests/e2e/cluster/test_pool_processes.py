"""Another controller leads, a pool is paused, a replica is taken out of service: what is to stay stays."""

import time
from collections.abc import Iterator

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

TARGET = 2
LEASE = "readpool-controller"
CONTROLLER = "controller"
TAKEN_OVER_SECONDS = 20.0
OBSERVED_SECONDS = 8.0
NOTICED_SECONDS = 60.0
BACK_SECONDS = 180.0


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


def test_a_replica_that_is_taken_out_of_service_has_a_substitute_and_is_left_alone_until_it_is_back(
    cluster: ProvidedCluster, steady: PoolView
) -> None:
    out, mark, where = steady.pod(1), "stellar.org/out-of-service", f"--namespace={steady.namespace}"
    uid = steady.uids()[out]
    cluster.access.kubectl("annotate", "pod", out, f"{mark}=to look at its disk", where)
    steady.wait_for("nobody is sent to it", lambda: out not in steady.routed(), NOTICED_SECONDS)
    steady.wait_for("one more", lambda: steady.pool()["spec"]["replicas"] == TARGET + 1, NOTICED_SECONDS)
    steady.wait_for("enough are fresh beside it", lambda: steady.status().get("freshReplicas") == TARGET, BACK_SECONDS)
    assert out not in steady.routed()
    assert steady.replica(out)["outOfService"] is True
    assert f"out of service: {out}" in steady.condition("Fresh")["message"]
    cluster.access.kubectl("annotate", "pod", out, f"{mark}-", where)
    steady.wait_for("it serves again", lambda: out in steady.routed(), NOTICED_SECONDS)
    steady.wait_until_fresh(TARGET, BACK_SECONDS)
    assert steady.uids()[out] == uid


def read_leader(pool: PoolView, namespace: str) -> str:
    lease = pool.access.get("lease", LEASE, namespace) or {"spec": {}}
    return str(lease["spec"].get("holderIdentity") or "")
