"""A decision in short comes to what the whole decision comes to, or says that it has to be made."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.policy.policy import Bounds, PolicyMemory, PolicySettings, decide
from scaler.policy.policy_steady import stay
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip

NOW = 10_000.0
SETTINGS = PolicySettings(Bounds(3, 5, 20), learned_requests_per_replica=900.0)
FRESH = ReplicaState(ReplicaClass.FRESH, since=0.0, lag_ledgers=0, rate=0.2, first_seen=0.0, known_since=0.0)


def catching_up(since: float) -> ReplicaState:
    return ReplicaState(ReplicaClass.CATCHING_UP, since=since, first_seen=since, known_since=since)


def standing_still(since: float) -> ReplicaState:
    return replace(
        FRESH, replica_class=ReplicaClass.LAGGING, since=since, degraded_since=since, lag_ledgers=90, rate=0.0
    )


def name(*standings: ReplicaState) -> dict[str, ReplicaState]:
    return {f"core-{number}": one for number, one in enumerate(standings)}


def decide_on(
    standings: dict[str, ReplicaState], memory: PolicyMemory, now: float, each: float, settings: PolicySettings
) -> tuple[int | None, PolicyMemory]:
    decision, after = decide(
        standings,
        Tip(int(now), now),
        observed_since=0.0,
        memory=memory,
        settings=settings,
        now=now,
        requests=dict.fromkeys(standings, each),
    )
    return decision.desired, after


def remember(standings: dict[str, ReplicaState], settings: PolicySettings = SETTINGS) -> PolicyMemory:
    """Decide twice, so that all that was there is known."""
    _, memory = decide_on(standings, PolicyMemory(), NOW - 120, 400.0, settings)
    return decide_on(standings, memory, NOW - 60, 400.0, settings)[1]


loads = st.lists(st.tuples(st.floats(5.0, 900.0), st.floats(0.0, 1300.0)), min_size=1, max_size=40)


@given(
    moments=loads,
    fresh=st.integers(1, 12),
    newcomers=st.lists(st.floats(NOW - 4000.0, NOW - 1.0), max_size=3),
    stuck=st.lists(st.floats(NOW - 300.0, NOW - 1.0), max_size=2),
    average_unhealthy=st.floats(0.0, 2.0),
    overloaded_at=st.none() | st.just(NOW - 300),
)
def test_a_decision_in_short_remembers_what_the_whole_one_does(
    moments: list[tuple[float, float]],
    fresh: int,
    newcomers: list[float],
    stuck: list[float],
    average_unhealthy: float,
    overloaded_at: float | None,
) -> None:
    others = [*(catching_up(since) for since in newcomers), *(standing_still(since) for since in stuck)]
    standings, now = name(*[FRESH] * fresh, *others), NOW
    memory = remember(standings)
    memory = replace(
        memory,
        flapping=replace(memory.flapping, mean=average_unhealthy),
        overload=replace(memory.overload, seen_at=overloaded_at),
    )
    for seconds, each in moments:
        now += seconds
        short = stay(
            standings, dict.fromkeys(standings, each), observed_since=0.0, memory=memory, settings=SETTINGS, now=now
        )
        desired, memory = decide_on(standings, memory, now, each, SETTINGS)
        if short is not None:
            assert desired == len(standings)
            assert short == memory


@pytest.mark.parametrize(
    "sixth", [(), (catching_up(NOW - 600.0),), (catching_up(NOW - 4000.0),), (standing_still(1.0),)]
)
def test_a_pool_of_the_target_is_decided_in_short(sixth: tuple[ReplicaState, ...]) -> None:
    standings = name(*[FRESH] * 5, *sixth)
    requests = dict.fromkeys(standings, 400.0)
    assert (
        stay(standings, requests, observed_since=0.0, memory=remember(standings), settings=SETTINGS, now=NOW)
        is not None
    )


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(replace(FRESH, lag_ledgers=3), id="one does not keep pace"),
        pytest.param(replace(FRESH, since=NOW - 30), id="one is fresh for half a minute"),
        pytest.param(replace(FRESH, replica_class=ReplicaClass.LAGGING), id="one lags and moves"),
        pytest.param(replace(FRESH, replica_class=ReplicaClass.UNREACHABLE), id="one is silent"),
        pytest.param(replace(standing_still(NOW - 100.0), needs_protocol=30), id="one lags and is too old"),
        pytest.param(replace(FRESH, needs_protocol=30), id="one is fresh and too old"),
        pytest.param(replace(FRESH, replica_class=ReplicaClass.CATCHING_UP, needs_protocol=30), id="one is too old"),
    ],
)
def test_what_is_not_in_step_is_decided_in_full(odd: ReplicaState) -> None:
    standings = name(*[FRESH] * 4, odd)
    memory = remember(name(*[FRESH] * 5))
    assert (
        stay(standings, dict.fromkeys(standings, 400.0), observed_since=0.0, memory=memory, settings=SETTINGS, now=NOW)
        is None
    )


@pytest.mark.parametrize(
    ("memory", "size", "each"),
    [
        pytest.param(PolicyMemory(), 5, 400.0, id="nothing was decided"),
        pytest.param(replace(remember(name(*[FRESH] * 5)), is_undecided=True), 5, 400.0, id="not lately"),
        pytest.param(remember(name(*[FRESH] * 6)), 5, 400.0, id="one has left"),
        pytest.param(remember(name(*[FRESH] * 5)), 5, 2000.0, id="the load needs more"),
    ],
)
def test_what_may_change_the_size_is_decided_in_full(memory: PolicyMemory, size: int, each: float) -> None:
    standings = name(*[FRESH] * size)
    assert (
        stay(standings, dict.fromkeys(standings, each), observed_since=0.0, memory=memory, settings=SETTINGS, now=NOW)
        is None
    )
