"""What a simulated Core believes of what it hears, in which order it takes it, and when it has lost track."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core.herder import LOST_SECONDS, Herder, is_satisfied
from readpool.simulator.core.settings import QuorumSet
from tests.unit.core_world import make_ledger

TWO_OF_THREE = QuorumSet(2, ("A", "B"), (QuorumSet(1, ("C", "D")),))


@pytest.mark.parametrize(
    ("quorum", "signers", "is_enough"),
    [
        pytest.param(QuorumSet(1, ("A",)), ["A"], True, id="the one validator"),
        pytest.param(QuorumSet(1, ("A",)), ["B"], False, id="a stranger"),
        pytest.param(QuorumSet(1, ("A",)), [], False, id="nobody"),
        pytest.param(TWO_OF_THREE, ["A"], False, id="one of two"),
        pytest.param(TWO_OF_THREE, ["A", "D"], True, id="one and an inner set"),
        pytest.param(TWO_OF_THREE, ["C", "D"], False, id="an inner set counts once"),
        pytest.param(QuorumSet(0, ()), ["A"], False, id="no threshold trusts nobody"),
    ],
)
def test_a_slot_is_believed_when_its_signers_satisfy_the_quorum(
    quorum: QuorumSet, signers: list[str], is_enough: bool
) -> None:
    assert is_satisfied(quorum, signers) is is_enough


def hear(herder: Herder, nums: list[int], now: float = 0.0) -> list[int]:
    return [ledger.header.num for ledger in herder.hear([make_ledger(num) for num in nums], now)]


def test_a_new_node_starts_at_the_oldest_slot_that_it_is_told_of() -> None:
    assert hear(Herder(1, 0.0), [12, 10, 11]) == [10, 11, 12]


def test_a_node_with_a_ledger_waits_for_the_next_until_it_has_lost_track() -> None:
    herder = Herder(10, 0.0)
    assert hear(herder, [13, 14]) == []
    assert herder.look(LOST_SECONDS - 0.1) == []
    assert herder.is_tracking
    assert [ledger.header.num for ledger in herder.look(LOST_SECONDS)] == [13, 14]
    assert herder.is_tracking


def test_a_node_that_heard_nothing_has_lost_track_after_35_seconds_until_it_hears_the_next() -> None:
    herder = Herder(10, 0.0)
    herder.look(LOST_SECONDS)
    assert not herder.is_tracking
    assert hear(herder, [11], 50.0) == [11]
    assert herder.is_tracking


def test_seconds_in_which_the_process_was_stopped_do_not_count() -> None:
    herder = Herder(10, 0.0)
    herder.forgive(70.0)
    herder.look(100.0)
    assert herder.is_tracking


def test_a_node_that_tracks_keeps_nothing_that_is_more_than_100_slots_ahead() -> None:
    herder = Herder(10, 0.0)
    assert hear(herder, [110, 111]) == []
    assert [ledger.header.num for ledger in herder.look(LOST_SECONDS)] == [110]


@given(st.integers(1, 40), st.lists(st.lists(st.integers(2, 60), max_size=6), max_size=20))
def test_ledgers_come_in_ascending_order_and_never_twice_whatever_is_heard(own: int, told: list[list[int]]) -> None:
    herder, given_out = Herder(own, 0.0), []
    for index, nums in enumerate(told):
        given_out += hear(herder, nums, float(index))
        given_out += [ledger.header.num for ledger in herder.look(index * 10.0)]
    assert given_out == sorted(set(given_out))
    assert all(num > own for num in given_out) or own == 1
