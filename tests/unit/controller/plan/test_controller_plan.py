"""What a pool needs, from its first plan to a steady state that writes nothing; by stories of one cluster each."""

from dataclasses import replace
from typing import Any

import pytest

from controller.plan.plan import plan_pool
from controller.replicas.disruptions import SHUT_SECONDS
from readpool.kubernetes.kinds import CONFIG_MAP, POD, PROMETHEUS_RULE, PVC, SCALED_OBJECT, SERVICE, ObjectKey
from tests.unit.observed_pools import CATCHING_UP, FRESH, LAGGING, NOW, UNKNOWN, UNREACHABLE
from tests.unit.pool_world import SCALED_OBJECT_KEY, STATEFUL_SET_KEY, WEIGHED, PoolWorld, name_deleted, name_writes


def test_a_new_pool_gets_its_objects_in_the_order_in_which_they_need_each_other() -> None:
    world = PoolWorld.make()
    assert name_writes(world.step()) == [
        "Service pool-nodes",
        "Service pool",
        "NetworkPolicy pool",
        "PodDisruptionBudget pool",
        "ConfigMap pool-config",
        "StatefulSet pool",
    ]
    assert world.spec["replicas"] == world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 5


def test_keda_is_asked_in_once_the_size_is_written_so_that_it_does_not_begin_at_its_minimum() -> None:
    world = PoolWorld.make()
    assert world.step().replicas == 5
    assert name_writes(world.step()) == ["ScaledObject pool"]


def test_a_scaled_object_stays_while_a_manifest_without_replicas_is_put_in_place_of_the_pool() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    world.change(replicas=0)
    plan = world.step()
    assert (plan.replicas, plan.delete) == (2, ())
    assert SCALED_OBJECT_KEY in world.objects


@pytest.mark.parametrize(
    ("spec", "running", "wanted", "written"),
    [
        pytest.param({}, None, 5, 5, id="a new pool has targetReplicas"),
        pytest.param({"replicas": 0}, 7, 7, 7, id="a pool put in place of another keeps what runs"),
        pytest.param({"replicas": 0}, 30, 20, 20, id="but not beyond its maximum"),
        pytest.param({"replicas": 4}, 7, 4, None, id="whoever scales decides"),
        pytest.param({"replicas": 30}, 7, 20, None, id="within maxReplicas"),
        pytest.param({"replicas": 1}, 7, 3, None, id="within minReplicas"),
        pytest.param({"replicas": 4, "paused": True}, 7, 7, None, id="a paused pool keeps what runs"),
        pytest.param({"replicas": 0, "paused": True}, 7, 7, None, id="a paused pool keeps what runs, scaled or not"),
        pytest.param({"replicas": 0, "paused": True}, 30, 30, None, id="a paused pool keeps even too many"),
        pytest.param({"replicas": 4, "paused": True}, None, 4, None, id="a paused pool begins all the same"),
        pytest.param({"paused": True}, None, 5, 5, id="a paused pool begins with targetReplicas"),
    ],
)
def test_the_size_is_that_of_whoever_scales(
    spec: dict[str, Any], running: int | None, wanted: int, written: int | None
) -> None:
    world = PoolWorld.make()
    if running is not None:
        world.step()
        world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] = running
    world.change(**({"replicas": 0} | spec))
    plan = world.step()
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == wanted
    assert plan.replicas == written


