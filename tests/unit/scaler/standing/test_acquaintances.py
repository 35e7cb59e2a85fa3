"""Who joins: a newcomer, or a pod made anew that brings what was known of its name."""

import pytest

from readpool.replica_class import ReplicaClass
from scaler.standing.acquaintances import greet, list_last, take_leave
from scaler.standing.standing import ReplicaState
from tests.unit.staged_fleet import START, StagedFleet, StagedNetwork

NETWORK = StagedNetwork()
LEFT = ReplicaState(ReplicaClass.FRESH, first_seen=100.0, known_since=50.0, fresh_at=900.0)


def test_a_pod_made_anew_brings_when_its_name_was_first_known_and_last_fresh() -> None:
    known = take_leave({}, {"core-1": LEFT}, 1000.0)
    back = greet(known["core-1"], 1300.0, is_newcomer=True)
    assert (back.known_since, back.fresh_at, back.first_seen, back.report) == (50.0, 900.0, 1300.0, None)


def test_one_of_a_name_that_nobody_has_known_for_long_is_a_newcomer() -> None:
    known = take_leave({}, {"core-1": LEFT}, 1000.0)
    late = greet(known["core-1"], 2000.0, is_newcomer=True)
    assert (late.known_since, late.fresh_at, late.is_newcomer) == (2000.0, None, True)
    assert take_leave(known, {}, 2000.0) == {}


@pytest.mark.parametrize(
    ("kept", "last"), [(None, set()), (3, set()), (2, {"core-10"}), (0, {"core-1", "core-2", "core-10"})]
)
def test_the_last_by_ordinal_are_those_beyond_what_is_kept(kept: int | None, last: set[str]) -> None:
    assert list_last(["core-10", "core-2", "core-1"], kept) == last


def test_an_evicted_pod_is_known_again_and_one_that_was_let_go_is_not() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    stage.play(60)
    gone = stage.scripts.pop("core-1")
    stage.take_members()
    stage.play(30)
    stage.scripts["core-1"] = gone
    stage.take_members()
    back = {one.name: one.standing for one in stage.fleet.advance(stage.now).replicas}["core-1"]
    assert (back.known_since, back.replica_class) == (START, ReplicaClass.UNKNOWN)
    assert back.fresh_at is not None
    stage.scripts["core-3"] = NETWORK.in_step
    stage.take_members()
    stage.play(30)
    del stage.scripts["core-3"]
    stage.take_members()
    stage.scripts["core-3"] = NETWORK.in_step
    stage.take_members()
    other = {one.name: one.standing for one in stage.fleet.advance(stage.now).replicas}["core-3"]
    assert (other.known_since, other.fresh_at) == (stage.now, None)
