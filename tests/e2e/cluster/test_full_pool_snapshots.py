"""All that snapshots are for, in one pool on a cluster: it takes them by itself, and whatever comes, is fresh soon."""

import time
from collections.abc import Callable, Iterator

import pytest

from controller.resources.pod_state import parse_time
from controller.snapshots.snapshots import SETTLED_SECONDS
from controller.snapshots.volume_snapshot import DONOR_ANNOTATION, FRESH_ANNOTATION
from devtools.cluster.csi_storage import CsiStorage, start_csi, stop_snapshots
from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster import pool_snapshots as seen
from tests.e2e.cluster.core_configuration import HISTORY_PORT
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_override, build_pool

pytestmark = [pytest.mark.full, pytest.mark.timeout(420, func_only=True)]
TARGET = 2
KEPT = 2
TAKEN_SECONDS = SETTLED_SECONDS + 90.0
FRESH_SECONDS = 120.0
STOPPED_SECONDS = 40.0
REPLACED_AFTER_SECONDS = 60
LOST = "Lost track of consensus"
"""What Core logs where no peer tells it what it missed."""

Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def pool(
    cluster: ProvidedCluster,
    module_namespace: str,
    core_network: CoreNetwork,
    scaler_release: OwnRelease,
    snapshot_storage: CsiStorage,
) -> Iterator[PoolView]:
    """Run a pool in a cluster without snapshots, and then with them, until it has taken its first one."""
    assert scaler_release.pods()
    if cluster.instance is None:
        skip_where_impossible("take snapshots away from a cluster of others")
    stop_snapshots(cluster.instance)
    manifest = build_pool(
        "core",
        core_network,
        targetReplicas=TARGET,
        coreConfigOverride=build_override(core_network, has_neighbours=True),
        autoscaling={"enabled": False, "sustainSeconds": 10},
        storage=seen.build_storage(snapshot_storage, keep=KEPT),
        replacement={"enabled": True, "afterSeconds": REPLACED_AFTER_SECONDS},
    )
    view = apply_pool(cluster.access, module_namespace, manifest)
    view.wait_until_fresh(TARGET)
    told = view.condition("Snapshots")
    assert (told["status"], told["reason"]) == ("False", "SnapshotApiMissing")
    assert view.condition("Ready")["status"] == "True"
    start_csi(cluster.instance)
    view.wait_for("its first snapshot", lambda: seen.read_newest(view), TAKEN_SECONDS)
    yield view
    view.access.delete("readonlypool", view.name, view.namespace)


@pytest.fixture(autouse=True)
def settled(pool: PoolView) -> None:
    """Wait until the pool is at its target before each test."""
    seen.scale(pool, TARGET, FRESH_SECONDS)


def test_it_has_taken_one_of_a_replica_that_had_been_fresh_for_two_minutes(
    pool: PoolView, snapshot_storage: CsiStorage
) -> None:
    (taken,) = seen.list_snapshots(pool)
    noted = taken["metadata"]["annotations"]
    assert noted[DONOR_ANNOTATION] in {pool.pod(0), pool.pod(1)}
    asked_at = parse_time(taken["metadata"]["creationTimestamp"])
    assert asked_at is not None
    assert asked_at - float(noted[FRESH_ANNOTATION]) >= SETTLED_SECONDS - 2.0  # both are told in whole seconds
    files = snapshot_storage.find_snapshot(pool.access, pool.namespace, taken["metadata"]["name"])
    assert (files / "stellar.db").stat().st_size
    assert seen.read_verdict(pool, taken["metadata"]["name"]) == "good"


def test_scale_out_starts_from_it(pool: PoolView, record_testsuite_property: Note) -> None:
    (taken,) = seen.list_snapshots(pool)
    seconds = seen.scale(pool, TARGET + 2, FRESH_SECONDS)
    record_testsuite_property("warm_scale_out_seconds", seconds)
    for ordinal in (TARGET, TARGET + 1):
        assert seen.read_origin(pool, ordinal) == taken["metadata"]["name"]
        assert not seen.has_new_database(pool, ordinal)


def test_without_its_archive_a_newcomer_is_fresh_from_a_young_one(
    cluster: ProvidedCluster, pool: PoolView, core_network: CoreNetwork
) -> None:
    faults = require_faults(cluster.faults, "cut_port", "restore_port")
    where = core_network.namespace, core_network.validator_pod, HISTORY_PORT
    faults.cut_port(*where)
    try:
        seen.take_known_good(pool, 0, "without-archive")
        seen.scale(pool, TARGET + 1, FRESH_SECONDS)
    finally:
        faults.restore_port(*where)
    assert seen.read_origin(pool, TARGET) == "without-archive"
    assert not seen.has_new_database(pool, TARGET)


def test_the_newest_two_are_kept(pool: PoolView, snapshot_storage: CsiStorage) -> None:
    oldest = seen.list_snapshots(pool)[0]["metadata"]["name"]
    files = snapshot_storage.find_snapshot(pool.access, pool.namespace, oldest)
    for ordinal, name in enumerate(("kept-a", "kept-b")):
        seen.take_known_good(pool, ordinal, name)
        time.sleep(1.1)  # whole seconds tell which is newer
    names = {"kept-a", "kept-b"}
    pool.wait_for(
        "the others are gone",
        lambda: {one["metadata"]["name"] for one in seen.list_snapshots(pool)} == names,
        seen.TAKEN_SECONDS,
    )
    pool.wait_for("the files of the oldest are gone too", lambda: not files.exists(), seen.TAKEN_SECONDS)


