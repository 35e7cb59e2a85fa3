"""From asked for to fresh: thirty new replicas that start from a snapshot, at the public network's own timing.

Ledgers take 5 s and checkpoints are of 64. The state is tiny, so what a new replica without a snapshot downloads for a
quarter of an hour is not in the figures. READPOOL_RESULTS names a file of figures that they are added to.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.__main__ import merge_results
from controller.snapshots.snapshots import SETTLED_SECONDS
from devtools.cluster.csi_storage import CsiStorage
from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_or_fail
from tests.e2e.cluster import pool_snapshots as seen
from tests.e2e.cluster.conftest import borrow_namespace
from tests.e2e.cluster.core_network import CoreNetwork, start_core_network
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool, build_pool

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200, func_only=True)]
TARGET = 2
ADDED = 10
"""New replicas of one round, all at once."""
ROUNDS = 3
MOST_SECONDS = 120.0
ASSUMED_SECONDS = 400.0
"""Who is not fresh by then fails the test: beyond a whole checkpoint."""
SETTLES_SECONDS = 240.0

Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def timely_network(cluster: ProvidedCluster, pytestconfig: pytest.Config) -> Iterator[CoreNetwork]:
    """Start a network with the public one's timing."""
    image = cluster.images.core
    if image is None:
        skip_or_fail("READPOOL_CORE_IMAGE is not set: the cluster has no image of stellar-core")
    with borrow_namespace(cluster, pytestconfig, "timely-network") as name:
        yield start_core_network(cluster.access, name, image, cluster.images.readpool, is_accelerated=False)


def test_thirty_new_replicas_are_fresh_within_two_minutes(
    cluster: ProvidedCluster,
    namespace: str,
    timely_network: CoreNetwork,
    scaler_release: OwnRelease,
    snapshot_storage: CsiStorage,
    record_testsuite_property: Note,
) -> None:
    assert scaler_release.pods()
    storage = seen.build_storage(snapshot_storage)
    unscaled = {"enabled": False, "sustainSeconds": 10}
    sizes = {"targetReplicas": TARGET, "maxReplicas": TARGET + ADDED}
    manifest = build_pool("core", timely_network, storage=storage, autoscaling=unscaled, **sizes)
    pool = apply_pool(cluster.access, namespace, manifest)
    pool.wait_until_fresh(TARGET)
    pool.wait_for("its first snapshot", lambda: seen.read_newest(pool), SETTLED_SECONDS + SETTLES_SECONDS)
    warm: list[float] = []
    for _ in range(ROUNDS):
        warm += time_newcomers(pool)
        assert all(seen.read_origin(pool, TARGET + one) for one in range(ADDED))
        seen.scale(pool, TARGET, SETTLES_SECONDS)
    pool.change({"storage": {"snapshots": {"enabled": False}}})
    cold = time_newcomers(pool)
    assert not any(seen.read_origin(pool, TARGET + one) for one in range(ADDED))
    figures = {
        "warm_start_p90_s": compute_p90(warm),
        "warm_start_p50_s": statistics.median(warm),
        "cluster_cold_start_p90_s": compute_p90(cold),
        "cluster_cold_start_p50_s": statistics.median(cold),
    }
    for name, value in figures.items():
        record_testsuite_property(name, value)
    record_testsuite_property("warm_start_all_s", sorted(round(one, 1) for one in warm))
    record_testsuite_property("cold_start_all_s", sorted(round(one, 1) for one in cold))
    if results := os.environ.get("READPOOL_RESULTS"):
        merge_results(Path(results), figures)
    assert figures["warm_start_p90_s"] <= MOST_SECONDS, sorted(warm)


def time_newcomers(pool: PoolView) -> list[float]:
    """Scale the pool out, and return the seconds until each new replica is fresh, as status says it."""
    names = {pool.pod(TARGET + one) for one in range(ADDED)}
    took: dict[str, float] = {}
    where = f"--namespace={pool.namespace}"
    began = time.monotonic()
    pool.access.kubectl("scale", f"rop/{pool.name}", f"--replicas={TARGET + ADDED}", where)

    def are_fresh() -> bool:
        for one in pool.status().get("replicaWeights") or ():
            if one["replicaName"] in names and one["isFresh"]:
                took.setdefault(one["replicaName"], time.monotonic() - began)
        return len(took) == ADDED

    pool.wait_for(f"{ADDED} new replicas are fresh", are_fresh, ASSUMED_SECONDS)
    return list(took.values())


def compute_p90(seconds: list[float]) -> float:
    """Compute the 90th percentile by the nearest rank."""
    ordered = sorted(seconds)
    return ordered[-(-9 * len(ordered) // 10) - 1]
