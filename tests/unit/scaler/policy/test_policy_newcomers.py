"""Newcomers that say nothing, leavers, crash loops, pauses, an old surplus: what each makes of the size."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import PolicyMemory, PolicySettings, decide, decide_from_zero
from scaler.policy.policy_release import Surplus
from scaler.policy.policy_warmup import WarmUps
from scaler.standing.standing import ReplicaState
from scaler.standing.tip import Tip
from tests.unit.policy_turns import NOW, SETTINGS, Pool, pool
from tests.unit.staged_fleet import GONE, SPEC, START, Outcome, Script, StagedFleet, StagedNetwork, desired

FRESH, LAGGING, UNREACHABLE = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE
NETWORK = StagedNetwork()
F = ReplicaState(FRESH, since=0.0, known_since=0.0, fresh_at=NOW, became_fresh_after=1.0)
HOUR = 3600.0


def newcomer(known_seconds: float, fresh_seconds: float | None = None) -> ReplicaState:
    """A replica that does not answer and has not been fresh since it started; it was before so many seconds."""
    return ReplicaState(
        UNREACHABLE,
        since=NOW - min(known_seconds, 100.0),
        known_since=NOW - known_seconds,
        fresh_at=None if fresh_seconds is None else NOW - fresh_seconds,
        degraded_since=NOW - min(known_seconds, 100.0),
    )


def lost(seconds: float) -> ReplicaState:
    return replace(F, replica_class=UNREACHABLE, since=NOW - seconds, degraded_since=NOW - seconds)


def wanted(standings: Pool, held: int, tip: Tip | None = None, settings: PolicySettings = SETTINGS) -> int | None:
    memory = PolicyMemory(surplus=Surplus(last_desired=held))
    tip = tip or Tip(5000, NOW - 2)
    decision, _ = decide(standings, tip, observed_since=0.0, memory=memory, settings=settings, now=NOW)
    return decision.desired


LAG = replace(F, replica_class=LAGGING, since=NOW - 90, degraded_since=NOW - 90)


@pytest.mark.parametrize(
    ("standings", "held", "size"),
    [
        pytest.param([F] * 4 + [lost(61)], 5, 6, id="one that was fresh does not answer"),
        pytest.param([F] * 4 + [LAG, newcomer(300)], 6, 6, id="a silent substitute gets no substitute"),
        pytest.param([F] * 4 + [LAG, newcomer(HOUR - 1)], 6, 6, id="for an hour"),
        pytest.param([F] * 4 + [LAG, newcomer(HOUR + 1)], 6, 7, id="then it is overdue"),
        pytest.param([F] * 4 + [LAG] + [newcomer(HOUR + 1)] * 2, 7, 7, id="and counts against the surge"),
        pytest.param([F] * 4 + [newcomer(9 * HOUR, 300)], 5, 5, id="a pod made anew is on its way"),
        pytest.param([F] * 4 + [newcomer(9 * HOUR, HOUR + 1)], 5, 6, id="until it was last fresh an hour ago"),
        pytest.param([F] * 5 + [lost(600)], 5, 5, id="one that was let go is no lack"),
        pytest.param([F] * 5 + [LAG], 5, 5, id="nor if it lags before it goes"),
        pytest.param([F] * 4 + [lost(600), F], 5, 6, id="another one than that is"),
    ],
)
def test_the_size_that_is_asked_for_where(standings: list[ReplicaState], held: int, size: int) -> None:
    assert wanted(pool(*standings), held) == size


@pytest.mark.parametrize(
    ("measured", "deadline"),
    [
        pytest.param(None, HOUR, id="none was measured"),
        pytest.param(90.0, 900.0, id="they take a minute and a half: a quarter of an hour at the least"),
        pytest.param(5.0, 900.0, id="or no time at all"),
        pytest.param(180.0, 1800.0, id="three minutes: ten of them"),
        pytest.param(900.0, HOUR, id="a quarter of an hour: an hour at the most"),
        pytest.param(2400.0, 7200.0, id="forty minutes: three of them, however long"),
    ],
)
def test_a_newcomer_is_counted_on_for_as_long_as_is_usual_in_its_pool_where(
    measured: float | None, deadline: float
) -> None:
    assert PolicySettings(SETTINGS.bounds).catch_up_deadline(measured) == deadline
    memory = PolicyMemory(surplus=Surplus(last_desired=6), warm_ups=WarmUps(() if measured is None else (measured,)))

    def ask(known_seconds: float) -> int | None:
        standings = pool(*[F] * 4, LAG, newcomer(known_seconds))
        settings = PolicySettings(SETTINGS.bounds)
        tip = Tip(5000, NOW - 2)
        return decide(standings, tip, observed_since=0.0, memory=memory, settings=settings, now=NOW)[0].desired

    assert (ask(deadline - 1), ask(deadline + 1)) == (6, 7)


def test_of_replicas_without_ordinals_as_many_may_fall_silent_as_were_let_go() -> None:
    named = dict.fromkeys(("abc", "abd", "abe", "abf"), F)
    assert wanted({**named, "abg": F, "aaa": lost(600)}, 5) == 5
    assert wanted({**named, "aaa": lost(600), "aab": lost(600)}, 5) == 6


@pytest.mark.parametrize(
    "tip",
    [
        pytest.param(Tip(5000, NOW - 30, is_stalled=True), id="stands still"),
        pytest.param(Tip(5000, NOW - 2, has_moved=False), id="was never seen to move"),
        pytest.param(Tip(5000, NOW - 2, is_lone=True), id="is moved by one alone"),
    ],
)
def test_no_lag_is_a_lack_and_nobody_goes_while_the_tip(tip: Tip) -> None:
    assert wanted(pool(*[F] * 3, LAG, LAG), 5, tip) == 5
    memory = PolicyMemory(surplus=Surplus(last_desired=7, calm_since=0.0))
    decision, _ = decide(pool(*[F] * 7), tip, observed_since=0.0, memory=memory, settings=SETTINGS, now=NOW)
    assert decision.desired == 7


def play(stage: StagedFleet, seconds: float) -> set[int | None]:
    return desired(stage.play(seconds))


def fives(*scripts: Script, **bounds: int) -> StagedFleet:
    stage = StagedFleet(*[NETWORK.in_step] * 4, *scripts, spec=replace(SPEC, bounds=replace(SETTINGS.bounds, **bounds)))
    stage.play(120)
    return stage


def test_one_that_is_killed_again_and_again_while_it_catches_up_is_counted_on_for_an_hour_and_no_longer() -> None:
    def loops(now: float) -> Outcome:
        turn, into = divmod(now - START - 300, 945)
        if now < START + 300:
            return NETWORK.in_step(now)
        if into < 45:
            return GONE
        return replace(
            NETWORK.in_step(now), ledger=1, is_synced=False, age_seconds=None, uptime_seconds=None, started_on=turn
        )

    stage = fives(loops)
    assert play(stage, HOUR) == {5}
    stage.play(400)
    assert play(stage, 1000) == {6}


def test_after_a_pause_nothing_falls_below_what_is_there() -> None:
    stage = fives(NETWORK.in_step)
    paused = replace(stage.fleet._spec, hold_reason=HoldReason("Paused", "spec.paused is true."))
    stage.fleet.change_spec(paused, stage.now)
    stage.play(60)
    stage.scripts |= {f"core-{i}": NETWORK.in_step for i in range(5, 12)}
    stage.take_members()
    stage.play(600)
    stage.fleet.change_spec(replace(paused, hold_reason=None), stage.now)
    assert play(stage, 600) == {12}


def test_a_surplus_that_was_there_before_is_let_go_as_one_that_overload_called_for() -> None:
    memory, asked = PolicyMemory(), []
    for minute in range(250):
        now = NOW + 60 * minute
        tip = Tip(5000 + minute, now)
        decision, memory = decide(pool(*[F] * 11), tip, observed_since=NOW, memory=memory, settings=SETTINGS, now=now)
        asked.append(decision.desired)
    assert asked == [11] * 120 + [10] * 121 + [9] * 9


def test_newcomers_as_stale_as_those_there_are_on_their_way_and_are_not_multiplied() -> None:
    def stale(now: float) -> Outcome:
        return replace(NETWORK.in_step(now), ledger=NETWORK.tell(now)[0] - 50, age_seconds=250.0, uptime_seconds=60.0)

    stage = fives(NETWORK.in_step)
    stage.scripts = dict.fromkeys(stage.scripts, NETWORK.behind(50))
    stage.scripts["core-0"] = NETWORK.in_step
    stage.play(30)
    for _ in range(60):
        shown = stage.play(15)[-1]
        size = shown.decision.desired or 0
        stage.scripts |= {f"core-{i}": stale for i in range(len(stage.scripts), size)}
        stage.take_members()
    assert len(stage.scripts) == 7


def test_where_nothing_is_there_the_target_is_asked_for_unless_the_pool_is_held() -> None:
    decision, memory = decide_from_zero(PolicyMemory(), SETTINGS, NOW)
    assert (decision.desired, decision.is_for_nobody, memory.surplus.last_desired) == (5, True, None)
    asked, memory = decide_from_zero(PolicyMemory(surplus=Surplus(last_desired=9)), SETTINGS, NOW)
    assert (asked.desired, asked.is_for_nobody, memory.surplus.last_desired) == (9, False, 9)
    paused = replace(SETTINGS, hold_reason=HoldReason("Paused", "spec.paused is true."))
    assert decide_from_zero(PolicyMemory(), paused, NOW)[0].desired is None
