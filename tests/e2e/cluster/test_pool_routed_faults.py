"""Readers go on reading through the chart's router while scalers, API server or controllers are away, or all lag.

A replica that is to be cut off keeps its readers: what is cut is one port of it, to its peers or to the scaler.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from devtools.cluster.lifecycle import is_serving
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.keda_view import wait_until_keda_is_back
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import PoolRouter, run_routed_pool
from tests.e2e.cluster.port_cuts import without_peers, without_port
from tests.e2e.cluster.read_only_pool import PoolView, build_pool
from tests.e2e.cluster.steady_readers import Asked, fail_on, keep_reading, wait_for_requests

TARGET = 3
INFO_PORT = 11627
REQUESTS = 100
"""Sent while something is away: five seconds of them."""
NOTICED_SECONDS = 60.0
BACK_SECONDS = 120.0
OTHER_WEIGHT = 90


@pytest.fixture(scope="module")
def router(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool of three that has the validator's word for the newest ledger."""
    manifest = build_pool("core", core_network, autoscaling={"enabled": False}, references=[core_network.reference])
    with run_routed_pool(cluster, scaler_release, module_namespace, manifest) as router:
        yield router


@pytest.fixture
def whole(router: PoolRouter) -> PoolRouter:
    """Wait until all replicas are fresh and all routers told before the test."""
    router.pool.wait_until_fresh(TARGET)
    wait_for("the routers to be told", router.is_told, BACK_SECONDS)
    return router


def test_no_request_fails_while_both_scalers_are_away(
    cluster: ProvidedCluster, whole: PoolRouter, scaler_release: OwnRelease
) -> None:
    pool, namespace = whole.pool, scaler_release.namespace
    with keep_reading(whole.address) as asked:
        for pod in scaler_release.pods():
            cluster.faults.kill_process(namespace, pod, "scaler")
        with scaled_to_none(cluster, namespace, "scaler"):
            pool.wait_for("it says that the scaler is silent", lambda: find_ground(pool) == "ScalerUnreachable")
            wait_for_requests(asked, REQUESTS)
            assert "since 20" in pool.condition("Fresh")["message"]
            assert pool.routed() == {pool.pod(ordinal): 100 for ordinal in range(TARGET)}
            assert pool.pool()["spec"]["replicas"] == TARGET
        pool.wait_for("weights follow freshness again", lambda: find_ground(pool) == "WeightedByFreshness")
    tell("both scalers away", asked)
    fail_on(asked.failed(), asked)


def test_no_request_fails_while_the_api_server_is_away(cluster: ProvidedCluster, whole: PoolRouter) -> None:
    faults, pool = require_faults(cluster.faults, "stop_part", "start_part"), whole.pool
    replicas = pool.uids()
    with keep_reading(whole.address) as asked:
        faults.stop_part("kube-apiserver")
        try:
            wait_for_requests(asked, 2 * REQUESTS)
        finally:
            faults.start_part("kube-apiserver")
        wait_for("the API server to answer", lambda: is_serving(cluster.access), NOTICED_SECONDS)
        pool.change({"loadBalancing": {"freshNodeWeight": OTHER_WEIGHT}})
        pool.wait_for("it works again", lambda: set(pool.routed().values()) == {OTHER_WEIGHT}, NOTICED_SECONDS)
        pool.change({"loadBalancing": {"freshNodeWeight": 100}})
        wait_for("the routers to be told", whole.is_told, BACK_SECONDS)
    tell("the API server away", asked)
    wait_until_keda_is_back(cluster.access)
    assert pool.uids() == replicas
    fail_on(asked.failed(), asked)


@pytest.mark.parametrize("way", [pytest.param("ended", marks=pytest.mark.full), "cut off"])
def test_no_request_fails_without_controllers_and_what_changed_meanwhile_is_told_when_they_are_back(
    way: str, cluster: ProvidedCluster, whole: PoolRouter, scaler_release: OwnRelease
) -> None:
    pool, pod = whole.pool, whole.pool.pod(1)
    require_faults(cluster.faults, "cut_port", "cut_network")
    away = scaled_to_none if way == "ended" else cut_off
    with keep_reading(whole.address) as asked, ExitStack() as stack:
        with away(cluster, scaler_release.namespace, "controller"):
            wait_for("the routers to have lost them", lambda: whole.count_connected() == 0, NOTICED_SECONDS)
            stack.enter_context(without_port(cluster, pool, [pod], INFO_PORT))
            wait_for_requests(asked, REQUESTS)
            assert pod in pool.routed()
        began = time.monotonic()
        pool.wait_for("nobody is sent to it", lambda: pod not in pool.routed(), NOTICED_SECONDS)
        wait_for("the routers to be told so", lambda: is_left_alone(whole, pod, asked), NOTICED_SECONDS)
        seconds = time.monotonic() - began
    tell(f"controllers {way}, routers go by their word again after {seconds:.0f} s", asked)
    fail_on(asked.failed(), asked)


