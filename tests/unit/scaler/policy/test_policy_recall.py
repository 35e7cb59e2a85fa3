"""What a scaler that is started anew takes over from the one before, and what it does not believe of it."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.policy.policy import Bounds, Decision, PolicyMemory, PolicySettings, decide
from scaler.policy.policy_recall import recall, tell_memory
from scaler.policy.policy_release import Surplus
from scaler.policy.policy_warmup import WarmUps
from scaler.policy.remembered import Remembered
from scaler.standing.overload import Overload
from scaler.standing.standing import ReplicaState
from scaler.standing.tip import Tip

NOW = 1_800_000_000.0
SETTINGS = PolicySettings(Bounds(3, 5, 20))
HOUR = 3600.0
TOLD = Remembered(
    reported_at=NOW - 60.0,
    network="N",
    asked=11,
    surplus_since=NOW - HOUR,
    surplus_peak=6,
    premature_scale_ins=2,
    scaled_in_at=NOW - 600.0,
    overloaded_at=NOW - 2 * HOUR,
    warm_up_seconds=900.0,
    warm_ups=7,
)


def recalled(now: float = NOW, network: str | None = "N", **changes: Any) -> PolicyMemory:
    return recall(replace(TOLD, **changes), network, SETTINGS, now)


def decide_on(memory: PolicyMemory, fresh: int, now: float, behind: int = 0) -> tuple[Decision, PolicyMemory]:
    """Decide on replicas that have been watched for ten minutes; those `behind` have lagged for as long."""
    well = ReplicaState(ReplicaClass.FRESH, since=now - 600.0, first_seen=now - 600.0, became_fresh_after=0.0)
    lags = replace(well, replica_class=ReplicaClass.LAGGING, degraded_since=now - 600.0)
    standings = {f"core-{i}": well if i < fresh else lags for i in range(fresh + behind)}
    return decide(standings, Tip(5000, now), observed_since=now - 600.0, memory=memory, settings=SETTINGS, now=now)


def test_what_is_told_comes_back_as_it_was() -> None:
    memory = PolicyMemory(
        surplus=Surplus(11, NOW - HOUR, 6, 2, NOW - 600.0),
        overload=Overload(frozenset({"core-1"}), seen_at=NOW - 2 * HOUR),
        warm_ups=WarmUps((600.0, 900.0, 1200.0)),
    )
    told = tell_memory(memory, "N", NOW)
    assert told is not None
    again = recall(told, "N", SETTINGS, NOW + 30.0)
    assert again.surplus == memory.surplus
    assert again.overload.seen_at == memory.overload.seen_at
    assert again.warm_ups.median_seconds == memory.warm_ups.median_seconds
    assert len(again.warm_ups.seconds) == 3


def test_before_the_first_decision_nothing_is_told_and_so_nothing_overwritten() -> None:
    assert tell_memory(PolicyMemory(), "N", NOW) is None
    memory = recalled()
    assert tell_memory(memory, "N", NOW) is None
    _, memory = decide_on(memory, 11, NOW)
    told = tell_memory(memory, "N", NOW)
    assert told is not None
    assert replace(told, reported_at=TOLD.reported_at) == TOLD


def test_the_size_asked_for_is_asked_for_again_though_not_all_pods_are_there() -> None:
    assert decide_on(recalled(), 9, NOW)[0].desired == 11
    assert decide_on(PolicyMemory(), 9, NOW)[0].desired == 9


def test_a_wait_that_had_begun_goes_on_and_ends_when_it_would_have() -> None:
    ends = NOW - HOUR + SETTINGS.longest_wait_seconds  # two hours, twice doubled, would be longer
    memory = recalled(scaled_in_at=None)
    for now in (NOW, ends - 1.0):
        decision, memory = decide_on(memory, 11, now)
        assert decision.desired == 11
    assert decide_on(memory, 11, ends)[0].desired == 10


def test_without_overload_a_surplus_goes_after_a_warm_up_though_the_scaler_was_restarted() -> None:
    memory = recalled(overloaded_at=None, premature_scale_ins=0, surplus_since=NOW - 890.0)
    decision, memory = decide_on(memory, 11, NOW)
    assert decision.desired == 11
    assert decide_on(memory, 11, NOW + 10.0)[0].desired == 10
    _, unknowing = decide_on(PolicyMemory(), 11, NOW)
    assert decide_on(unknowing, 11, NOW + 1000.0)[0].desired == 11


def test_where_more_are_there_than_were_asked_for_the_wait_begins_anew() -> None:
    decision, memory = decide_on(recalled(), 13, NOW)
    assert decision.desired == 13
    assert memory.surplus.calm_since == NOW
    assert memory.overload.seen_at is not None


def test_a_release_before_the_restart_is_premature_after_it() -> None:
    _, memory = decide_on(recalled(asked=5, premature_scale_ins=0, overloaded_at=None), 4, NOW, behind=1)
    assert memory.surplus.premature_scale_ins == 1


def test_who_was_silent_before_may_be_why_there_are_more_and_his_substitute_is_not_let_go_early() -> None:
    silent = ReplicaState(ReplicaClass.UNREACHABLE, since=NOW, first_seen=NOW, known_since=NOW)
    well = ReplicaState(ReplicaClass.FRESH, since=NOW, first_seen=NOW)
    standings = {f"core-{i}": well for i in range(5)} | {"core-5": silent}
    memory = recalled(asked=6, surplus_since=None, surplus_peak=0, overloaded_at=None, premature_scale_ins=0)
    for now in (NOW + 60.0, NOW + 2000.0):
        decision, memory = decide(
            standings, Tip(5000, now), observed_since=NOW, memory=memory, settings=SETTINGS, now=now
        )
        assert decision.desired == 6


def test_the_substitute_of_one_that_was_overdue_stays_though_the_load_needs_fewer() -> None:
    """After a restart it seems to have begun to catch up just now; until it is fresh nobody knows that it had not."""
    settings = replace(SETTINGS, learned_requests_per_replica=450.0)
    late = ReplicaState(ReplicaClass.CATCHING_UP, since=NOW, first_seen=NOW, known_since=NOW)
    well = ReplicaState(ReplicaClass.FRESH, since=NOW, first_seen=NOW)
    standings = {f"core-{i}": well for i in range(5)} | {"core-5": late}
    memory = recalled(asked=6, surplus_since=None, surplus_peak=0, overloaded_at=None, premature_scale_ins=0)

    def decide_at(now: float) -> int | None:
        nonlocal memory
        decision, memory = decide(
            standings,
            Tip(5000, now),
            observed_since=NOW,
            memory=memory,
            settings=settings,
            now=now,
            requests=dict.fromkeys(standings, 100.0),
        )
        return decision.desired

    assert [decide_at(NOW + seconds) for seconds in (60.0, 1100.0, 2100.0)] == [6, 6, 6]
    standings["core-5"] = well
    assert decide_at(NOW + 2110.0) == 5


def test_a_load_that_was_known_lacks_where_it_is_not() -> None:
    memory = recalled(
        request_rate_known=True, overloaded_at=None, premature_scale_ins=0, surplus_since=NOW - HOUR, surplus_peak=5
    )
    decision, _ = decide_on(memory, 11, NOW)
    assert (decision.desired, decision.reason) == (11, "RequestsUnknown")


def test_those_that_lagged_in_turns_go_on_doing_so() -> None:
    memory = recalled(average_unhealthy=2.2, asked=7, surplus_since=None)
    decision, _ = decide_on(memory, 7, NOW)
    assert (decision.desired, decision.unhealthy) == (7, 2)


def test_a_long_absence_leaves_the_size_to_what_is_there_and_begins_each_wait_anew() -> None:
    after_ten_minutes = decide_on(recalled(NOW + 600.0), 9, NOW + 600.0)[1].surplus
    assert (after_ten_minutes.last_desired, after_ten_minutes.calm_since) == (11, NOW + 600.0)
    decision, after_an_hour = decide_on(recalled(NOW + HOUR), 9, NOW + HOUR)
    assert decision.desired == 9
    assert after_an_hour.overload.seen_at is not None
    after_a_day = recalled(NOW + 24 * HOUR)
    assert after_a_day == PolicyMemory(warm_ups=WarmUps((900.0,) * 7))


def test_where_nothing_was_decided_for_long_after_it_was_recalled_the_size_is_what_is_there() -> None:
    assert decide_on(recalled(), 5, NOW + 600.0)[0].desired == 11
    decision, memory = decide_on(recalled(), 5, NOW + 1000.0)
    assert (decision.desired, memory.surplus.last_desired, memory.recalled_at) == (5, 5, None)
    assert decide_on(recalled(), 8, NOW + 1000.0)[1].overload.seen_at is not None


def test_of_another_network_nothing_is_taken_over() -> None:
    assert recalled(network="another") == PolicyMemory()
    assert recalled(network=None).surplus.last_desired == 11
    assert recall(None, "N", SETTINGS, NOW) == PolicyMemory()


def test_a_clock_that_is_behind_the_one_that_told_makes_nothing_younger_or_older() -> None:
    memory = recalled(NOW - 10 * HOUR)
    behind = TOLD.reported_at - (NOW - 10 * HOUR)
    assert memory.surplus.calm_since == NOW - HOUR - behind
    assert memory.surplus.scaled_in_at == NOW - 600.0 - behind


@pytest.mark.parametrize(
    ("odd", "held"),
    [
        ({"reported_at": math.nan}, None),
        ({"reported_at": math.inf}, None),
        ({"reported_at": -5.0}, None),
        ({"asked": 0}, None),
        ({"asked": 5000}, 20),
        ({"asked": 1}, 5),
    ],
)
def test_sizes_and_times_that_cannot_be_are_not_believed(odd: dict[str, Any], held: int | None) -> None:
    assert recalled(**odd).surplus.last_desired == held


@pytest.mark.parametrize("at", [NOW + HOUR, math.nan, math.inf, -1.0])
def test_what_is_said_to_be_later_than_it_was_told_begins_anew(at: float) -> None:
    memory = recalled(surplus_since=at, scaled_in_at=at)
    assert (memory.surplus.calm_since, memory.surplus.calm_peak, memory.surplus.scaled_in_at) == (None, 0, None)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, 1e9, None])
def test_a_warm_up_that_cannot_be_is_none(seconds: float | None) -> None:
    assert recalled(warm_up_seconds=seconds).warm_ups == WarmUps()


_NUMBERS = st.one_of(st.floats(), st.floats(NOW - 1e6, NOW + 1e6))
_SOME = st.one_of(st.none(), _NUMBERS)
_ANY = st.builds(
    Remembered,
    reported_at=_NUMBERS,
    network=st.sampled_from([None, "N", "another"]),
    asked=st.integers(-10, 2**40),
    surplus_since=_SOME,
    surplus_peak=st.integers(-10, 2**40),
    premature_scale_ins=st.integers(-10, 2**40),
    scaled_in_at=_SOME,
    overloaded_at=_SOME,
    warm_up_seconds=_SOME,
    warm_ups=st.integers(-10, 2**40),
    average_unhealthy=_NUMBERS,
    request_rate_known=st.booleans(),
)


@given(_ANY, st.integers(1, 30), st.integers(0, 6), st.floats(0.0, 60.0))
def test_whatever_was_told_the_pool_stays_within_its_bounds_and_nobody_goes_at_once(
    told: Remembered, fresh: int, behind: int, after: float
) -> None:
    memory = recall(told, "N", SETTINGS, NOW)
    asked = memory.surplus.last_desired
    decision, memory = decide_on(memory, fresh, NOW + after, behind)
    if decision.desired is None:
        return
    assert 3 <= decision.desired <= 20
    tenth = max(1, (fresh + behind) // 10)
    # Replicas that are behind, beyond the size that was asked for a moment ago, are taken for those that leave.
    leaving = 0 if asked is None else min(behind, max(0, fresh + behind - asked))
    assert decision.desired >= min(20, fresh + behind) - leaving - tenth
    after_that = tell_memory(memory, "N", NOW + after)
    assert after_that is not None
    assert after_that.asked == decision.desired
