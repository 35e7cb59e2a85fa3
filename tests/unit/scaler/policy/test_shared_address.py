"""Several nodes at one address: recognised by their starts, and not to be mixed up with restarts."""

from dataclasses import replace
from itertools import cycle

import pytest

from scaler.policy.policy import Bounds
from scaler.policy.shared_address import SHARED_ADDRESS, find_shared_address, is_step_back
from scaler.probes.report import NodeReport
from tests.unit.staged_fleet import SPEC, START, Script, StagedFleet, StagedNetwork, desired

NETWORK = StagedNetwork()
FIVE = replace(SPEC, bounds=Bounds(2, 5, 20))


def started(on: float) -> NodeReport:
    return NodeReport(100, is_synced=True, started_on=on)


@pytest.mark.parametrize(
    ("before", "after", "is_back"),
    [
        (started(100.0), started(50.0), True),
        (started(100.0), started(100.0), False),
        (started(100.0), started(99.5), False),
        (started(100.0), started(500.0), False),
        (None, started(50.0), False),
        (started(100.0), NodeReport(100, is_synced=True), False),
        (NodeReport(100, is_synced=True), started(50.0), False),
    ],
)
def test_only_an_earlier_start_is_a_step_back(before: NodeReport | None, after: NodeReport, *, is_back: bool) -> None:
    assert is_step_back(before, after) is is_back


def take_turns(*starts: float) -> Script:
    turns = cycle(starts)
    return lambda now: replace(NETWORK.in_step(now), started_on=next(turns))


def test_a_service_with_one_address_is_held_with_a_sentence_within_a_minute() -> None:
    stage = StagedFleet(take_turns(START - 500, START - 400, START - 300), spec=FIVE)
    shown = stage.play(60)
    assert (shown[-1].decision.desired, shown[-1].decision.reason) == (None, SHARED_ADDRESS)
    assert "Several nodes answer at http://core-0:11626 in turn" in shown[-1].decision.message
    assert "clusterIP: None" in shown[-1].decision.message
    stage.scripts["core-0"] = NETWORK.in_step
    assert stage.play(700)[-1].decision.desired == 5


def test_restarts_and_one_address_that_was_handed_on_are_none() -> None:
    restarts = iter([START - 500.0, *(START + 10.0 * n for n in range(1, 400))])
    stage = StagedFleet(
        NETWORK.in_step,
        lambda now: replace(NETWORK.in_step(now), started_on=next(restarts)),
        lambda now: replace(NETWORK.in_step(now), started_on=START - (500 if now < START + 60 else 900)),
        spec=replace(FIVE, bounds=Bounds(2, 3, 20)),
    )
    assert desired(stage.play(600)[10:]) == {3}


def test_two_steps_back_long_apart_are_none() -> None:
    assert find_shared_address({"core-0": (0.0, 1000.0)}, {}, 1000.0) is None
    assert find_shared_address({"core-0": (500.0, 1000.0)}, {}, 1000.0) is not None
    assert find_shared_address({"core-0": (1000.0,)}, {}, 1000.0) is None
