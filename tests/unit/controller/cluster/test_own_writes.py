"""Which events of a watch are this process's own writes, and which queue a pool after all."""

from typing import Any

import pytest

from controller.cluster.own_writes import OwnWrites
from readpool.kubernetes.kinds import POD, POOL, SERVICE, Kind, ObjectKey


def build(version: str, generation: int = 1) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, "generation": generation}}


def key_of_one(kind: Kind = SERVICE) -> ObjectKey:
    return ObjectKey(kind, "n", "one")


def test_an_event_without_a_write_is_not_held_back() -> None:
    assert not OwnWrites().hold_back(key_of_one(), build("2"))


def test_the_write_itself_told_by_the_watch_before_its_answer_queues_nothing() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, build("1"))
    assert writes.hold_back(key, build("2"))
    writes.account_for(key, build("2"), build("2"))
    assert writes.end(key) is None


def test_a_change_of_somebody_else_before_the_write_is_part_of_its_answer() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, build("1"))
    assert writes.hold_back(key, build("2"))
    writes.account_for(key, build("3"), build("3"))
    assert writes.end(key) is None


def test_a_change_of_somebody_else_after_the_write_queues_at_its_end() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, build("1"))
    assert writes.hold_back(key, build("3"))
    writes.account_for(key, build("2"), build("3"))
    assert writes.end(key) == build("3")


def test_a_write_that_fails_queues_what_was_held_back() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, None)
    assert writes.hold_back(key, build("2"))
    assert writes.end(key) == build("2")
    assert not writes.hold_back(key, build("3"))


def test_an_object_that_was_deleted_meanwhile_queues_at_the_end() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, build("1"))
    assert writes.hold_back(key, build("3"))
    writes.account_for(key, build("2"), None)
    assert writes.end(key) == build("3")


def test_of_two_writes_at_once_the_last_to_end_counts() -> None:
    writes, key = OwnWrites(), key_of_one()
    writes.begin(key, build("1"))
    writes.begin(key, build("1"))
    assert writes.hold_back(key, build("2"))
    assert writes.end(key) is None
    assert writes.hold_back(key, build("3"))
    assert writes.end(key) == build("3")


@pytest.mark.parametrize(
    ("kind", "event", "is_held"),
    [
        pytest.param(POD, build("2"), False, id="readers hang on a pod"),
        pytest.param(POOL, build("2"), True, id="a status"),
        pytest.param(POOL, build("2", generation=2), False, id="a spec"),
        pytest.param(SERVICE, build("2", generation=2), True, id="a child"),
    ],
)
def test_a_write_that_takes_long_holds_up_no_news_for_readers(kind: Kind, event: dict[str, Any], is_held: bool) -> None:
    writes, key = OwnWrites(), key_of_one(kind)
    writes.begin(key, build("1"))
    assert writes.hold_back(key, event) is is_held
