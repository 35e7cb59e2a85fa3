"""Fewer replicas known than asked for: said after minutes, with what may be wrong, and over as soon as it is."""

from dataclasses import replace

import pytest

from scaler.fleet.known_replicas import Shortage, explain_shortage, follow_shortage
from scaler.policy.policy import Bounds
from scaler.triggers.fleet_spec import NodesSource
from tests.unit.staged_fleet import SPEC, StagedFleet, StagedNetwork, desired

FIVE = replace(SPEC, bounds=Bounds(2, 5, 20))
NETWORK = StagedNetwork()


@pytest.mark.parametrize(
    ("steps", "since"),
    [
        pytest.param([(0, 1, 5), (400, 1, 5)], 0.0, id="one of five all the while"),
        pytest.param([(0, 1, 5), (200, 2, 5), (400, 2, 5)], 200.0, id="one more has come"),
        pytest.param([(0, 4, 5), (200, 3, 5), (400, 3, 5)], 200.0, id="one has gone"),
        pytest.param([(0, 4, 5), (200, 4, 6)], 200.0, id="more are wanted"),
        pytest.param([(0, 4, 6), (200, 4, 5), (400, 4, 5)], 0.0, id="fewer are wanted, and still more than known"),
        pytest.param([(0, 4, 5), (200, 5, 5), (400, 5, 5)], None, id="all are known"),
        pytest.param([(0, 4, 5), (200, 4, None), (400, 4, 5)], 0.0, id="nothing is decided for a while"),
        pytest.param([(0, 9, 5)], None, id="more are known than wanted"),
    ],
)
def test_a_shortage_is_as_old_as_the_numbers_that_make_it(
    steps: list[tuple[float, int, int | None]], since: float | None
) -> None:
    shortage = Shortage()
    for now, known, wanted in steps:
        shortage = follow_shortage(shortage, known, wanted, now)
    assert shortage.since == since


def test_it_is_said_after_five_minutes_with_what_to_look_at() -> None:
    shortage = Shortage(1, 5, 100.0)
    assert explain_shortage(shortage, "stellar/core", 399.0) == ""
    assert explain_shortage(shortage, "stellar/core", 400.0) == (
        "Only 1 of 5 replicas have been found for 5 minutes. Check that Service stellar/core has"
        " clusterIP: None and publishNotReadyAddresses: true, and that the missing pods can be scheduled."
    )


def test_where_nobody_is_known_the_service_may_not_exist() -> None:
    said = explain_shortage(Shortage(0, 5, 100.0), "stellar/core", 400.0)
    assert "Check that Service stellar/core exists and has clusterIP: None" in said


def test_the_number_stays_what_it_is_and_the_message_says_who_is_missing() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3, spec=FIVE)
    shown = stage.play(400)
    assert desired(shown[5:]) == {5}
    assert not shown[200].shortage
    assert "Only 3 of 5 replicas have been found" in shown[-1].decision.message
    assert shown[-1].shortage in shown[-1].decision.message
    for ordinal in (3, 4):
        stage.scripts[f"core-{ordinal}"] = NETWORK.in_step
    stage.take_members()
    assert not stage.play(10)[-1].shortage


def test_of_fixed_nodes_nobody_is_missing() -> None:
    stage = StagedFleet(NETWORK.in_step, spec=replace(FIVE, source=NodesSource(("http://core-0:11626",))))
    assert not stage.play(600)[-1].shortage
