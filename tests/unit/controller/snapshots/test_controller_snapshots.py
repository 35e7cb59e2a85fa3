"""A pool that takes snapshots of itself: what it writes, what its new replicas start from, and what it says of it."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from controller.observed.labels import OUT_OF_SERVICE, build_labels
from controller.resources.claims import SEED_ANNOTATION
from readpool.kubernetes.kinds import SCALED_OBJECT, VOLUME_SNAPSHOT, ObjectKey
from tests.unit.api_answers import write_time
from tests.unit.observed_pools import FRESH, LAGGING
from tests.unit.pool_world import PoolWorld, name_deleted, name_writes
from tests.unit.snapshot_worlds import ALL, TAKES, begin, grow, list_snapshots, make_ready, read_message, take


def test_one_is_taken_of_a_fresh_replica_once_all_are_fresh() -> None:
    world = begin()
    (one,) = list_snapshots(world)
    assert one["spec"] == {"source": {"persistentVolumeClaimName": "data-pool-0"}}
    assert one["metadata"]["ownerReferences"][0]["uid"] == "uid-of-pool"
    assert one["metadata"]["labels"]["stellar.org/pool"] == "pool"
    assert world.read_condition("Snapshots") == ("Unknown", "NoSnapshotYet")
    assert read_message(world) == "The first snapshot is being taken"
    assert take(world) == one["metadata"]["name"]
    assert world.read_condition("Snapshots") == ("True", "SnapshotReady")
    assert world.status["newestSnapshot"]["replicaName"] == "pool-0"
    assert world.rest()[0].is_empty


def test_a_class_of_snapshots_is_asked_for() -> None:
    world = begin(snapshots={"enabled": True, "volumeSnapshotClassName": "fast"})
    assert list_snapshots(world)[0]["spec"]["volumeSnapshotClassName"] == "fast"


def test_nothing_is_taken_where_nothing_is_asked_for() -> None:
    world = PoolWorld.begin(*ALL)
    assert list_snapshots(world) == []
    assert "Snapshots" not in {one["type"] for one in world.status["conditions"]}


def test_without_snapshots_in_the_cluster_a_condition_says_so_and_all_else_works() -> None:
    world = begin()
    world.objects = {key: one for key, one in world.objects.items() if key.kind != VOLUME_SNAPSHOT}
    world.optional_kinds = frozenset({SCALED_OBJECT})
    world.rest()
    assert world.read_condition("Snapshots") == ("False", "SnapshotApiMissing")
    assert world.read_condition("Ready")[0] == "True"
    assert "dataSource" not in grow(world)["spec"]


@pytest.mark.parametrize("kept", ["Delete", "Retain"])
def test_snapshots_go_with_the_pool_as_its_volumes_do(kept: str) -> None:
    world = begin(retentionPolicy=kept)
    take(world)
    assert ("ownerReferences" in list_snapshots(world)[0]["metadata"]) is (kept == "Delete")
    world.change(storage=TAKES | {"retentionPolicy": "Retain" if kept == "Delete" else "Delete"})
    world.rest()
    assert ("ownerReferences" in list_snapshots(world)[0]["metadata"]) is (kept == "Retain")


def test_new_replicas_start_from_the_newest_good_one() -> None:
    world = begin()
    name = take(world)
    claim = grow(world)
    assert claim["spec"]["dataSource"]["name"] == name
    assert claim["spec"]["dataSource"]["kind"] == "VolumeSnapshot"
    assert claim["metadata"]["annotations"][SEED_ANNOTATION] == name
    world.rest()
    assert world.plan().is_empty


def test_their_volumes_are_made_before_the_stateful_set_asks_for_them() -> None:
    world = begin()
    take(world)
    world.change(replicas=4)
    written = name_writes(world.step())
    assert written.index("PersistentVolumeClaim data-pool-3") < written.index("StatefulSet pool")


def test_a_volume_is_as_large_as_the_snapshot_needs() -> None:
    world = begin()
    take(world)
    list_snapshots(world)[0]["status"]["restoreSize"] = 161061273600
    assert grow(world)["spec"]["resources"]["requests"]["storage"] == "153600Mi"


def test_until_there_is_one_the_data_source_of_the_pool_counts() -> None:
    world = begin(dataSource={"kind": "VolumeSnapshot", "name": "weekly"})
    world.change(replicas=4)
    written = name_writes(world.step())
    assert "PersistentVolumeClaim data-pool-3" not in written, "the StatefulSet makes it of its template"
    name = take(world)
    assert grow(world, 5)["spec"]["dataSource"]["name"] == name


def replace_last(world: PoolWorld, **fields: Any) -> dict[str, Any]:
    """Make the last replica and its claim again, as the StatefulSet does, before anybody else."""
    pod = world.pods["pool-2"]
    pod["metadata"] |= {"creationTimestamp": write_time(world.now)}
    pod["spec"]["nodeName"] = None
    claim = world.claims["data-pool-2"]
    claim["status"] = {"phase": "Pending"}
    for part, values in fields.items():
        {"pod": pod, "claim": claim}[part.partition("_")[0]][part.partition("_")[2]].update(values)
    return claim


def test_a_claim_that_the_stateful_set_has_made_first_is_made_anew_of_the_snapshot() -> None:
    world = begin()
    name = take(world)
    claim = replace_last(world)
    plan = world.step()
    assert name_deleted(plan) == ["PersistentVolumeClaim data-pool-2"]
    assert list(plan.uids.values()) == [claim["metadata"]["uid"]]
    del world.claims["data-pool-2"]
    world.rest()
    assert world.claims["data-pool-2"]["spec"]["dataSource"]["name"] == name
    assert world.plan().is_empty, "nor again, though no volume has come yet"


SPARED: dict[str, dict[str, Any]] = {
    "it has a node": {"pod_spec": {"nodeName": "node-1"}},
    "its pod is older": {"pod_metadata": {"creationTimestamp": "2023-11-14T22:00:00Z"}},
    "its pod ends": {"pod_metadata": {"deletionTimestamp": "2023-11-14T22:13:20Z"}},
    "its volume is there": {"claim_status": {"phase": "Bound"}},
    "we made it": {"claim_metadata": {"annotations": {"stellar.org/applied": "x"}}},
    "it goes already": {"claim_metadata": {"deletionTimestamp": "2023-11-14T22:13:20Z"}},
}


@pytest.mark.parametrize("fields", SPARED.values(), ids=SPARED.keys())
def test_no_other_claim_is_given_up(fields: dict[str, Any]) -> None:
    world = begin()
    take(world)
    replace_last(world, **fields)
    assert name_deleted(world.plan()) == []


def test_no_claim_is_given_up_of_the_replica_that_the_only_snapshot_is_of() -> None:
    world = begin()
    take(world)
    list_snapshots(world)[0]["metadata"]["annotations"]["stellar.org/replica"] = "pool-2"
    replace_last(world)
    assert name_deleted(world.plan()) == []


def test_no_claim_is_given_up_where_there_is_no_good_snapshot() -> None:
    world = begin()
    replace_last(world)
    assert name_deleted(world.plan()) == []


def test_the_next_one_is_taken_by_the_interval_and_only_the_newest_are_kept() -> None:
    world = begin()
    names = []
    for _ in range(4):
        names.append(take(world))
        assert world.plan().requeue_after_seconds is not None
        world.now += 3600
        world.say(*ALL)
    assert [one["metadata"]["name"] for one in list_snapshots(world)] == names[-2:]
    donors = {one["spec"]["source"]["persistentVolumeClaimName"] for one in list_snapshots(world)}
    assert donors == {"data-pool-0", "data-pool-1"}


NOT_NOW: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a fresh one too few": ([FRESH, FRESH, LAGGING], {}, "3 fresh replicas (2 now)"),
    "the network stands still": (ALL, {"is_halted": True}, "the network to close ledgers"),
    "clocks that nobody can believe": (ALL, {"at": 1_700_000_000.0 - 4000}, "a connection to the scaler"),
}


@pytest.mark.parametrize(("classes", "fields", "why"), NOT_NOW.values(), ids=NOT_NOW.keys())
def test_none_is_taken_and_the_condition_says_what_it_waits_for(
    classes: list[Any], fields: dict[str, Any], why: str
) -> None:
    world = begin()
    take(world)
    world.now += 3600
    world.say(*classes, **fields)
    world.rest()
    assert len(list_snapshots(world)) == 1
    assert read_message(world).endswith(f"; the next snapshot waits for {why}")


def test_none_is_taken_while_the_pool_is_paused_or_the_scaler_is_silent() -> None:
    world = begin()
    take(world)
    world.now += 3600
    world.say(*ALL)
    silent = world.copy()
    silent.silent_since = silent.now - 60
    silent.rest()
    assert len(list_snapshots(silent)) == 1
    world.change(paused=True)
    world.rest()
    assert len(list_snapshots(world)) == 1
    assert world.read_condition("Snapshots") == ("False", "Paused")


def test_none_is_taken_while_replicas_are_upgraded_and_none_of_a_newer_core_is_used_by_an_older() -> None:
    world = begin()
    take(world)
    world.now += 3600
    world.say(*ALL)
    world.change(version="v23.0.0")
    world.rest()
    assert len(list_snapshots(world)) == 1
    world.change(version="v21.0.0")
    world.rest()
    assert "newestSnapshot" not in world.status
    assert "dataSource" not in grow(world)["spec"]


def test_one_that_was_cut_late_is_judged_by_how_its_replica_did_meanwhile() -> None:
    world = begin()
    world.rest()
    make_ready(world, after_seconds=400)
    world.now += 460
    world.say(*ALL)
    assert world.fleet is not None
    again = tuple(replace(one, since=world.now - 100) for one in world.fleet.replicas)
    world.fleet = replace(world.fleet, replicas=again)
    world.rest()
    assert world.read_condition("Snapshots") == ("False", "SnapshotUnusable")
    assert "may have been catching up then" in read_message(world)
    assert "dataSource" not in grow(world)["spec"]


MARKS: dict[str, tuple[str, str, str]] = {
    "an annotation": ("annotations", "true", "data-pool-1"),
    "a label": ("labels", "true", "data-pool-1"),
    "false denies it": ("annotations", "false", "data-pool-0"),
}


@pytest.mark.parametrize(("part", "value", "claim"), MARKS.values(), ids=MARKS.keys())
def test_none_is_taken_of_a_replica_that_is_out_of_service(part: str, value: str, claim: str) -> None:
    world = PoolWorld.begin(*ALL, FRESH, targetReplicas=3, maxReplicas=5)
    world.pods["pool-0"]["metadata"].setdefault(part, {})[OUT_OF_SERVICE] = value
    world.change(storage=TAKES)
    world.rest()
    (one,) = list_snapshots(world)
    assert one["spec"]["source"]["persistentVolumeClaimName"] == claim


def back_up(world: PoolWorld, **status: Any) -> dict[str, Any]:
    """Make a snapshot of a replica's volume as a backup does: it has the labels of the claim, and no owner."""
    metadata = {"name": "velero-data-pool-0-x7k2p", "namespace": "default", "labels": build_labels("pool")}
    metadata |= {"uid": "uid-of-backup", "creationTimestamp": write_time(world.now)}
    body = {"apiVersion": VOLUME_SNAPSHOT.api_version, "kind": VOLUME_SNAPSHOT.name, "metadata": metadata}
    body |= {"spec": {"source": {"persistentVolumeClaimName": "data-pool-0"}}, "status": status}
    world.objects[ObjectKey(VOLUME_SNAPSHOT, "default", "velero-data-pool-0-x7k2p")] = body
    return body