def test_a_pool_that_is_being_deleted_needs_nothing_more() -> None:
    world = PoolWorld.begin(FRESH, LAGGING)
    world.pool["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.change(version="v23.0.0")
    world.say(LAGGING, LAGGING)
    plan = world.plan()
    assert plan.is_empty
    assert plan.status == world.status


def test_a_change_of_class_moves_the_weight_at_once_and_writes_two_slices() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    world.now += 1
    world.say(FRESH, LAGGING, FRESH)
    assert name_writes(world.step()) == ["EndpointSlice pool-lagging-0", "EndpointSlice pool-fresh-0"]
    assert {pod: weight for pod, (_, weight) in world.read_endpoints().items()} == {
        "pool-0": 100,
        "pool-1": 10,
        "pool-2": 100,
    }
    assert [row["replicaClass"] for row in world.status["replicaWeights"]] == ["fresh", "lagging", "fresh"]
    world.now += 1
    world.say(FRESH, FRESH, FRESH)
    plan = world.step()
    assert (name_writes(plan), name_deleted(plan)) == (
        ["EndpointSlice pool-fresh-0"],
        ["EndpointSlice pool-lagging-0"],
    )


def test_ledgers_advancing_for_ten_minutes_write_no_slice_and_numbers_once_an_interval() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, CATCHING_UP, **WEIGHED)
    status_writes = 0
    for poll in range(120):
        world.now += 5
        world.say(FRESH, LAGGING, CATCHING_UP, tip_ledger=55_000_000 + poll)
        plan = world.step()
        assert (plan.apply, plan.delete, plan.events, plan.pod_patches) == ((), (), (), ())
        status_writes += plan.is_status_changed
    assert status_writes == 20


def test_a_steady_network_writes_nothing_at_all() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, **WEIGHED)
    for _ in range(60):
        world.now += 5
        world.say(FRESH, LAGGING)
        assert world.plan().is_empty


def test_the_scaled_object_goes_when_the_user_has_one_and_comes_back_when_that_goes() -> None:
    world = PoolWorld.begin(FRESH)
    observed = replace(world.observe(), other_scaled_object="mine")
    plan = plan_pool(observed, world.settings, world.now)
    assert name_deleted(plan) == ["ScaledObject pool"]
    for write in world.list_writes(plan):
        write()
    assert name_writes(world.plan()) == ["ScaledObject pool"]


def test_optional_kinds_come_and_go_with_the_cluster() -> None:
    world = PoolWorld.begin(FRESH, alerting=True)
    assert {"ScaledObject", "PrometheusRule"} <= {key.kind.name for key in world.objects}
    world.optional_kinds = frozenset()
    world.objects = {k: v for k, v in world.objects.items() if k.kind.name not in {"ScaledObject", "PrometheusRule"}}
    world.rest()
    assert world.read_condition("Autoscaling") == ("False", "KedaMissing")
    assert world.read_condition("Alerting") == ("False", "PrometheusMissing")
    world.optional_kinds = frozenset({SCALED_OBJECT, PROMETHEUS_RULE})
    assert name_writes(world.step()) == ["ScaledObject pool", "PrometheusRule pool"]


def test_alerts_that_are_no_longer_wanted_go() -> None:
    world = PoolWorld.begin(FRESH, alerting=True)
    world.change(alerting=False)
    assert name_deleted(world.step()) == ["PrometheusRule pool"]
    assert "Alerting" not in [one["type"] for one in world.status["conditions"]]


def test_a_configuration_that_cannot_be_written_leaves_what_runs() -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    world.change(coreConfigOverride="HTTP_PORT = 1\n", replicas=5, version="v23.0.0")
    plan = world.step()
    assert (plan.apply, plan.delete) == ((), ())
    assert world.read_condition("Stalled") == ("True", "InvalidConfiguration")
    assert world.read_condition("Reconciling") == ("False", "Stalled")
    assert [event.reason for event in plan.events] == ["InvalidConfiguration"]
    world.say(FRESH, LAGGING)
    assert world.step().apply != ()
    assert world.read_endpoints().keys() == {"pool-0", "pool-1"}


