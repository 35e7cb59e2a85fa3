"""What was not observed for three polls is unknown, whatever the reason, and nothing that was learned is lost by it."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import NOT_OBSERVED
from scaler.policy.policy import Bounds
from scaler.probes.answer import RATE_LIMITED
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip
from scaler.standing.unseen import forget_unseen
from tests.unit.staged_fleet import GONE, SPEC, StagedFleet, StagedNetwork, classes, desired

NETWORK = StagedNetwork()
LIMITED = PollFailure(RATE_LIMITED, "rate limited (status 429); the scaler waits for 10 s")
FRESH, LAGGING, UNKNOWN = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.UNKNOWN
UNREACHABLE = ReplicaClass.UNREACHABLE


def fresh_standing() -> ReplicaState:
    return advance(ReplicaState(), NodeReport(100, is_synced=True), Tip(100, 0.0), None, Thresholds(), 10.0)


@pytest.mark.parametrize(("oldest", "replica_class"), [(9.0, FRESH), (10.0, FRESH), (10.5, UNKNOWN)])
def test_an_observation_counts_for_three_polls(oldest: float, replica_class: ReplicaClass) -> None:
    assert forget_unseen(fresh_standing(), oldest, oldest + 20.0).replica_class is replica_class


def test_who_is_not_seen_keeps_what_was_learned_and_is_classed_anew_at_once() -> None:
    before = fresh_standing()
    unseen = forget_unseen(before, 100.0, 120.0)
    assert (unseen.report, unseen.became_fresh_after) == (before.report, before.became_fresh_after)
    assert unseen.detail == "not observed for 110 s"
    assert forget_unseen(unseen, 200.0, 220.0) is unseen
    back = advance(unseen, NodeReport(120, is_synced=True), Tip(120, 0.0), None, Thresholds(), 230.0)
    assert back.replica_class is FRESH
    behind = advance(unseen, NodeReport(1, is_synced=False), Tip(9000, 0.0), None, Thresholds(), 230.0)
    assert behind.replica_class is LAGGING, "it has been fresh before"


@pytest.mark.parametrize("silent", [5, 2], ids=["all", "two of five"])
def test_without_any_outcome_replicas_become_unknown_and_nothing_is_let_go(silent: int) -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 5, spec=replace(SPEC, bounds=Bounds(3, 5, 20)))
    stage.play(120)
    stage.scripts = dict(list(stage.scripts.items())[silent:])  # nothing comes of the others' polls
    shown = stage.play(600)
    assert list(classes(shown[-1]).values()) == [UNKNOWN] * silent + [FRESH] * (5 - silent)
    assert desired(shown[30:]) == ({None} if silent == 5 else {5})
    if silent == 5:
        assert shown[-1].decision.reason == NOT_OBSERVED


def test_a_failed_poll_is_an_observation_as_well() -> None:
    stage = StagedFleet(NETWORK.in_step, NETWORK.in_step, lambda _: GONE)
    assert classes(stage.play(600)[-1])["core-2"] is UNREACHABLE


def test_a_rate_limit_is_neither_lag_nor_silence() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    stage.play(120)
    stage.scripts["core-1"] = lambda _: LIMITED
    shown = stage.play(600)
    seen = [classes(snapshot)["core-1"] for snapshot in shown]
    assert set(seen[:10]) == {FRESH}
    assert set(seen) == {FRESH, UNKNOWN}
    (limited,) = [replica for replica in shown[-1].replicas if replica.name == "core-1"]
    assert LIMITED.message in limited.standing.detail
    assert desired(shown) == {3}
    stage.scripts["core-1"] = NETWORK.in_step
    assert classes(stage.play(10)[-1])["core-1"] is FRESH