def test_a_replica_that_does_not_recover_is_replaced_from_one_of_another(
    cluster: ProvidedCluster, pool: PoolView
) -> None:
    faults = require_faults(cluster.faults, "stop_process", "continue_process")
    seen.take_known_good(pool, 0, "of-0")
    time.sleep(1.1)  # whole seconds tell which is newer
    seen.take_known_good(pool, 1, "of-1")
    before = read_uid(pool, 1)
    faults.stop_process(pool.namespace, pool.pod(1), CORE)
    pool.wait_for("it has another volume", lambda: read_uid(pool, 1) not in {"", before}, 4 * REPLACED_AFTER_SECONDS)
    pool.wait_until_fresh(TARGET)
    assert seen.read_origin(pool, 1) == "of-0"
    assert not seen.has_new_database(pool, 1)


def test_a_restart_and_a_laggard_that_was_stopped_are_fresh_soon_with_their_own_volumes(
    cluster: ProvidedCluster, pool: PoolView, record_testsuite_property: Note
) -> None:
    faults = require_faults(cluster.faults, "kill_process", "stop_process", "continue_process")
    volumes, restarted = read_uid(pool, 0), pool.pod(0)
    before, began = count_restarts(pool, 0), time.monotonic()
    faults.kill_process(pool.namespace, restarted, CORE)
    # It may be fresh again before status has told that it was not.
    pool.wait_for("it has been started again", lambda: count_restarts(pool, 0) > before, FRESH_SECONDS)
    pool.wait_until_fresh(TARGET, FRESH_SECONDS)
    record_testsuite_property("killed_to_fresh_seconds", time.monotonic() - began)
    assert LOST not in seen.read_core_log(pool, 0)
    faults.stop_process(pool.namespace, restarted, CORE)
    time.sleep(STOPPED_SECONDS)  # as many ledgers are missed
    faults.continue_process(pool.namespace, restarted, CORE)
    began = time.monotonic()
    pool.wait_until_fresh(TARGET, FRESH_SECONDS)
    record_testsuite_property("continued_to_fresh_seconds", time.monotonic() - began)
    assert read_uid(pool, 0) == volumes


def test_a_rolling_upgrade_keeps_the_volumes_and_waits_for_no_checkpoint(
    cluster: ProvidedCluster, pool: PoolView, record_testsuite_property: Note
) -> None:
    version = cluster.images.core_next
    if version is None:
        skip_or_fail("READPOOL_CORE_NEXT is not set: there is no second image of stellar-core to upgrade to")
    pods, volumes = pool.uids(), [read_uid(pool, one) for one in range(TARGET)]
    began = time.monotonic()
    pool.change({"version": version})
    pool.wait_for("it sets about it", lambda: pool.condition("Reconciling").get("status") == "True")
    pool.wait_until_fresh(TARGET, 3 * FRESH_SECONDS)
    record_testsuite_property("upgraded_seconds", time.monotonic() - began)
    assert not set(pods.values()) & set(pool.uids().values())
    assert [read_uid(pool, one) for one in range(TARGET)] == volumes
    for ordinal in range(TARGET):
        assert LOST not in seen.read_core_log(pool, ordinal)


def test_a_bad_one_costs_one_start_and_is_not_used_again(pool: PoolView, snapshot_storage: CsiStorage) -> None:
    seen.take_known_good(pool, 0, "fine")
    time.sleep(1.1)  # whole seconds tell which is newer
    seen.take_known_good(pool, 1, "spoilt")
    seen.spoil(snapshot_storage.find_snapshot(pool.access, pool.namespace, "spoilt"))
    seen.scale(pool, TARGET + 1, FRESH_SECONDS)
    assert seen.read_origin(pool, TARGET) == "spoilt"
    assert "is empty; it begins with a new database" in seen.read_core_log(pool, TARGET, previous=True)
    assert seen.read_verdict(pool, "spoilt") == "bad"
    told = pool.condition("Snapshots")
    assert told["reason"] == "SnapshotUnusable"
    assert "spoilt is not used: core-2 failed to start from it" in told["message"]
    assert pool.events("SnapshotUnusable")
    seen.scale(pool, TARGET + 2, FRESH_SECONDS)
    assert seen.read_origin(pool, TARGET + 1) == "fine"
    assert not seen.has_new_database(pool, TARGET + 1)


def read_uid(pool: PoolView, ordinal: int) -> str:
    """Read the uid of a replica's claim; empty while it has none."""
    claim = pool.access.get("persistentvolumeclaim", f"data-{pool.pod(ordinal)}", pool.namespace)
    return str(claim["metadata"]["uid"]) if claim else ""


def count_restarts(pool: PoolView, ordinal: int) -> int:
    """Count how often a replica's Core has been started again in its pod."""
    (core,) = [one for one in pool.pods()[ordinal]["status"]["containerStatuses"] if one["name"] == CORE]
    return int(core["restartCount"])
