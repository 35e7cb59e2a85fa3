"""Volumes, snapshots and copies of them by a real driver: what a new replica starts from, and one that cannot."""

import pytest

from controller.core_config.core_config_override import DATA_FOLDER
from devtools.cluster.csi_storage import CsiStorage
from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_where_impossible
from tests.e2e.cluster import pool_snapshots as seen
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

pytestmark = pytest.mark.timeout(300, func_only=True)
UNSCALED = {"enabled": False, "sustainSeconds": 10}
FRESH_SECONDS = 90.0
GROWN_SECONDS = 60.0
FOUND_SECONDS = 30.0
"""The controller looks every ten seconds for kinds that a cluster has begun to serve."""


def test_new_replicas_start_from_a_snapshot_unless_it_is_bad_and_volumes_grow(
    cluster: ProvidedCluster,
    namespace: str,
    core_network: CoreNetwork,
    scaler_release: OwnRelease,
    snapshot_storage: CsiStorage,
) -> None:
    assert scaler_release.pods()
    storage = seen.build_storage(snapshot_storage)
    manifest = build_pool("core", core_network, storage=storage, autoscaling=UNSCALED, targetReplicas=1)
    pool = apply_pool(cluster.access, namespace, manifest)
    pool.wait_until_fresh(1)
    pool.wait_for("it finds snapshots", lambda: pool.condition("Snapshots")["reason"] == "NoSnapshotYet", FOUND_SECONDS)
    seen.take_known_good(pool, 0, "first")
    seen.scale(pool, 2, FRESH_SECONDS)
    assert seen.read_origin(pool, 1) == "first"
    assert not seen.has_new_database(pool, 1)
    if snapshot_storage.folder is None:
        skip_where_impossible("empty the buckets in a snapshot: only in storage of ours")
    seen.spoil(snapshot_storage.find_snapshot(cluster.access, namespace, "first"))
    seen.scale(pool, 3, FRESH_SECONDS)
    assert "is empty; it begins with a new database" in seen.read_core_log(pool, 2, previous=True)
    told = pool.condition("Snapshots")
    assert told["reason"] == "SnapshotUnusable"
    assert "first is not used: core-2 failed to start from it: the data folder copied from core-0" in told["message"]
    assert pool.events("SnapshotUnusable")
    assert seen.read_verdict(pool, "first") == "bad"
    pool.change({"storage": {"size": "96Mi"}})
    pool.wait_for("its volumes are larger", lambda: list_sizes(pool) == [96] * 3, GROWN_SECONDS)


def list_sizes(pool: PoolView) -> list[int]:
    """List the size of each replica's volume in MiB, as the file system in its pod has it."""
    told = [
        pool.access.exec(pool.namespace, pool.pod(one), "df", "-Pm", DATA_FOLDER, container=CORE) for one in range(3)
    ]
    return [int(text.splitlines()[-1].split()[1]) for text in told]
