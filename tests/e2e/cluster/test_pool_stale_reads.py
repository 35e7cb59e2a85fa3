"""A replica is cut off from its peers and still answers: who reads old ledgers, by the router and by kube-proxy.

The same readers, at the same time, go through the chart's router and through a plain Service with a selector on the
same pods, which is what people have without a controller. Each answer says the ledger that it was given at.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from devtools.strictness import skip_where_impossible
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import ROUTER_PORT, PoolRouter, run_routed_pool
from tests.e2e.cluster.port_cuts import without_peers
from tests.e2e.cluster.read_only_pool import LAG_THRESHOLD, POOL_LABEL, PoolView, build_pool
from tests.e2e.cluster.stale_answers import Staleness, collect_newest, count_stale
from tests.e2e.cluster.steady_readers import Asked, fail_on, keep_reading, read_times

TARGET = 3
PLAIN = "plain"
FURTHER_LEDGERS = 20
"""How far the laggard is behind before answers are counted."""
MOST_LEDGERS = 100
COUNTED_SECONDS = 30.0
NOTICED_SECONDS = 60.0
BACK_SECONDS = 180.0
TOLD_SECONDS = 1.0
"""From a changed EndpointSlice, as it is seen here, until the routers go by it."""


@pytest.fixture
def router(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool of three that sends no reader to a laggard."""
    if not cluster.is_ours:
        skip_where_impossible("reach a Service from outside this cluster but by one of its pods")
    balancing = {"enabled": True, "lagThreshold": LAG_THRESHOLD, "laggingNodeWeight": 0}
    manifest = build_pool("core", core_network, autoscaling={"enabled": False}, loadBalancing=balancing)
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        yield router


@pytest.mark.full  # without a cluster: tests/e2e/api/test_controller_routes_real.py
def test_no_answer_is_stale_after_the_shift_while_a_plain_service_gives_many(
    cluster: ProvidedCluster, router: PoolRouter, core_network: CoreNetwork
) -> None:
    pool, pod = router.pool, router.pool.pod(1)
    with (
        plain_service(pool) as plain,
        keep_reading(router.address, kept=0) as routed,
        keep_reading(plain, kept=0) as unrouted,
    ):
        began = time.monotonic()
        with without_peers(cluster, pool, [pod], core_network):
            pool.wait_for("nobody is sent to it", lambda: pod not in pool.routed(), NOTICED_SECONDS)
            shifted = time.monotonic() + TOLD_SECONDS
            pool.wait_for(
                "it is far behind", lambda: pool.replica(pod).get("lag", 0) >= FURTHER_LEDGERS, NOTICED_SECONDS
            )
            time.sleep(COUNTED_SECONDS)  # what is counted is what is answered meanwhile
            ended, lag = time.monotonic(), pool.replica(pod)["lag"]
    newest = collect_newest([*routed.requests, *unrouted.requests])

    def count(asked: Asked, since: float, until: float) -> Staleness:
        return count_stale(asked.requests, newest, LAG_THRESHOLD, since, until)

    print(f"shifted {shifted - TOLD_SECONDS - began:.1f} s after the cut, at the end {lag} ledgers behind")  # noqa: T201
    for way, asked in (("router", routed), ("plain Service", unrouted)):
        print(f"{way}: {asked}; before {count(asked, began, shifted)}, after {count(asked, shifted, ended)}")  # noqa: T201
    fail_on(routed.failed(), routed)
    assert count(routed, shifted, ended).stale == 0
    plain_answers = count(unrouted, shifted, ended)
    assert plain_answers.stale >= plain_answers.answers / 5, "a third of them, give or take"
    assert FURTHER_LEDGERS <= lag <= MOST_LEDGERS
    pool.wait_until_fresh(TARGET, BACK_SECONDS)


@contextmanager
def plain_service(pool: PoolView) -> Iterator[str]:
    """Yield the address of a Service with a selector on the pool's pods while the block runs; Kubernetes fills it."""
    spec = {"selector": {POOL_LABEL: pool.name}, "ports": [{"port": ROUTER_PORT, "targetPort": ROUTER_PORT}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": PLAIN}, "spec": spec}
    pool.access.apply(service, namespace=pool.namespace)

    def is_filled() -> bool:
        slices = pool.access.list("endpointslices", pool.namespace, f"kubernetes.io/service-name={PLAIN}")
        ready = [one for part in slices for one in part.get("endpoints") or () if one["conditions"]["ready"]]
        return len(ready) == TARGET

    pool.wait_for("the plain Service leads to all", is_filled)
    with pool.access.port_forward(pool.namespace, f"service/{PLAIN}", ROUTER_PORT) as address:
        wait_for("kube-proxy to know it", lambda: not read_times(address, 1).failed(), NOTICED_SECONDS)
        yield address