def test_no_request_fails_while_the_scaler_reaches_no_replica_and_readers_do(
    cluster: ProvidedCluster, whole: PoolRouter
) -> None:
    pool = whole.pool
    with keep_reading(whole.address) as asked:
        with without_port(cluster, pool, list_replicas(pool), INFO_PORT):
            pool.wait_for("it says so", lambda: find_ground(pool) == "NoneReachable", NOTICED_SECONDS)
            wait_for_requests(asked, REQUESTS)
            assert pool.routed()
        pool.wait_until_fresh(TARGET, BACK_SECONDS)
    tell("no replica answers the scaler", asked)
    fail_on(asked.failed(), asked)


def test_no_request_fails_while_all_replicas_lag(
    cluster: ProvidedCluster, whole: PoolRouter, core_network: CoreNetwork
) -> None:
    pool = whole.pool
    with keep_reading(whole.address) as asked:
        with without_peers(cluster, pool, list_replicas(pool), core_network):
            pool.wait_for("all lag", lambda: pool.status().get("laggingReplicas") == TARGET, NOTICED_SECONDS)
            pool.wait_for("it says so", lambda: find_ground(pool) == "NoneFresh", NOTICED_SECONDS)
            assert sorted(pool.routed()) == list_replicas(pool)
            wait_for_requests(asked, REQUESTS)
            lag = pool.status()["averageLag"]
        pool.wait_until_fresh(TARGET, BACK_SECONDS)
    tell(f"all lag, by {lag} ledgers", asked)
    fail_on(asked.failed(), asked)


@contextmanager
def scaled_to_none(cluster: ProvidedCluster, namespace: str, component: str) -> Iterator[None]:
    """Scale a Deployment of the release to none while the block runs; afterwards all its pods are ready again."""
    where = f"--namespace={namespace}"
    scale = ("scale", f"deployment/readpool-{component}", where)
    cluster.access.kubectl(*scale, "--replicas=0")
    try:
        wait_for("no pod", lambda: not list_pods(cluster, namespace, component), NOTICED_SECONDS)
        yield
    finally:
        cluster.access.kubectl(*scale, "--replicas=2")
        wait_for("new pods", lambda: len(list_pods(cluster, namespace, component)) == 2, NOTICED_SECONDS)
        pods = ("pods", f"--selector=app.kubernetes.io/component={component}", where)
        cluster.access.kubectl("wait", *pods, "--for=condition=Ready", "--timeout=60s", timeout=70)


@contextmanager
def cut_off(cluster: ProvidedCluster, namespace: str, component: str) -> Iterator[None]:
    """Cut the network of all pods of a Deployment while the block runs; the kubelet may start them again."""
    with ExitStack() as stack:
        for pod in list_pods(cluster, namespace, component):
            stack.callback(cluster.faults.restore_network, namespace, pod)
            cluster.faults.cut_network(namespace, pod)
        yield


def list_pods(cluster: ProvidedCluster, namespace: str, component: str) -> list[str]:
    found = cluster.access.list("pods", namespace, f"app.kubernetes.io/component={component}")
    return [pod["metadata"]["name"] for pod in found]


def list_replicas(pool: PoolView) -> list[str]:
    return [pool.pod(ordinal) for ordinal in range(TARGET)]


def find_ground(pool: PoolView) -> str:
    """Return what the weights rest on, by the reason of Routing."""
    return str(pool.condition("Routing").get("reason"))


def is_left_alone(router: PoolRouter, pod: str, asked: Asked) -> bool:
    """Return whether none of the next requests, so many that a share would show, is sent to a replica."""
    before = router.count_requests()
    wait_for_requests(asked, REQUESTS)
    after = router.count_requests()
    return after[pod] == before[pod] and sum(after.values()) - sum(before.values()) >= REQUESTS // 2


def tell(what: str, asked: Asked) -> None:
    print(f"{what}: {asked}")  # noqa: T201 - figures for whoever runs with -s
