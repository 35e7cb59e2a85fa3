"""The policy's decisions, one by one, and what holds for all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.policy.policy import Bounds, Decision, PolicyMemory, PolicySettings, decide
from scaler.policy.policy_release import Surplus
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip
from tests.unit.policy_turns import NOW, SETTINGS, pool, sizes

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
TIP = Tip(ledger=5000, moved_at=NOW - 2)


def standing(
    replica_class: ReplicaClass, seconds: float = 3600.0, seconds_to_fresh: float | None = None
) -> ReplicaState:
    return ReplicaState(replica_class, since=NOW - seconds, seconds_to_fresh=seconds_to_fresh)


def decided(
    standings: dict[str, ReplicaState],
    *,
    tip: Tip | None = TIP,
    held: int | None = None,
    observed_seconds: float = 7200.0,
    settings: PolicySettings = SETTINGS,
) -> Decision:
    memory = PolicyMemory(surplus=Surplus(last_desired=held))
    decision, _ = decide(
        standings, tip, observed_since=NOW - observed_seconds, memory=memory, settings=settings, now=NOW
    )
    return decision


F = standing(FRESH)
L = standing(LAGGING, 72)


@pytest.mark.parametrize(
    ("standings", "held", "desired", "reason", "message"),
    [
        pytest.param([F] * 5, 5, 5, "OnTarget", "target 5, none unhealthy", id="all fresh"),
        pytest.param([F] * 4 + [L], 5, 6, "ReplacingUnhealthy", "target 5 + 1 lagging for 72 s = 6", id="one lags"),
        pytest.param(
            [F] * 4 + [replace(standing(LAGGING, 5), degraded_since=NOW - 72)],
            5,
            6,
            "ReplacingUnhealthy",
            "target 5 + 1 lagging for 72 s = 6",
            id="one lags that did not answer before",
        ),
        pytest.param(
            [F] * 4 + [standing(LAGGING, 59)],
            5,
            5,
            "OnTarget",
            "target 5, 1 lagging or unreachable but not yet for 60 s",
            id="not yet for long",
        ),
        pytest.param(
            [F] * 4 + [standing(UNREACHABLE, 61)],
            5,
            6,
            "ReplacingUnhealthy",
            "target 5 + 1 unreachable for 61 s = 6",
            id="one does not answer",
        ),
        pytest.param(
            [F] * 4 + [standing(CATCHING_UP, 3599)],
            5,
            5,
            "OnTarget",
            "target 5, 1 catching up",
            id="one is on its way",
        ),
        pytest.param(
            [F] * 4 + [standing(CATCHING_UP, 3601)],
            5,
            6,
            "ReplacingUnhealthy",
            "target 5 + 1 not catching up for 3601 s = 6",
            id="one is on its way for too long",
        ),
        pytest.param(
            [F] * 2 + [L] * 3,
            5,
            7,
            "LimitedBySurge",
            "target 5 + 3 lagging for 72 s = 8, limited to 7 until the new replicas have caught up",
            id="three lag at once",
        ),
        pytest.param([F] * 2 + [L] * 3 + [UNKNOWN], 6, 7, "LimitedBySurge", None, id="an unknown one is on its way"),
        pytest.param([F] * 4 + [FOREIGN], 5, 5, "OnTarget", None, id="a foreign one is no lack"),
        pytest.param([F] * 5 + [FOREIGN], 5, 5, "OnTarget", None, id="a foreign one is no capacity"),
        pytest.param(
            [F] * 6,
            6,
            6,
            "ScaleDownDelayed",
            "target 5, none unhealthy; keeping 6 until fewer have been enough for 5 min",
            id="surplus",
        ),
        pytest.param([F] * 2, None, 5, "OnTarget", None, id="grows to the target at once"),
        pytest.param([F] * 5 + [UNKNOWN], 6, 6, "ScaleDownDelayed", None, id="an unknown one lets nobody go"),
    ],
)
def test_desired_is_the_target_and_one_for_each_lack(
    standings: list[ReplicaState | ReplicaClass], held: int | None, desired: int, reason: str, message: str | None
) -> None:
    decision = decided(pool(*(standing(s) if isinstance(s, ReplicaClass) else s for s in standings)), held=held)
    assert (decision.desired, decision.reason) == (desired, reason)
    assert message is None or decision.message == message


@pytest.mark.parametrize(
    ("standings", "tip", "held", "observed_seconds", "reason"),
    [
        pytest.param([], TIP, 5, 7200, "NoReplicas", id="none known"),
        pytest.param([standing(FOREIGN)], TIP, 5, 7200, "NoReplicas", id="only foreign ones known"),
        pytest.param([F, standing(UNKNOWN)], TIP, None, 20, "StillObserving", id="one not yet observed after a start"),
        pytest.param([standing(UNREACHABLE)] * 5, TIP, 5, 7200, "AllUnreachable", id="none answers"),
        pytest.param([F] * 5, None, 5, 7200, "NoTip", id="no tip"),
        pytest.param([F] * 4 + [L], Tip(9, 0.0, is_halted=True), 5, 7200, "NetworkHalted", id="halted"),
        pytest.param(
            [F] * 5 + [L], TIP, None, 59, "NotYetSustained", id="a start with one that may have lagged for long"
        ),
    ],
)
def test_without_ground_there_is_no_decision(
    standings: list[ReplicaState], tip: Tip | None, held: int | None, observed_seconds: float, reason: str
) -> None:
    decision = decided(pool(*standings), tip=tip, held=held, observed_seconds=observed_seconds)
    assert (decision.desired, decision.reason) == (None, reason)


def test_a_restarted_scaler_does_not_shrink_the_pool_by_forgetting() -> None:
    standings = pool(F, F, F, F, F, L)
    memory = PolicyMemory()
    for seconds in range(0, 600, 5):
        decision, memory = decide(
            standings, TIP, observed_since=NOW, memory=memory, settings=SETTINGS, now=NOW + seconds
        )
        assert decision.desired in (None, 6)


def test_nobody_lags_for_good_the_moment_sight_returns() -> None:
    ailing = pool(F, *[standing(UNREACHABLE)] * 4)
    decision, memory = decide(
        pool(*[standing(UNREACHABLE)] * 5),
        TIP,
        observed_since=0.0,
        memory=PolicyMemory(surplus=Surplus(last_desired=5)),
        settings=SETTINGS,
        now=NOW,
    )
    assert decision.desired is None
    for seconds, desired in ((5, None), (55, None), (60, 7)):
        decision, memory = decide(ailing, TIP, observed_since=0.0, memory=memory, settings=SETTINGS, now=NOW + seconds)
        assert decision.desired == desired


def newcomer(joined_seconds_ago: float) -> ReplicaState:
    """A fresh replica that took half an hour to be so."""
    return ReplicaState(FRESH, since=NOW - 60, first_seen=NOW - joined_seconds_ago, became_fresh_after=1800.0)


def test_where_warm_ups_are_seen_to_be_slow_a_newcomer_is_waited_for_longer() -> None:
    slow = standing(CATCHING_UP, 5000)
    assert decided(pool(F, F, F, F, F, slow), held=5).unhealthy == 1
    assert decided(pool(F, F, F, F, newcomer(joined_seconds_ago=2000), slow), held=5).unhealthy == 0


def test_a_replica_that_was_there_before_us_tells_no_warm_up() -> None:
    assert (
        decided(pool(F, F, F, F, newcomer(joined_seconds_ago=7190), standing(CATCHING_UP, 5000)), held=5).unhealthy == 1
    )


def test_laggards_that_take_turns_count_though_none_lags_for_long() -> None:
    turns = [
        pool(*[ReplicaState(LAGGING if i == turn % 5 else FRESH, since=NOW + 30 * turn) for i in range(5)])
        for turn in range(20)
    ]
    desired = sizes(turns, 30.0)
    assert desired[:5] == [5] * 5
    assert desired[-1] == 6


def test_where_no_newcomer_ever_gets_fresh_the_pool_does_not_run_away() -> None:
    hung, memory = [standing(CATCHING_UP, 0)] * 5, PolicyMemory()
    largest = 0
    for turn in range(500):
        now = NOW + 60 * turn
        decision, memory = decide(
            pool(*hung), Tip(1, now), observed_since=0.0, memory=memory, settings=SETTINGS, now=now
        )
        largest = max(largest, decision.desired or 0)
        hung += [ReplicaState(CATCHING_UP, since=now)] * ((decision.desired or 0) - len(hung))
    assert largest == 5


def test_one_short_lag_each_five_minutes_is_no_lack() -> None:
    blips = [
        pool(F, F, F, F, ReplicaState(LAGGING if turn % 10 == 0 else FRESH, since=NOW + 30 * turn))
        for turn in range(100)
    ]
    assert set(sizes(blips, 30.0)) == {5}


def test_recovery_removes_the_substitute_after_as_long_as_one_takes_to_come() -> None:
    lags, well = pool(F, F, F, F, L, F), pool(F, F, F, F, F, F)
    desired = sizes([lags, *[well] * 60], 15.0)
    assert desired[0] == 6
    assert desired[20] == 6
    assert desired[30:] == [5] * 31


classes = st.sampled_from(list(ReplicaClass))
any_standing = st.builds(standing, classes, st.floats(0, 1e5), st.none() | st.floats(0, 1e5, allow_nan=False))
any_pool = st.dictionaries(st.sampled_from([f"core-{i}" for i in range(25)]), any_standing, max_size=25)
any_bounds = st.tuples(*[st.integers(1, 30)] * 3).map(lambda b: Bounds(*sorted(b)))


@given(any_pool, any_bounds, st.none() | st.integers(0, 40), st.floats(0, 1e5))
def test_desired_is_always_within_the_bounds(
    standings: dict[str, ReplicaState], bounds: Bounds, held: int | None, observed_seconds: float
) -> None:
    settings = PolicySettings(bounds)
    decision = decided(standings, held=held, observed_seconds=observed_seconds, settings=settings)
    assert decision.desired is None or bounds.minimum <= decision.desired <= bounds.maximum
    assert decision.message.endswith(".") == (decision.desired is None)


@given(any_pool, st.integers(5, 20), st.randoms(use_true_random=False))
def test_the_order_of_replicas_never_matters(standings: dict[str, ReplicaState], held: int, random: object) -> None:
    names = list(standings)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert decided({n: standings[n] for n in names}, held=held) == decided(standings, held=held)


@given(any_pool, st.integers(5, 20))
def test_a_foreign_replica_never_changes_the_count(standings: dict[str, ReplicaState], held: int) -> None:
    joined = {**standings, "stranger": standing(FOREIGN)}
    assert decided(joined, held=held).desired == decided(standings, held=held).desired


@given(any_pool, st.integers(5, 20))
def test_an_unknown_replica_never_makes_the_pool_smaller(standings: dict[str, ReplicaState], held: int) -> None:
    joined = {**standings, "newcomer": standing(UNKNOWN)}
    desired = decided(joined, held=held).desired
    assert desired is None or desired >= held


@given(any_pool, any_bounds)
def test_no_more_than_the_surge_is_asked_for_beyond_the_target(
    standings: dict[str, ReplicaState], bounds: Bounds
) -> None:
    settings = PolicySettings(bounds)
    desired = decided(standings, settings=settings).desired
    own = sum(s.replica_class is not FOREIGN for s in standings.values())
    assert desired is None or desired <= max(bounds.target, own + settings.surge)
