"""Snapshots that are of no use, and those that nobody may lose: what a pool does about them, and what it says."""

import pytest

from controller.observed.labels import OUT_OF_SERVICE
from readpool.kubernetes.kinds import VOLUME_SNAPSHOT, ObjectKey
from tests.unit.api_answers import write_time
from tests.unit.observed_pools import CATCHING_UP, FRESH, UNREACHABLE
from tests.unit.pool_world import PoolWorld, name_deleted
from tests.unit.snapshot_worlds import ALL, begin, grow, list_snapshots, make_ready, read_message, take


def give_up(world: PoolWorld, name: str, code: int = 65) -> None:
    """End Core on the volume that it started from."""
    ended = {"exitCode": code, "message": "readpool: starts\nCore ended with exit code 134 before it was in step"}
    core = {"name": "stellar-core", "state": {"running": {}}, "lastState": {"terminated": ended}, "restartCount": 1}
    world.pods[name]["status"]["containerStatuses"] = [core]


@pytest.mark.parametrize("code", [65, 134])
def test_one_that_no_replica_could_start_from_is_not_used_again_and_that_is_said(code: int) -> None:
    world = begin()
    name = take(world)
    grow(world)
    world.say(*ALL, CATCHING_UP)
    give_up(world, "pool-3", code)
    plans = world.rest()
    assert world.read_condition("Snapshots") == ("False", "SnapshotUnusable")
    assert read_message(world).startswith(f"{name} is not used: pool-3 failed to start from it: Core ended with")
    (event,) = [one for plan in plans for one in plan.events if one.reason == "SnapshotUnusable"]
    assert event.is_warning
    assert "dataSource" not in grow(world, 5)["spec"]


def test_after_a_bad_one_newer_ones_are_used_and_the_bad_one_goes() -> None:
    world = begin()
    bad = take(world)
    grow(world)
    world.say(*ALL, UNREACHABLE)
    give_up(world, "pool-3")
    world.rest()
    world.pods["pool-3"]["status"].pop("containerStatuses")
    world.now += 700
    world.say(*ALL, FRESH)
    world.rest()
    make_ready(world)
    world.now += 60
    world.say(*ALL, FRESH)
    world.rest()
    (newer,) = list_snapshots(world)
    assert newer["metadata"]["name"] != bad
    assert newer["spec"]["source"]["persistentVolumeClaimName"] != "data-pool-0", "not of the same volume again"
    assert world.read_condition("Snapshots") == ("True", "SnapshotReady")
    assert grow(world, 5)["spec"]["dataSource"]["name"] == newer["metadata"]["name"]


def test_one_that_its_driver_cannot_make_is_said_in_its_words_and_tried_again() -> None:
    world = begin()
    world.rest()
    make_ready(world, readyToUse=False, error={"message": "rpc error: no\n room"})
    world.now += 599
    world.say(*ALL)
    world.rest()
    assert world.read_condition("Snapshots")[1] == "NoSnapshotYet"
    world.now += 1
    world.rest()
    assert world.read_condition("Snapshots") == ("False", "SnapshotFailed")
    assert "cannot be taken: rpc error: no room" in read_message(world)
    assert len(list_snapshots(world)) == 2


def test_a_cluster_whose_definitions_nobody_cares_for_is_told_apart() -> None:
    world = begin()
    world.now += 600
    world.say(*ALL)
    world.rest()
    assert world.read_condition("Snapshots") == ("False", "SnapshotControllerMissing")


def test_a_volume_that_the_storage_does_not_make_is_made_anew_without_the_snapshot() -> None:
    world = begin()
    name = take(world)
    claim = grow(world)
    claim["status"] = {"phase": "Pending"}
    waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    waits["message"] = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims"
    world.pods["pool-3"]["status"]["conditions"] = [{"type": "Ready", "status": "False"}, waits]
    world.rest()
    world.now += 901
    world.say(*ALL)
    plan = world.step()
    assert "PersistentVolumeClaim data-pool-3" in name_deleted(plan)
    assert plan.uids  # that very claim
    del world.claims["data-pool-3"]
    world.rest()
    assert "dataSource" not in world.claims.get("data-pool-3", {"spec": {}})["spec"]
    assert f"{name} is not used: no volume was provisioned from it for pool-3 in 15 min" in read_message(world)


def test_one_that_a_volume_is_being_made_of_stays() -> None:
    world = begin()
    name = take(world)
    grow(world)["status"] = {"phase": "Pending"}
    for _ in range(3):
        world.now += 3600
        world.say(*ALL, FRESH)
        take(world)
    assert name in [one["metadata"]["name"] for one in list_snapshots(world)]


def test_when_snapshots_are_no_longer_wanted_those_that_are_there_stay_for_a_person_to_delete() -> None:
    world = begin()
    take(world)
    world.change(storage={})
    world.rest()
    assert len(list_snapshots(world)) == 1
    assert "Snapshots" not in {one["type"] for one in world.status["conditions"]}
    assert "dataSource" not in grow(world)["spec"]


def test_one_that_somebody_deletes_is_left_to_go() -> None:
    world = begin()
    take(world)
    list_snapshots(world)[0]["metadata"]["deletionTimestamp"] = write_time(world.now)
    world.rest()
    assert ObjectKey(VOLUME_SNAPSHOT, "default", list_snapshots(world)[0]["metadata"]["name"]) in world.objects
    assert "dataSource" not in grow(world)["spec"]


def test_one_that_was_cut_late_is_good_though_its_replica_was_taken_out_of_service_meanwhile() -> None:
    world = begin()
    world.rest()
    world.pods["pool-0"]["metadata"]["annotations"][OUT_OF_SERVICE] = "true"
    world.rest()
    make_ready(world, after_seconds=400)
    world.now += 460
    world.say(*ALL)
    world.rest()
    assert world.read_condition("Snapshots") == ("True", "SnapshotReady")
