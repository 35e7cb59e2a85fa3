"""What becomes of replicas and their volumes when the pool changes, or one never recovers, or there is a pause."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from readpool.kubernetes.kinds import POD, PVC, ObjectKey
from tests.unit.observed_pools import CATCHING_UP, FRESH, LAGGING, UNREACHABLE
from tests.unit.pool_world import STATEFUL_SET_KEY, WEIGHED, PoolWorld, name_deleted, name_writes


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_volumes_go_or_stay_with_the_pool_and_with_a_replica_as_the_policy_says(policy: str) -> None:
    world = PoolWorld.begin(FRESH, storage={"retentionPolicy": policy})
    retention = world.objects[STATEFUL_SET_KEY]["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert retention == {"whenDeleted": policy, "whenScaled": policy}


def test_a_pause_keeps_size_and_weights_and_restarts_nobody() -> None:
    world = PoolWorld.begin(FRESH, FRESH, LAGGING, replacement={"enabled": True, "afterSeconds": 60}, **WEIGHED)
    before = world.read_endpoints()
    world.change(paused=True, replicas=9, version="v23.0.0")
    world.rest()
    for classes in ((LAGGING, FRESH, FRESH), (UNREACHABLE, UNREACHABLE, UNREACHABLE)):
        world.now += 60
        world.say(*classes)
        plan = world.step()
        assert (plan.delete, plan.replicas) == ((), None)
    world.see_stateful_set()
    world.rest()
    assert world.read_endpoints() == before
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 3
    assert world.read_condition("Reconciling") == ("False", "Paused")
    assert world.read_condition("Routing") == ("Unknown", "Paused")
    assert world.read_condition("Autoscaling") == ("False", "Paused")
    world.change(paused=False)
    world.say(FRESH, FRESH, LAGGING)
    world.step()
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 9


def test_a_pool_that_begins_paused_serves_whoever_is_there() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, paused=True, **WEIGHED)
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}
    assert world.read_condition("Routing") == ("Unknown", "Paused")


def test_a_new_version_restarts_one_replica_at_a_time_and_the_next_when_that_is_fresh() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH)
    world.change(version="v23.0.0")
    world.step()
    assert world.read_condition("Reconciling") == ("True", "Applying")
    world.see_stateful_set()
    restarted = []
    for _ in range(40):
        world.now += 5
        plan = world.step()
        restarted += [key.name for key in plan.delete if key.kind == POD]
        terminating = {name for name, pod in world.pods.items() if "deletionTimestamp" in pod["metadata"]}
        assert len(terminating) <= 1
        assert len(set(world.read_endpoints()) - terminating) >= 2
        if world.read_condition("Reconciling")[0] == "False":
            break
        world.settle()
        world.say(FRESH, FRESH, FRESH)
    assert restarted == ["pool-2", "pool-1", "pool-0"]
    assert world.read_condition("Reconciling") == ("False", "UpToDate")


def test_a_version_that_does_not_work_costs_one_replica() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH)
    world.change(version="v0-broken")
    world.step()
    world.see_stateful_set()
    assert name_deleted(world.step()) == ["Pod pool-2"]
    for _ in range(20):
        world.now += 60
        world.settle()
        world.say(FRESH, FRESH, UNREACHABLE)
        world.pods["pool-2"]["status"]["conditions"][0]["status"] = "False"
        world.step()
    assert {pod["metadata"]["uid"] for pod in world.pods.values()} >= {"pool-0-1", "pool-1-2"}
    message = next(one["message"] for one in world.status["conditions"] if one["type"] == "Reconciling")
    assert message == (
        "See condition Stalled; 2 of 3 replicas run an older version or configuration;"
        " waiting for pool-2 to become fresh"
    )
    world.change(version="v23.0.0")
    world.step()
    world.see_stateful_set()
    assert name_deleted(world.step()) == ["Pod pool-2"]


def test_another_configuration_restarts_replicas_as_another_version_does() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    world.change(coreConfigOverride="FAILURE_SAFETY = 0\n")
    plan = world.step()
    assert (name_writes(plan), name_deleted(plan)) == (["ConfigMap pool-config"], [])
    assert name_deleted(world.step()) == ["Pod pool-1"]


def test_a_pod_made_while_we_were_away_is_noted_with_the_configuration_it_started_with() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    del world.pods["pool-1"]["metadata"]["annotations"]["stellar.org/config"]
    world.change(coreConfigOverride="FAILURE_SAFETY = 0\n")
    for write in world.list_writes(world.plan())[:1]:  # ended after the pod's note
        write()
    world.step()
    assert name_deleted(world.step()) == ["Pod pool-1"]


def test_a_replica_that_never_recovers_loses_its_volume_and_one_that_was_begun_is_finished() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True})
    world.say(LAGGING, FRESH, FRESH)
    assert list(world.plan().uids.values()) == ["data-pool-0-1", "pool-0-1"]
    world.say(FRESH, FRESH, LAGGING)
    plan = world.plan()
    assert name_deleted(plan) == ["PersistentVolumeClaim data-pool-2", "Pod pool-2"]
    assert [event.is_warning for event in plan.events if event.reason == "ReplacingReplica"] == [True]
    assert list(plan.uids.values()) == ["data-pool-2-3", "pool-2-3"]
    world.list_writes(plan)[-3]()  # the claim alone; the pod and the status were not reached
    assert world.claims["data-pool-2"]["metadata"]["deletionTimestamp"]
    again = world.step()
    assert name_deleted(again) == ["Pod pool-2"]
    world.settle()
    assert world.claims["data-pool-2"]["metadata"]["uid"] != plan.uids[ObjectKey(PVC, "default", "data-pool-2")]


def test_a_claim_that_a_person_deletes_costs_no_fresh_replica() -> None:
    world = PoolWorld.begin(FRESH, FRESH, replacement={"enabled": True})
    world.claims["data-pool-1"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert world.plan().delete == ()


def test_volumes_grow_and_new_ones_are_made_large_beforehand_where_the_template_cannot_change() -> None:
    world = PoolWorld.begin(FRESH, FRESH, storage={"size": "100Gi"})
    world.change(storage={"size": "200Gi"}, replicas=3)
    plan = world.step()
    assert name_writes(plan) == [
        "ConfigMap pool-config",
        "PersistentVolumeClaim data-pool-2",
        "StatefulSet pool",
        "PersistentVolumeClaim data-pool-0",
        "PersistentVolumeClaim data-pool-1",
    ]
    template = world.objects[STATEFUL_SET_KEY]["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["resources"]["requests"]["storage"] == "100Gi"
    world.settle()
    world.say(FRESH, FRESH, CATCHING_UP)
    world.rest()
    sizes = {name: claim["spec"]["resources"]["requests"]["storage"] for name, claim in world.claims.items()}
    assert set(sizes.values()) == {"200Gi"}


def test_while_the_network_stands_still_nobody_gets_a_new_volume() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True})
    world.say(FRESH, FRESH, LAGGING, is_halted=True)
    assert world.plan().delete == ()
    world.say(FRESH, FRESH, LAGGING)
    world.silent_since = world.now - 60
    assert world.plan().delete == ()


def test_a_replacement_that_was_begun_waits_for_another_fresh_replica() -> None:
    world = PoolWorld.begin(FRESH, FRESH, replacement={"enabled": True})
    world.claims["data-pool-1"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.say(LAGGING, LAGGING)
    assert name_deleted(world.plan()) == ["EndpointSlice pool-fresh-0"]
    world.say(FRESH, LAGGING)
    assert name_deleted(world.plan()) == ["Pod pool-1"]


def test_replicas_that_are_scaled_away_are_not_restarted_first() -> None:
    world = PoolWorld.begin(FRESH, FRESH, LAGGING)
    world.change(version="v23.0.0", replicas=2)
    world.step()
    world.see_stateful_set()
    assert name_deleted(world.step()) == ["Pod pool-1"]


def test_a_replica_that_is_scaled_away_gets_no_new_volume() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True})
    world.change(replicas=2)
    world.say(FRESH, FRESH, LAGGING)
    assert world.plan().delete == ()
    world.claims["data-pool-2"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert world.plan().delete == ()


def test_a_replica_that_has_begun_to_lag_gets_no_new_volume_yet() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True, "afterSeconds": 600})
    world.say(FRESH, FRESH, LAGGING)
    assert world.fleet is not None
    *others, lagging = world.fleet.replicas
    for seconds, is_replaced in ((599, False), (600, True)):
        world.fleet = replace(world.fleet, replicas=(*others, replace(lagging, since=world.now - seconds)))
        assert bool(world.plan().uids) is is_replaced


def test_nobody_is_restarted_before_the_stateful_set_has_been_seen() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    del world.objects[STATEFUL_SET_KEY]["status"]
    world.step()
    assert world.read_condition("Reconciling") == ("True", "Applying")
    world.change(version="v23.0.0")
    world.step()
    assert world.step().delete == ()


@pytest.mark.parametrize(
    "change",
    [{"version": "v23.0.0"}, {"coreConfigOverride": "FAILURE_SAFETY = 0\n"}],
    ids=lambda change: next(iter(change)),
)
def test_a_replacement_that_is_due_waits_for_a_change_of_what_replicas_run(change: dict[str, str]) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True, "afterSeconds": 60})
    world.now += 100
    world.say(FRESH, FRESH, LAGGING)
    world.fleet = world.fleet and replace(
        world.fleet, replicas=tuple(replace(view, since=world.now - 90) for view in world.fleet.replicas)
    )
    assert {key.kind for key in world.plan().uids} == {POD, PVC}
    world.change(**change)
    assert not world.step().uids
    world.see_stateful_set()
    assert {key.name: key.kind for key in world.plan().uids} == {"pool-2": POD}


def test_a_silent_replica_keeps_its_volume_while_it_may_be_catching_up_before_run() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True, "afterSeconds": 600})
    world.say(FRESH, FRESH, UNREACHABLE)
    assert world.fleet is not None
    *others, silent = world.fleet.replicas
    pod, began = world.pods["pool-2"], world.now
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    started = datetime.fromtimestamp(began, UTC).isoformat()
    pod["status"]["containerStatuses"] = [{"name": "stellar-core", "state": {"running": {"startedAt": started}}}]
    told: dict[tuple[str, float], bool] = {}
    for heard, observed_at in (("never", None), ("before its start", began - 60), ("since its start", began + 60)):
        for seconds in (1200, 3600):
            world.now = began + seconds
            view = replace(silent, since=began, observed_at=observed_at)
            world.fleet = replace(world.fleet, replicas=(*others, view), heard_at=world.now, at=world.now)
            told[heard, seconds] = bool(world.plan().uids)
    assert told == {
        ("never", 1200): False,
        ("never", 3600): True,
        ("before its start", 1200): False,
        ("before its start", 3600): True,
        ("since its start", 1200): True,
        ("since its start", 3600): True,
    }
