"""A replica that a person has taken out of service: no readers, a substitute, nothing restarted, until it is back."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.observed.labels import OUT_OF_SERVICE
from readpool.cli.pools.explanation import explain_pool
from readpool.cli.pools.pools_table import REPLICA_COLUMNS, Paper, ReplicaRow
from readpool.replica_class import ReplicaClass
from scaler.fleet.keda_metrics import compute_metric
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.triggers.fleet_spec import FleetSpec
from scaler.triggers.metric import Metric
from tests.unit.drawn_worlds import few, worlds
from tests.unit.observed_pools import CATCHING_UP, FRESH, LAGGING, UNREACHABLE
from tests.unit.pool_routes import read_addresses
from tests.unit.pool_statuses import build_pool, build_replica
from tests.unit.pool_world import STATEFUL_SET_KEY, WEIGHED, PoolWorld, name_deleted
from tests.unit.staged_fleet import SPEC, START, Script, StagedFleet, StagedNetwork

NETWORK = StagedNetwork()


def take_out(world: PoolWorld, ordinal: int, value: str = "true", part: str = "annotations") -> None:
    world.pods[f"pool-{ordinal}"]["metadata"].setdefault(part, {})[OUT_OF_SERVICE] = value


def take_back(world: PoolWorld, ordinal: int) -> None:
    del world.pods[f"pool-{ordinal}"]["metadata"]["annotations"][OUT_OF_SERVICE]


def read_weights(world: PoolWorld) -> dict[str, int]:
    return {one["replicaName"]: one["weight"] for one in world.status["replicaWeights"]}


def list_served(world: PoolWorld) -> set[str]:
    return set(read_addresses(world, "pool"))


def list_restarted(world: PoolWorld) -> list[str]:
    """Run the controller until it rests; return the pods that it deleted."""
    return [name[4:] for plan in world.rest() for name in name_deleted(plan) if name.startswith("Pod ")]


@pytest.mark.parametrize("part", ["annotations", "labels"])
@pytest.mark.parametrize("value", ["true", "", "false positive?"])
def test_it_has_no_readers_until_the_mark_is_taken_away(part: str, value: str) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    take_out(world, 1, value, part)
    world.rest()
    assert list_served(world) == {"pool-0", "pool-2"}
    assert read_weights(world)["pool-1"] == 0
    del world.pods["pool-1"]["metadata"][part][OUT_OF_SERVICE]
    world.rest()
    assert list_served(world) == {"pool-0", "pool-1", "pool-2"}


@pytest.mark.parametrize("value", ["false", "False"])
def test_a_mark_that_says_false_is_none(value: str) -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    take_out(world, 1, value)
    world.rest()
    assert list_served(world) == {"pool-0", "pool-1"}


def test_the_last_one_that_can_serve_serves_until_another_can() -> None:
    world = PoolWorld.begin(FRESH, **WEIGHED)
    take_out(world, 0)
    world.rest()
    assert list_served(world) == {"pool-0"}
    world.change(replicas=2)
    world.rest()
    world.settle()
    world.say(FRESH, FRESH)
    world.rest()
    assert list_served(world) == {"pool-1"}


def test_it_has_no_readers_in_a_paused_pool_either() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    world.change(paused=True)
    take_out(world, 1)
    world.rest()
    assert list_served(world) == {"pool-0"}


def test_status_says_which_it_is_and_counts_it_among_the_fresh_no_more() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **WEIGHED)
    take_out(world, 1)
    world.rest()
    assert [one.get("outOfService") for one in world.status["replicaWeights"]] == [None, True, None]
    assert world.status["freshReplicas"] == 2
    fresh = next(one for one in world.status["conditions"] if one["type"] == "Fresh")
    assert fresh["message"].endswith("out of service: pool-1")
    take_back(world, 1)
    world.rest()
    assert [one.get("outOfService") for one in world.status["replicaWeights"]] == [None, None, None]


def roll_out(world: PoolWorld) -> list[str]:
    """Roll out another version; return the pods that were restarted."""
    world.change(version="v23.0.0")
    restarted: list[str] = []
    for _ in range(12):
        restarted += list_restarted(world)
        world.settle()
        world.say(*[FRESH] * len(world.pods))
    return restarted


def test_an_upgrade_restarts_all_others_and_it_when_it_is_back() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, FRESH, **WEIGHED)
    take_out(world, 1)
    uid = world.pods["pool-1"]["metadata"]["uid"]
    world.rest()
    assert sorted(roll_out(world)) == ["pool-0", "pool-2", "pool-3"]
    assert world.pods["pool-1"]["metadata"]["uid"] == uid
    assert world.plan().is_rolled_out
    take_back(world, 1)
    assert list_restarted(world) == ["pool-1"]


@pytest.mark.parametrize("replica_class", [LAGGING, UNREACHABLE, CATCHING_UP])
def test_an_upgrade_does_not_wait_for_it_whatever_it_does(replica_class: ReplicaClass) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, FRESH, **WEIGHED)
    take_out(world, 3)
    world.pods["pool-3"]["status"]["conditions"][0]["status"] = "False"
    world.say(FRESH, FRESH, FRESH, replica_class)
    world.change(version="v23.0.0")
    restarted: list[str] = []
    for _ in range(8):
        restarted += list_restarted(world)
        world.settle()
        world.say(FRESH, FRESH, FRESH, replica_class)
    assert sorted(restarted) == ["pool-0", "pool-1", "pool-2"]


def test_its_volume_is_not_replaced_and_another_ones_is() -> None:
    replacement = {"enabled": True, "afterSeconds": 1800}
    for out, is_replaced in ((1, False), (2, True)):
        world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement=replacement, **WEIGHED)
        world.say(FRESH, LAGGING, FRESH)
        take_out(world, out)
        assert ("Pod pool-1" in name_deleted(world.plan())) is is_replaced


def test_a_pool_that_gets_smaller_does_not_end_it() -> None:
    world = PoolWorld.begin(*[FRESH] * 6, **WEIGHED)
    take_out(world, 4)
    world.change(replicas=3)
    world.rest()
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 5
    reconciling = next(one for one in world.status["conditions"] if one["type"] == "Reconciling")
    assert "pool-4 to be back in service" in reconciling["message"]
    world.settle()
    world.say(*[FRESH] * 5)
    take_back(world, 4)
    world.rest()
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 3


def test_it_may_be_down_without_the_pool_being_called_unready() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    take_out(world, 1)
    world.pods["pool-1"]["status"]["conditions"][0]["status"] = "False"
    world.now += 3600
    world.say(FRESH, UNREACHABLE)
    world.rest()
    said = {one["type"]: one["status"] for one in world.status["conditions"]}
    assert (said["Ready"], said["Stalled"]) == ("True", "False")


# What the scaler makes of it.


def stage(*scripts: Script, spec: FleetSpec = SPEC) -> StagedFleet:
    staged = StagedFleet(*scripts, spec=spec)
    staged.play(300)
    return staged


def look(staged: StagedFleet, *out: str, seconds: float = 5, spec: FleetSpec = SPEC) -> FleetSnapshot:
    staged.fleet.change_spec(replace(spec, out_of_service=frozenset(out)), staged.now)
    return staged.play(seconds)[-1]


def test_it_has_a_substitute_at_once() -> None:
    staged = stage(*[NETWORK.in_step] * 3)
    before, after = look(staged).decision, look(staged, "core-1").decision
    assert (before.desired, after.desired, after.unhealthy) == (3, 4, 1)
    assert after.message == "target 3, none unhealthy; plus 1 for core-1 out of service: 4"


def test_it_has_none_any_more_when_it_is_back() -> None:
    staged = stage(*[NETWORK.in_step] * 4)
    assert look(staged, "core-1").decision.desired == 4
    assert look(staged, seconds=3600).decision.desired == 3


@pytest.mark.parametrize("behind", [0, 5000])
def test_whatever_it_does_it_has_one_substitute(behind: int) -> None:
    staged = stage(*[NETWORK.in_step] * 4)
    staged.scripts["core-1"] = NETWORK.behind(behind)
    staged.fleet.change_spec(replace(SPEC, out_of_service=frozenset({"core-1"})), staged.now)
    assert {one.decision.desired for one in staged.play(900)} == {4}


def test_a_laggard_that_is_taken_out_keeps_the_substitute_that_it_has() -> None:
    staged = stage(*[NETWORK.in_step] * 3)
    staged.scripts["core-1"] = NETWORK.behind(5000)
    staged.play(300)
    staged.scripts["core-3"] = NETWORK.in_step
    staged.take_members()
    staged.play(60)
    assert look(staged).decision.desired == 4
    staged.fleet.change_spec(replace(SPEC, out_of_service=frozenset({"core-1"})), staged.now)
    assert {one.decision.desired for one in staged.play(600)} == {4}


def test_another_one_that_lags_has_its_own() -> None:
    staged = stage(*[NETWORK.in_step] * 4)
    look(staged, "core-1")
    staged.scripts["core-2"] = NETWORK.behind(5000)
    assert look(staged, "core-1", seconds=300).decision.desired == 5


def test_the_only_replica_of_a_pool_has_one_as_well() -> None:
    spec = replace(SPEC, bounds=Bounds(1, 1, 3))
    staged = stage(NETWORK.in_step, spec=spec)
    assert look(staged, "core-0", spec=spec).decision.desired == 2


def test_the_maximum_holds_with_those_that_are_out_of_service() -> None:
    spec = replace(SPEC, bounds=Bounds(1, 3, 3))
    staged = stage(*[NETWORK.in_step] * 3, spec=spec)
    decision = look(staged, "core-0", spec=spec).decision
    assert decision.desired == 3
    assert "limited to the maximum of 2; with core-0 out of service: 3" in decision.message
    assert look(staged, "core-0", "core-1", "core-2", spec=spec).decision.desired == 3


def test_one_that_is_not_there_has_none() -> None:
    assert look(stage(*[NETWORK.in_step] * 3), "core-7").decision.desired == 3


@pytest.mark.parametrize("away", ["core-1", "core-3"])
def test_beside_it_one_that_is_made_anew_is_no_newcomer(away: str) -> None:
    staged = stage(*[NETWORK.in_step] * 4)
    look(staged, "core-1", seconds=60)
    members = {one.name: one.address for one in staged.fleet.advance(staged.now).replicas}
    staged.fleet.set_members({name: url for name, url in members.items() if name != away}, staged.now)
    look(staged, "core-1", seconds=30)
    staged.fleet.set_members(members | {away: "http://elsewhere:11626"}, staged.now)
    back = next(one for one in staged.fleet.advance(staged.now).replicas if one.name == away)
    assert back.standing.first_seen == staged.now
    assert back.standing.known_since == START


def test_metrics_of_the_fleet_leave_it_out() -> None:
    staged = stage(*[NETWORK.in_step] * 3)
    staged.scripts["core-1"] = NETWORK.behind(5000)
    shown = look(staged, "core-1", seconds=60)
    assert compute_metric(shown, Metric.FRESH_REPLICAS) == 2.0
    assert compute_metric(shown, Metric.LAGGING_REPLICAS) == 0.0
    assert compute_metric(shown, Metric.MAX_LAG) < 100.0


# What people are shown.


def test_explain_says_why_there_is_one_more() -> None:
    pool = build_pool(build_replica("readers-0"), build_replica("readers-1", outOfService=True, weight=0))
    said = explain_pool(pool, None).sentences[-1]
    assert said.startswith("readers-1 is out of service: no reads go to it and an extra replica stands in")


def test_the_table_of_replicas_says_so() -> None:
    (replica,) = build_pool(build_replica("readers-1", outOfService=True)).status.replica_weights
    column = next(one for one in REPLICA_COLUMNS if one.heading == "class")
    assert "out of service" in str(column.show(ReplicaRow(replica, 1000), Paper(80, now=0.0, ascii_only=True)))


@few
@given(worlds(), st.data())
def test_nothing_ends_it_whatever_the_pool_and_its_replicas_do(world: PoolWorld, data: st.DataObject) -> None:
    staying = sorted(name for name, pod in world.pods.items() if "deletionTimestamp" not in pod["metadata"])
    assume(staying)
    out = data.draw(st.sampled_from(staying))
    take_out(world, int(out.rpartition("-")[2]))
    running = {key: one["spec"]["replicas"] for key, one in world.objects.items() if key == STATEFUL_SET_KEY}
    plan = world.plan()
    assert f"Pod {out}" not in name_deleted(plan)
    assert f"PersistentVolumeClaim data-{out}" not in name_deleted(plan)
    sizes = [one["spec"]["replicas"] for one in plan.shrink]
    is_within = int(out.rpartition("-")[2]) < running.get(STATEFUL_SET_KEY, 0)
    assert not is_within or all(size > int(out.rpartition("-")[2]) for size in sizes)