@pytest.mark.parametrize("is_ready", [False, True])
@pytest.mark.parametrize("kept", ["Delete", "Retain"])
@pytest.mark.parametrize("is_enabled", [False, True])
def test_a_snapshot_of_a_backup_is_none_of_the_pools(is_enabled: bool, kept: str, is_ready: bool) -> None:
    world = begin(retentionPolicy=kept)
    for _ in range(2):
        take(world)
        world.now += 3600
        world.say(*ALL)
    world.change(storage=(TAKES if is_enabled else {}) | {"retentionPolicy": kept})
    alone = world.copy()
    backup = back_up(world, readyToUse=is_ready)
    before = copy.deepcopy(backup)
    for _ in range(3):  # a third one is taken, becomes good, and lets the first one go
        plans, same = world.rest(), alone.rest()
        assert [(one.applied, one.delete, one.status) for one in plans] == [
            (one.applied, one.delete, one.status) for one in same
        ]
        assert ("newestSnapshot" in world.status) is is_enabled
        for one in (world, alone):
            make_all_ready(one)
            one.now += 1800
            one.say(*ALL)
    assert backup == before
    assert backup in world.objects.values()


def make_all_ready(world: PoolWorld) -> None:
    """Make those snapshots ready that are not yet, as the snapshot controller does."""
    for one in list_snapshots(world):
        one.setdefault("status", {"readyToUse": True, "creationTime": write_time(world.now + 1)})
