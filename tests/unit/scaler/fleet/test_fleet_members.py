"""Who belongs to a fleet: what is said while nobody is known, who is kept, who is forgotten."""

from readpool.replica_class import ReplicaClass
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.policy.hold_reasons import NO_REPLICAS, STILL_OBSERVING
from scaler.policy.policy import SCALING_FROM_ZERO
from tests.unit.staged_fleet import GONE, POLL_SECONDS, SPEC, START, StagedFleet, StagedNetwork, classes, desired

FRESH, UNKNOWN = ReplicaClass.FRESH, ReplicaClass.UNKNOWN
NETWORK = StagedNetwork()


def steady() -> StagedFleet:
    """Return a fleet of three in step that has been watched for two minutes."""
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    stage.play(120)
    return stage


def test_a_failed_discovery_keeps_every_member() -> None:
    stage = steady()
    stage.fleet.discovery_failed("SERVFAIL for core.stellar.svc", stage.now)
    shown = stage.play(60)
    assert desired(shown) == {3}
    assert set(classes(shown[-1]).values()) == {FRESH}


def test_where_nobody_was_ever_found_the_trouble_with_discovery_is_told() -> None:
    stage = StagedFleet()
    stage.fleet.discovery_failed("SERVFAIL for core.stellar.svc", stage.now)
    (shown,) = stage.play(1)
    assert (shown.decision.desired, shown.decision.reason) == (None, NO_REPLICAS)
    assert "SERVFAIL" in shown.decision.message


def test_nobody_is_known_only_once_discovery_has_said_so() -> None:
    fleet = Fleet("stellar/core", SPEC, FleetSettings(POLL_SECONDS), START)
    before = fleet.advance(START).decision
    assert (before.desired, before.reason) == (None, STILL_OBSERVING)
    assert before.message == "The replicas have not been discovered yet."


def test_a_fleet_of_zero_comes_up_to_its_target_or_to_what_was_asked_for_last() -> None:
    fleet = Fleet("stellar/core", SPEC, FleetSettings(POLL_SECONDS), START)
    fleet.set_members({}, START + 1)
    began = fleet.advance(START + 1).decision
    assert (began.desired, began.reason) == (SPEC.bounds.target, SCALING_FROM_ZERO)
    stage = StagedFleet(*[NETWORK.in_step] * 7)
    stage.play(60)
    stage.fleet.set_members({}, stage.now)
    assert stage.fleet.advance(stage.now).decision.desired == 7


def test_who_stays_keeps_its_history_and_who_goes_is_forgotten() -> None:
    stage = steady()
    before = {r.name: r.standing for r in stage.fleet.advance(stage.now).replicas}
    stage.fleet.set_members(
        {"core-10": "http://x:1", "core-1": "http://core-1:11626", "core-9": "http://y:1"}, stage.now
    )
    shown = stage.fleet.advance(stage.now)
    assert [(r.name, r.address) for r in shown.replicas] == [
        ("core-1", "http://core-1:11626"),
        ("core-9", "http://y:1"),
        ("core-10", "http://x:1"),
    ]
    assert shown.replicas[0].standing == before["core-1"]
    assert shown.replicas[1].standing.replica_class is UNKNOWN
    assert not stage.fleet.observe("core-0", GONE, stage.now)


def test_another_pod_of_the_same_name_is_not_known_until_it_has_answered() -> None:
    stage = steady()
    members = {r.name: r.address for r in stage.fleet.advance(stage.now).replicas}
    stage.fleet.set_members(members | {"core-1": "http://elsewhere:1"}, stage.now)
    shown = stage.fleet.advance(stage.now)
    assert classes(shown) == {"core-0": FRESH, "core-1": UNKNOWN, "core-2": FRESH}
    moved = next(replica for replica in shown.replicas if replica.name == "core-1")
    assert (moved.standing.report, moved.standing.first_seen, moved.standing.since) == (None, stage.now, stage.now)


def test_a_doubt_and_its_end_are_told_at_once() -> None:
    stage = steady()
    scripts = (NETWORK.behind(2 * SPEC.lag_threshold), NETWORK.in_step, NETWORK.in_step)
    told = [stage.fleet.observe("core-0", script(stage.now), stage.now) for script in scripts]
    assert told == [True, True, False]


def test_a_name_that_comes_later_is_the_same_pods() -> None:
    stage = StagedFleet()
    stage.fleet.set_members({"10.0.0.7": "http://10.0.0.7:11626"}, stage.now)
    stage.fleet.observe("10.0.0.7", NETWORK.in_step(stage.now), stage.now)
    (before,) = stage.fleet.advance(stage.now).replicas
    stage.fleet.set_members({"core-7": "http://10.0.0.7:11626"}, stage.now)
    (after,) = stage.fleet.advance(stage.now).replicas
    assert (after.name, after.standing) == ("core-7", before.standing)
    assert after.standing.replica_class is FRESH


def test_the_whole_of_a_pods_name_is_the_same_pods() -> None:
    stage = StagedFleet()
    first, whole = "core-7", "core-7.core.stellar.svc.cluster.local"
    for known, name in ((first, first), (first, whole), (whole, first)):
        stage.fleet.set_members({name: "http://10.0.0.7:11626"}, stage.now)
        assert (name == known) or classes(stage.fleet.advance(stage.now)) == {name: FRESH}
        stage.fleet.observe(name, NETWORK.in_step(stage.now), stage.now)


def test_a_pod_of_another_name_at_a_known_address_is_another_pod() -> None:
    stage = StagedFleet()
    stage.fleet.set_members({"core-0": "http://10.0.0.7:11626"}, stage.now)
    stage.fleet.observe("core-0", NETWORK.in_step(stage.now), stage.now)
    stage.fleet.set_members({"core-1": "http://10.0.0.7:11626"}, stage.now)
    assert classes(stage.fleet.advance(stage.now)) == {"core-1": UNKNOWN}
