"""What replicas served when they fell behind sizes the pool by its load from then on, before anybody lags again.

Cut off from their peers under a steady load, they fall behind within seconds, and lag as starved ones do while their
ledgers still count as advancing. That too much load does it by itself is test_full_capacity.
"""

import time
from collections.abc import Iterator

import pytest

from scaler.policy import BEARING_LOAD
from tests.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import PoolRouter, run_routed_pool
from tests.e2e.cluster.pool_story import Story
from tests.e2e.cluster.port_cuts import without_peers
from tests.e2e.cluster.read_only_pool import build_pool
from tests.e2e.cluster.steady_readers import fail_on, keep_reading

TARGET = 2
RATE = 10.0
"""Requests/s for each of the first replicas, when they fall behind."""
SETTLED_SECONDS = 75.0
"""A replica that has been fresh for less than a minute teaches nothing."""
LEARNED_SECONDS = 60.0
SLACK = 0.2
"""How far what was learned may be from the rate: the routers share it out by weights, not in turn."""
LITTLE, MUCH = 0.4, 0.95
"""Shares of what a replica bears: one that two bear by far, and one that is more than is planned for them."""
GROWN_SECONDS = 180.0
BACK_SECONDS = 180.0


@pytest.fixture
def router(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool of two, which may not grow yet."""
    sizes = dict.fromkeys(("minReplicas", "targetReplicas", "maxReplicas"), TARGET)
    manifest = build_pool("core", core_network, **sizes, references=[core_network.reference])
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        yield router


def test_a_pool_whose_replicas_fell_behind_at_some_load_grows_by_its_load_before_they_do_again(
    cluster: ProvidedCluster, router: PoolRouter, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    pool, first = router.pool, Story(scaler_release, router.pool)
    pods = [pool.pod(ordinal) for ordinal in range(TARGET)]
    with keep_reading(router.address, 1 / (TARGET * RATE)) as asked:
        time.sleep(SETTLED_SECONDS)  # how long a replica has been fresh shows in no condition
        assert "learnedRequestsPerReplica" not in pool.status()
        with without_peers(cluster, pool, pods, core_network):
            pool.wait_for("it has learned", lambda: "learnedRequestsPerReplica" in pool.status(), LEARNED_SECONDS)
        learned = float(pool.status()["learnedRequestsPerReplica"])
        assert learned == pytest.approx(RATE, rel=SLACK)

        asked.every_seconds = 1 / (TARGET * LITTLE * learned)
        pool.wait_until_fresh(TARGET, BACK_SECONDS)
        pool.wait_for("all scalers are calm", first.is_calm, BACK_SECONDS)
        pool.change({"maxReplicas": 3 * TARGET})
        again = Story(scaler_release, pool)
        asked.every_seconds = 1 / (TARGET * MUCH * learned)
        pool.wait_for("it grows", lambda: pool.pool()["spec"]["replicas"] > TARGET, GROWN_SECONDS)
        grown = time.time() - again.since
        pool.wait_for("the new one is fresh", lambda: pool.status()["freshReplicas"] > TARGET, BACK_SECONDS)
    print(f"learned {learned:.2f} a replica of {RATE}; grew after {grown:.0f} s; {asked}")  # noqa: T201
    assert not again.laggards()
    assert BEARING_LOAD in {event.fields["reason"] for event in again.decisions()}
    fail_on(asked.failed(), asked)
