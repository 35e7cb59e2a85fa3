"""Does the scaler still see? Per node, and with its own limits in the way."""

import pytest

from scaler.polling.sight import Sight


def watch(nodes: int) -> Sight:
    sight = Sight(20.0)
    for node in range(nodes):
        sight.add(node, 0.0)
    return sight


def test_a_scaler_without_nodes_sees_all_there_is() -> None:
    assert Sight(20.0).is_seeing(1e9)


@pytest.mark.parametrize(("seen", "is_seeing"), [(5, True), (3, True), (2, False), (0, False)])
def test_it_sees_while_at_least_half_of_the_nodes_were_observed_of_late(seen: int, *, is_seeing: bool) -> None:
    sight = watch(5)
    for node in range(seen):
        sight.note(node, 30.0)
    assert sight.is_seeing(20.0)
    assert sight.is_seeing(40.0) is is_seeing


def test_nodes_that_are_gone_are_not_missed() -> None:
    sight = watch(3)
    sight.note(0, 100.0)
    for node in (1, 2):
        sight.remove(node)
        sight.note(node, 100.0)
    assert sight.is_seeing(110.0)
    assert not sight.is_seeing(130.0)


def test_own_limits_are_new_once_and_over_after_a_quiet_minute() -> None:
    sight = watch(2)
    assert [sight.note_own_limit(now) for now in (1.0, 2.0, 50.0)] == [True, False, False]
    assert [sight.note(0, now) for now in (60.0, 109.0, 110.0, 111.0)] == [False, False, True, False]
    assert sight.note_own_limit(200.0)
