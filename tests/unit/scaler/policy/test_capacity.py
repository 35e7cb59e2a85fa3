"""What is learned of what a replica bears, and what is not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.policy.capacity import (
    Capacity,
    Load,
    compute_capacity_per_replica,
    compute_replicas_for_load,
    find_capacity_per_replica,
    learn,
)
from scaler.standing.freshness import ReplicaState

BEFORE = -600.0


def fresh(lag: int = 0, since: float = BEFORE) -> ReplicaState:
    return ReplicaState(ReplicaClass.FRESH, since=since, lag_ledgers=lag, rate=0.2)


def lagging(rate: float = 0.1) -> ReplicaState:
    return ReplicaState(ReplicaClass.LAGGING, since=0.0, lag_ledgers=12, rate=rate)


def learned(*moments: tuple[float, dict[str, ReplicaState], dict[str, float]]) -> Capacity:
    capacity = Capacity()
    for now, standings, requests in moments:
        capacity = learn(capacity, standings, requests, now)
    return capacity


def bearing_of(capacity: Capacity, headroom: float, known: float | None = None) -> int:
    return compute_replicas_for_load(capacity.load, find_capacity_per_replica(capacity, known), 900.0, headroom)


STEADY = (0.0, {"a": fresh(), "b": fresh(), "c": fresh()}, {"a": 900.0, "b": 910.0, "c": 880.0})
SHIFTED = {"a": 90.0, "b": 1300.0, "c": 1300.0}


def test_what_a_replica_served_when_it_last_kept_pace_is_what_it_bears() -> None:
    capacity = learned(
        STEADY,
        (10.0, {"a": fresh(5), "b": fresh(4), "c": fresh()}, {"a": 950.0, "b": 960.0, "c": 930.0}),
        (60.0, {"a": lagging(), "b": lagging(), "c": fresh()}, SHIFTED),
    )
    assert capacity.onset_rates == (900.0, 910.0)


def test_what_it_was_asked_for_while_it_failed_its_readers_is_load_and_not_borne() -> None:
    pace, too_much = {"a": fresh(), "b": fresh()}, {"a": 1200.0, "b": 1250.0}
    capacity = learn(Capacity(), pace, {"a": 900.0, "b": 910.0}, 0.0)
    capacity = learn(capacity, pace, too_much, 60.0, failing={"a"})
    capacity = learn(capacity, {"a": lagging(), "b": lagging()}, too_much, 120.0, failing={"a", "b"})
    assert capacity.onset_rates == (900.0, 1250.0)
    assert capacity.load is not None
    assert capacity.load.level > 2200.0


def test_one_that_falls_behind_alone_tells_of_itself_not_of_the_load() -> None:
    assert learned(STEADY, (60.0, {"a": lagging(), "b": fresh(), "c": fresh()}, SHIFTED)).onset_rates == ()


def test_company_that_comes_much_later_is_none() -> None:
    first = {"a": lagging(), "b": fresh(), "c": fresh()}
    later = {"a": lagging(), "b": lagging(), "c": fresh()}
    assert learned(STEADY, (60.0, first, SHIFTED), (800.0, later, SHIFTED)).onset_rates == ()


def test_a_stuck_replica_teaches_nothing() -> None:
    stuck = {"a": lagging(rate=0.0), "b": lagging(rate=0.01), "c": fresh()}
    assert learned(STEADY, (60.0, stuck, SHIFTED)).onset_rates == ()


def test_a_replica_that_has_only_just_become_fresh_teaches_nothing() -> None:
    new = {"a": fresh(since=-10.0), "b": fresh(since=-10.0)}
    lag = {"a": lagging(), "b": lagging()}
    assert learned((0.0, new, {"a": 90.0, "b": 90.0}), (60.0, lag, SHIFTED)).onset_rates == ()


def test_a_laggard_counts_once() -> None:
    lag = {"a": lagging(), "b": lagging(), "c": fresh()}
    assert len(learned(STEADY, (60.0, lag, SHIFTED), (65.0, lag, SHIFTED), (70.0, lag, SHIFTED)).onset_rates) == 2


def test_without_a_request_rate_nothing_is_learned_and_nothing_forgotten() -> None:
    known = Capacity(onset_rates=(900.0,), load=Load(1000.0, 0.0, 0.0))
    capacity = learn(known, {"a": lagging()}, None, 90.0)
    assert capacity.onset_rates == (900.0,)
    assert bearing_of(capacity, headroom=0.85) == 0


def test_a_load_that_is_unknown_for_a_moment_counts_as_it_was() -> None:
    known = Capacity(onset_rates=(900.0,), load=Load(4500.0, 1.0, 0.0))
    capacity = known
    for now in (2.0, 30.0, 60.0):
        capacity = learn(capacity, {"a": fresh()}, None, now)
        assert capacity.load == known.load
    assert learn(capacity, {"a": fresh()}, None, 60.1).load is None


def test_a_load_that_was_unknown_for_a_moment_goes_on_where_it_was() -> None:
    before = Capacity(load=Load(1000.0, 0.0, 0.0))
    seen_all_along = learn(before, {"a": fresh()}, {"a": 2000.0}, 10.0)
    assert learn(learn(before, {"a": fresh()}, None, 5.0), {"a": fresh()}, {"a": 2000.0}, 10.0) == seen_all_along


def test_bearing_is_what_the_load_needs_a_warm_up_ahead() -> None:
    steady = Capacity(onset_rates=(900.0,), load=Load(4500.0, 0.0, 0.0))
    growing = Capacity(onset_rates=(900.0,), load=Load(4500.0, 1.0, 0.0))
    shrinking = Capacity(onset_rates=(900.0,), load=Load(4500.0, -1.0, 0.0))
    assert [bearing_of(c, headroom=1.0) for c in (steady, growing, shrinking)] == [5, 6, 5]
    assert bearing_of(steady, headroom=0.85) == 6
    assert bearing_of(Capacity(load=steady.load), headroom=0.85) == 0


def test_what_was_learned_before_counts_until_something_is_learned_here() -> None:
    load = Load(4500.0, 0.0, 0.0)
    assert bearing_of(Capacity(load=load), headroom=1.0, known=450.0) == 10
    assert bearing_of(Capacity(onset_rates=(900.0,), load=load), headroom=1.0, known=450.0) == 5
    assert bearing_of(Capacity(), headroom=1.0, known=450.0) == 0
    assert bearing_of(Capacity(load=load), headroom=1.0, known=0.0) == 0


def test_traffic_that_jumps_does_not_raise_what_is_believed_to_be_borne() -> None:
    assert compute_capacity_per_replica((900.0, 890.0, 1400.0, 1450.0, 910.0)) == 900.0


FALLEN = {"a": lagging(), "b": lagging(), "c": fresh(), "d": fresh(), "e": fresh()}
FIVE = {name: fresh() for name in FALLEN}


def after_a_pair(served: float, others: float, seconds: float = 300.0) -> Capacity:
    """Learn from two of five that fall behind at `served`, while the others are asked for `others` from then on."""
    capacity = Capacity()
    for now in range(0, 61, 5):
        capacity = learn(capacity, FIVE, dict.fromkeys(FIVE, served), float(now))
    for now in range(65, 66 + int(seconds), 5):
        capacity = learn(capacity, FALLEN, dict.fromkeys(FIVE, others), float(now))
    return capacity


def test_two_that_fall_behind_are_believed_until_half_of_the_others_keep_pace_at_as_much_for_minutes() -> None:
    first = after_a_pair(900.0, 900.0, seconds=0.0)
    assert (find_capacity_per_replica(first, None), find_capacity_per_replica(first, None, is_certain=True)) == (
        900.0,
        None,
    )
    assert find_capacity_per_replica(after_a_pair(900.0, 900.0, seconds=200.0), None) == 900.0
    assert find_capacity_per_replica(after_a_pair(900.0, 900.0), None) is None
    assert find_capacity_per_replica(after_a_pair(900.0, 300.0), None, is_certain=True) == 900.0


def test_nothing_is_learned_at_idle() -> None:
    assert find_capacity_per_replica(after_a_pair(4.9, 0.0), None) is None
    busy = replace(Capacity(), proven=900.0)
    for now in (0.0, 60.0):
        busy = learn(busy, FIVE if now == 0.0 else FALLEN, dict.fromkeys(FIVE, 100.0), now)
    assert busy.onset_rates == ()


def test_what_pods_bore_that_are_gone_keeps_nobody_from_learning() -> None:
    busy = replace(Capacity(onset_rates=(100.0, 100.0)), proven=100.0, proven_at=0.0)
    smaller = {name: replace(one, first_seen=60.0) for name, one in FIVE.items()}
    for state, now in ((smaller, 200.0), (FALLEN | dict(list(smaller.items())[2:]), 260.0)):
        known = {name: replace(one, first_seen=60.0) for name, one in state.items()}
        busy = learn(busy, known, dict.fromkeys(FIVE, 25.0), now)
    assert busy.onset_rates == (100.0, 100.0, 25.0, 25.0)
    assert busy.proven == 0.0, "nothing is proven of those that are there now"


def test_what_two_bear_for_minutes_takes_back_what_was_learned_at_less() -> None:
    capacity = Capacity(onset_rates=(20.0, 20.0, 400.0))
    for now in range(0, 400, 5):
        capacity = learn(capacity, FIVE, dict.fromkeys(FIVE, 40.0), float(now))
    assert capacity.onset_rates == (400.0,)
    assert find_capacity_per_replica(Capacity(proven=40.0), 1.0) == 32.0
    assert find_capacity_per_replica(Capacity(proven=40.0), None) is None


def test_what_one_alone_bears_says_nothing_of_the_others() -> None:
    capacity, rates = Capacity(onset_rates=(20.0,)), {"a": 40.0, "b": 10.0, "c": 10.0}
    for now in range(0, 400, 5):
        capacity = learn(capacity, dict.fromkeys(rates, fresh()), rates, float(now))
    assert capacity.onset_rates == (20.0,)


def test_a_laggard_that_stops_at_once_teaches_nothing_however_fast_it_was() -> None:
    stuck = replace(lagging(rate=0.15), since=60.0, closed_at=50.0)
    busy = replace(lagging(rate=0.15), since=60.0, closed_at=65.0)
    for laggard, borne in ((stuck, ()), (busy, (900.0, 910.0))):
        began = learned(STEADY, (60.0, {"a": stuck, "b": stuck, "c": fresh()}, SHIFTED))
        assert learn(began, {"a": laggard, "b": laggard, "c": fresh()}, SHIFTED, 70.0).onset_rates == borne


@given(st.lists(st.tuples(st.floats(0.1, 60), st.floats(0, 1e5)), min_size=1, max_size=50))
def test_bearing_is_never_negative_however_the_load_falls(steps: list[tuple[float, float]]) -> None:
    capacity, now = Capacity(onset_rates=(500.0,)), 0.0
    for seconds, load in steps:
        now += seconds
        capacity = learn(capacity, {"a": fresh()}, {"a": load}, now)
        assert bearing_of(capacity, headroom=0.85) >= 0
