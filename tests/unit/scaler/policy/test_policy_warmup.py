"""Which replicas tell how long a new one takes."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.policy_warmup import REMEMBERED_WARM_UPS, WarmUps, record_warm_ups
from scaler.standing.freshness import ReplicaState


def new(first_seen: float) -> ReplicaState:
    return ReplicaState(ReplicaClass.CATCHING_UP, first_seen=first_seen)


def fresh(first_seen: float, after: float) -> ReplicaState:
    return ReplicaState(ReplicaClass.FRESH, first_seen=first_seen, became_fresh_after=after)


def recorded(*moments: dict[str, ReplicaState]) -> WarmUps:
    warm_ups = WarmUps()
    for standings in moments:
        warm_ups = record_warm_ups(warm_ups, standings, joined_after=60.0)
    return warm_ups


OLD = {"a": fresh(0.0, 5.0), "b": fresh(0.0, 5.0)}


def test_a_newcomer_tells_once() -> None:
    moments = (OLD, OLD | {"c": new(100.0)}, OLD | {"c": fresh(100.0, 900.0)}, OLD | {"c": fresh(100.0, 900.0)})
    assert recorded(*moments).seconds == (900.0,)


def test_those_that_were_there_when_watching_began_tell_nothing() -> None:
    assert recorded({}, OLD).median_seconds is None


def test_a_restart_tells_nothing() -> None:
    assert recorded(OLD, OLD | {"b": new(500.0)}, OLD | {"b": fresh(500.0, 40.0)}).seconds == ()


def test_a_newcomer_that_restarts_on_its_way_tells_nothing() -> None:
    moments = (OLD, OLD | {"c": new(100.0)}, OLD | {"c": new(300.0)}, OLD | {"c": fresh(300.0, 40.0)})
    assert recorded(*moments).seconds == ()


def test_a_pod_that_is_made_anew_on_its_own_volume_tells_nothing() -> None:
    known = replace(new(500.0), known_since=50.0)
    back = replace(fresh(500.0, 60.0), known_since=50.0)
    assert recorded(OLD | {"c": fresh(50.0, 5.0)}, OLD, OLD | {"c": known}, OLD | {"c": back}).seconds == ()


def with_ledgers(standing: ReplicaState) -> ReplicaState:
    return replace(standing, began_at_ledger=4000)


def test_one_of_a_new_name_tells_also_where_it_began_with_ledgers_as_all_new_ones_do_then() -> None:
    moments = [OLD, OLD | {"c": new(100.0)}, OLD | {"c": with_ledgers(fresh(100.0, 30.0))}]
    assert recorded(*moments).seconds == (30.0,)


def test_one_of_a_name_that_was_there_long_ago_tells_nothing_where_it_began_with_ledgers() -> None:
    left = [OLD | {"c": fresh(100.0, 900.0)}, OLD]
    at_once = recorded(*left, OLD | {"c": with_ledgers(fresh(9000.0, 20.0))})
    later = recorded(*left, OLD | {"c": with_ledgers(new(9000.0))}, OLD | {"c": with_ledgers(fresh(9000.0, 20.0))})
    assert at_once.seconds == later.seconds == (900.0,)


def test_an_ordinal_that_left_and_returns_is_a_newcomer_again() -> None:
    moments = (OLD, OLD | {"c": fresh(100.0, 900.0)}, OLD, OLD | {"c": new(5000.0)}, OLD | {"c": fresh(5000.0, 300.0)})
    assert recorded(*moments).seconds == (900.0, 300.0)
    assert recorded(*moments).median_seconds == 600.0


# Snapshots have come, or have gone: new replicas take another time from now on.


def scale_in_and_out(warm_ups: WarmUps, seconds: float, *, times: int, keeps_volumes: bool = False) -> WarmUps:
    """Remove the same replica and ask for it again, so often; each time it begins with ledgers."""
    for turn in range(times):
        at = 10_000.0 * (len(warm_ups.seconds) + turn + 1)
        grown = with_ledgers(new(at)), with_ledgers(fresh(at, seconds))
        for asked, more in ((3, {"c": grown[0]}), (3, {"c": grown[1]}), (2, {})):
            now = OLD | more
            warm_ups = record_warm_ups(warm_ups, now, joined_after=60.0, asked=asked, keeps_volumes=keeps_volumes)
    return warm_ups


CHANGE_SHOWS_AFTER = REMEMBERED_WARM_UPS // 2 + 1


@pytest.mark.parametrize(("before", "after"), [(900.0, 60.0), (60.0, 900.0)])
def test_five_new_replicas_are_enough_to_show_that_they_have_become_faster_or_slower(
    before: float, after: float
) -> None:
    known = scale_in_and_out(recorded(OLD), before, times=30)
    assert len(known.seconds) == REMEMBERED_WARM_UPS
    assert CHANGE_SHOWS_AFTER == 5
    medians = [scale_in_and_out(known, after, times=times).median_seconds for times in (4, 5)]
    assert medians == [before, after]


def test_one_let_go_and_asked_for_again_tells_nothing_where_its_volume_may_have_been_kept() -> None:
    known = scale_in_and_out(recorded(OLD), 900.0, times=1, keeps_volumes=True)
    assert scale_in_and_out(known, 60.0, times=5, keeps_volumes=True).seconds == (900.0,)


def test_one_that_fails_and_comes_back_with_its_volume_tells_nothing() -> None:
    warm_ups = recorded(OLD | {"c": fresh(100.0, 900.0)})
    for now in (OLD, OLD | {"c": with_ledgers(new(9000.0))}, OLD | {"c": with_ledgers(fresh(9000.0, 20.0))}):
        warm_ups = record_warm_ups(warm_ups, now, joined_after=60.0, asked=3, keeps_volumes=False)
    assert warm_ups.seconds == (900.0,)