def test_a_name_that_is_taken_is_left_alone_and_told() -> None:
    world = PoolWorld.make()
    taken = {STATEFUL_SET_KEY, ObjectKey(SERVICE, "default", "pool"), ObjectKey(POD, "default", "other")}
    plan = plan_pool(replace(world.observe(), name_conflicts=frozenset(taken)), world.settings, NOW)
    assert "StatefulSet pool" not in name_writes(plan)
    stalled = next(one for one in plan.status["conditions"] if one["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "NameTaken")
    assert stalled["message"] == "Service pool, StatefulSet pool already exist and are not owned by this pool"


def test_what_the_api_server_refuses_is_told_while_it_is_wanted() -> None:
    world = PoolWorld.begin(FRESH)
    gone = ObjectKey(PVC, "default", "data-pool-9")
    refused = {STATEFUL_SET_KEY: "spec.template: Invalid value", gone: "no"}
    plan = plan_pool(replace(world.observe(), refused=refused), world.settings, world.now)
    stalled = next(one for one in plan.status["conditions"] if one["type"] == "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("Refused", "StatefulSet pool: spec.template: Invalid value")


def test_a_plan_says_when_time_alone_will_change_it() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, **WEIGHED)
    assert world.plan().requeue_after_seconds == 30
    world.now += 10
    assert world.plan().requeue_after_seconds == 20
    world.silent_since = world.now
    assert world.plan().requeue_after_seconds == 15
    world.now += 15
    world.rest()
    assert world.plan().requeue_after_seconds == 285
    world.now += 285
    world.rest()
    assert world.plan().requeue_after_seconds == SHUT_SECONDS - 310  # of the last fresh one no drain is kept for good


def test_a_scaler_that_has_just_started_moves_nothing_and_tells_nobody() -> None:
    world = PoolWorld.begin(FRESH, FRESH, LAGGING, **WEIGHED)
    before, told = world.read_endpoints(), world.read_condition("Fresh")
    world.now += 60
    world.say(UNKNOWN, UNKNOWN, UNKNOWN)
    assert world.fleet is not None
    unasked = tuple(replace(view, since=world.now, observed_at=None) for view in world.fleet.replicas)
    world.fleet = replace(world.fleet, replicas=unasked)
    for _ in range(3):
        plan = world.step()
        assert (plan.apply, plan.delete, plan.events) == ((), (), ())
        world.now += 4
    assert (world.read_endpoints(), world.read_condition("Fresh")) == (before, told)


def test_a_controller_that_has_just_started_moves_nothing_and_tells_nobody() -> None:
    world = PoolWorld.begin(FRESH, FRESH, LAGGING, **WEIGHED)
    world.now += 60
    world.fleet, world.silent_since = None, world.now
    for _ in range(3):
        assert world.plan().is_empty
        world.now += 4
    world.say(FRESH, FRESH, LAGGING)
    world.silent_since = None
    assert world.plan().is_empty


def test_a_bad_configuration_lies_under_no_replica_but_the_one_that_tries_it() -> None:
    world = PoolWorld.begin(*[FRESH] * 5, **WEIGHED)
    world.change(coreConfigOverride="NO_SUCH_KEY = 1")
    assert [name_deleted(world.step()), name_deleted(world.step())] == [[], ["Pod pool-4"]]
    for _ in range(30):
        world.now += 60
        world.see_stateful_set()
        world.step()
        world.settle()
        world.pods["pool-4"]["status"]["conditions"][0]["status"] = "False"
        world.say(FRESH, FRESH, FRESH, FRESH, UNREACHABLE)
    held = world.objects[ObjectKey(CONFIG_MAP, "default", "pool-config")]["data"]
    assert [name for name, text in held.items() if "NO_SUCH_KEY" in text] == ["pool-4.cfg"]


def test_a_pause_writes_nothing_of_what_replicas_are_made_of() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    before = world.revision
    world.change(paused=True, coreConfigOverride="FAILURE_SAFETY = 0", version="v23.0.0")
    world.rest()
    del world.pods["pool-1"]
    world.settle()
    world.rest()
    assert world.revision == before
    held = world.objects[ObjectKey(CONFIG_MAP, "default", "pool-config")]["data"]
    assert not any("FAILURE_SAFETY" in text for text in held.values())
    world.change(paused=False)
    world.rest()
    assert world.revision != before
