"""Which replicas tell how long a new one takes."""

from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.policy.policy_warmup import WarmUps, record_warm_ups
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
