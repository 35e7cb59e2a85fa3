"""A halted network: after 35 s Core says that it has lost sync, and yet nobody lags and nothing scales."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import NETWORK_HALTED
from scaler.standing.tip import HALTED_SECONDS, STALLED_SECONDS
from tests.unit.staged_fleet import (
    FIRST_LEDGER,
    GONE,
    LEDGER_SECONDS,
    START,
    Outcome,
    StagedFleet,
    StagedNetwork,
    classes,
    desired,
)

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
HALTS_AT = START + 300
RESUMES_AT = HALTS_AT + 900
NETWORK = StagedNetwork(HALTS_AT, RESUMES_AT)


def replaying(now: float) -> Outcome:
    """Answer as a newcomer that replays history, ten ledgers a second, and follows once it is there."""
    newest, _ = NETWORK.tell(now)
    ledger = FIRST_LEDGER - 3000 + 10 * int(now - START - 200)
    if ledger >= newest and now >= RESUMES_AT:
        return NETWORK.in_step(now)
    replayed = min(newest, ledger)
    return replace(NETWORK.in_step(now), ledger=replayed, is_synced=False, heard_ledger=None, uptime_seconds=60.0)


def play_halt(stage: StagedFleet) -> None:
    stage.play(HALTS_AT - stage.now)


def test_a_halt_is_told_after_20_and_60_seconds_and_changes_no_class_and_no_size() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    play_halt(stage)
    shown = stage.play(RESUMES_AT - HALTS_AT)
    stalled = next(s.at for s in shown if s.tip and s.tip.is_stalled) - HALTS_AT
    halted = next(s.at for s in shown if s.tip and s.tip.is_halted) - HALTS_AT
    assert STALLED_SECONDS - LEDGER_SECONDS <= stalled <= STALLED_SECONDS + LEDGER_SECONDS
    assert HALTED_SECONDS - LEDGER_SECONDS <= halted <= HALTED_SECONDS + LEDGER_SECONDS
    assert all(set(classes(snapshot).values()) == {FRESH} for snapshot in shown)
    assert desired(shown) == {3, None}
    assert shown[-1].decision.reason == NETWORK_HALTED


def test_a_network_that_resumes_changes_no_class_and_no_size() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    stage.play(RESUMES_AT - START)
    shown = stage.play(300)
    assert all(set(classes(snapshot).values()) == {FRESH} for snapshot in shown)
    assert desired(shown) <= {3, None}
    assert desired(shown[-200:]) == {3}
    assert not any(snapshot.tip.is_stalled for snapshot in shown[10:] if snapshot.tip)


def test_lag_is_frozen_while_the_network_is_halted() -> None:
    stage = StagedFleet(NETWORK.in_step, NETWORK.in_step, NETWORK.behind(7))
    play_halt(stage)
    shown = stage.play(600)
    assert {snapshot.replicas[2].standing.lag_ledgers for snapshot in shown[20:]} == {7}


def test_a_newcomer_that_replays_history_does_not_hide_that_the_network_is_halted() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    stage.play(200)
    stage.scripts["core-3"] = replaying
    stage.take_members()
    play_halt(stage)
    shown = stage.play(RESUMES_AT - stage.now)
    halted = [snapshot for snapshot in shown if snapshot.at >= HALTS_AT + HALTED_SECONDS + LEDGER_SECONDS]
    assert {snapshot.decision.reason for snapshot in halted} == {NETWORK_HALTED}
    assert list(classes(shown[-1]).values()) == [FRESH, FRESH, FRESH, CATCHING_UP]
    assert set(classes(stage.play(120)[-1]).values()) == {FRESH}


@pytest.mark.parametrize("seconds_into_halt", [0, 10, 30, 40, 100, 600])
def test_a_scaler_that_starts_while_the_network_is_halted_asks_for_nothing_more(seconds_into_halt: float) -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3, since=HALTS_AT + seconds_into_halt)
    shown = stage.play(RESUMES_AT - stage.now)
    shown += stage.play(300)
    assert desired(shown) <= {3, None}
    assert desired(shown[-120:]) == {3}
    assert set(classes(shown[-1]).values()) == {FRESH}


def test_one_that_lagged_before_the_halt_is_not_held_against_the_pool_for_longer_meanwhile() -> None:
    stage = StagedFleet(NETWORK.in_step, NETWORK.in_step, NETWORK.in_step)
    stage.play(HALTS_AT - START - 20)
    stage.scripts["core-2"] = NETWORK.behind(30)
    shown = stage.play(RESUMES_AT - stage.now)
    assert classes(shown[-1])["core-2"] is LAGGING
    assert desired(shown[90:]) == {None}


def test_one_that_goes_away_and_comes_back_on_a_halted_network_has_not_fallen_behind() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    play_halt(stage)
    stage.play(120)
    stage.scripts["core-1"] = lambda _now: GONE
    stage.play(60)
    stage.scripts["core-1"] = NETWORK.in_step
    shown = stage.play(60)
    assert set(classes(shown[-1]).values()) == {FRESH}


def test_a_liar_that_claims_the_same_all_along_cannot_lead_while_the_network_is_halted() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    play_halt(stage)
    stage.scripts["core-3"] = lambda now: replace(
        NETWORK.in_step(now), ledger=FIRST_LEDGER + 400, is_synced=True, age_seconds=0
    )
    stage.take_members()
    shown = stage.play(RESUMES_AT - stage.now)
    shown += stage.play(120)
    assert desired(shown) <= {3, 4, None}, "nothing falls below what is there, nor grows for what it claims"
    assert {c for snapshot in shown for c in list(classes(snapshot).values())[:3]} == {FRESH}
