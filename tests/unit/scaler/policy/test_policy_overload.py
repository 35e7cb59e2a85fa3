"""How long what overload called for stays, where nobody knows the load, and where somebody does."""

from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.standing.freshness import ReplicaState
from tests.unit.policy_turns import NOW, SETTINGS, pool, sizes

F = ReplicaState(ReplicaClass.FRESH, since=0.0)
L = ReplicaState(ReplicaClass.LAGGING, since=NOW - 72)
BUSY = ReplicaState(ReplicaClass.LAGGING, since=NOW - 72, rate=0.15)
TOPPLED, WELL = pool(F, F, F, BUSY, BUSY, F, F), pool(*[F] * 7)


def test_what_overload_called_for_stays_two_hours_where_nobody_knows_the_load() -> None:
    desired = sizes([WELL, TOPPLED, *[WELL] * 300], 60.0)
    assert desired[1:121] == [7] * 120
    assert desired[125:241] == [6] * 116
    assert desired[245:] == [5] * 57


def test_once_the_target_was_enough_again_a_substitute_goes_as_soon_as_any() -> None:
    toppled, lags, well = pool(F, F, F, BUSY, BUSY), pool(F, F, F, F, L), pool(*[F] * 5)
    desired = sizes([well, toppled, *[well] * 400, lags, *[well] * 10], 60.0)
    assert (desired[1], desired[400], desired[402]) == (7, 5, 6)
    assert desired[-1] == 5


def test_a_load_that_is_known_to_be_borne_is_waited_for_no_longer_than_any() -> None:
    learned = replace(SETTINGS, learned_requests_per_replica=900.0)
    desired = sizes([WELL, TOPPLED, *[WELL] * 20], 60.0, learned, requests=100.0)
    assert desired[1] == 7
    assert desired[-1] == 5


def test_a_rate_of_which_nobody_knows_how_much_is_borne_shortens_nothing() -> None:
    assert sizes([WELL, TOPPLED, *[WELL] * 20], 60.0, requests=100.0)[-1] == 7
