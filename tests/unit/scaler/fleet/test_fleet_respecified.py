"""A fleet whose spec changes while it is watched, as a ReadOnlyPool's does: what is known of it stays known."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.hold_reasons import NOT_YET_SUSTAINED, HoldReason
from scaler.policy.policy import Bounds
from scaler.triggers.fleet_spec import FleetSpec
from tests.unit.staged_fleet import SPEC, StagedFleet, StagedNetwork, classes, desired

NETWORK = StagedNetwork()
PAUSE = HoldReason("Paused", "spec.paused is true.")
OTHER_NETWORK = "Public Global Stellar Network ; September 2015"


def watch(lag_of_last: int, spec: FleetSpec = SPEC) -> StagedFleet:
    """Watch three replicas for two minutes, of which the last is so many ledgers behind."""
    stage = StagedFleet(NETWORK.in_step, NETWORK.in_step, NETWORK.behind(lag_of_last), spec=spec)
    stage.play(120)
    return stage


def change(stage: StagedFleet, **fields: Any) -> FleetSnapshot:
    """Change the spec, and return the very next snapshot."""
    stage.fleet.change_spec(replace(SPEC, **fields), stage.now)
    return stage.fleet.advance(stage.now)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        pytest.param(Bounds(2, 5, 10), 5, id="more wanted"),
        pytest.param(Bounds(4, 4, 10), 4, id="a higher minimum"),
        pytest.param(Bounds(1, 2, 2), 2, id="a lower maximum"),
        pytest.param(Bounds(1, 2, 10), 3, id="fewer wanted: none goes before that has lasted"),
    ],
)
def test_new_bounds_hold_from_the_next_snapshot_on(bounds: Bounds, expected: int) -> None:
    stage = watch(lag_of_last=0)
    now = change(stage, bounds=bounds)
    assert now.decision.desired == expected
    assert now.bounds == bounds
    assert set(classes(now).values()) == {ReplicaClass.FRESH}


def test_a_lower_threshold_makes_a_laggard_within_two_polls_and_no_sooner() -> None:
    stage = watch(lag_of_last=10)
    assert set(classes(change(stage, lag_threshold=5)).values()) == {ReplicaClass.FRESH}
    shown = stage.play(15)
    assert classes(shown[-1])["core-2"] is ReplicaClass.LAGGING
    assert None not in desired(shown)


def test_how_long_a_replica_has_lagged_counts_when_the_patience_changes() -> None:
    stage = watch(lag_of_last=0, spec=replace(SPEC, sustain_seconds=110.0))
    stage.scripts["core-2"] = NETWORK.behind(50)
    assert stage.play(100)[-1].decision.desired == 3
    assert change(stage, sustain_seconds=60.0).decision.desired == 4


def test_a_hold_is_told_in_place_of_any_number_and_what_was_seen_meanwhile_counts_after_it() -> None:
    stage = watch(lag_of_last=0)
    stage.scripts["core-2"] = NETWORK.behind(50)
    assert change(stage, hold_reason=PAUSE).decision.message == PAUSE.message
    shown = stage.play(200)
    assert {(s.decision.desired, s.decision.reason) for s in shown} == {(None, "Paused")}
    assert classes(shown[-1])["core-2"] is ReplicaClass.LAGGING
    assert change(stage).decision.desired == 4


def test_the_reason_to_hold_is_told_even_where_nothing_is_known_of_the_replicas() -> None:
    stage = StagedFleet(spec=replace(SPEC, hold_reason=PAUSE))
    assert stage.play(1)[0].decision.reason == "Paused"


def test_a_network_lost_from_sight_in_a_pause_is_no_lack_after_it() -> None:
    stage = watch(lag_of_last=0)
    change(stage, hold_reason=PAUSE)
    halting = StagedNetwork(halts_at=stage.now, resumes_at=stage.now + 300)
    stage.scripts = dict.fromkeys(stage.scripts, halting.in_step)
    stage.play(310)
    assert change(stage).decision.desired in {None, 3}
    assert desired(stage.play(120)) <= {None, 3}


def test_members_of_the_network_before_are_foreign_to_another_one() -> None:
    stage = watch(lag_of_last=0)
    change(stage, network=OTHER_NETWORK)
    assert set(classes(stage.play(15)[-1]).values()) == {ReplicaClass.FOREIGN}


def test_snapshots_go_on_counting() -> None:
    stage = watch(lag_of_last=0)
    before = stage.fleet.advance(stage.now).sequence
    assert change(stage, lag_threshold=5).sequence == before + 1


BOUNDS = st.builds(
    lambda sizes: Bounds(*sorted(sizes)), st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "bounds": BOUNDS,
        "lag_threshold": st.integers(1, 60),
        "sustain_seconds": st.floats(1.0, 300.0),
        "hold_reason": st.just(PAUSE),
    },
)
STEPS = st.lists(st.tuples(CHANGES, st.integers(0, 40), st.integers(0, 80)), max_size=8)


@settings(max_examples=60)
@given(STEPS)
def test_however_a_spec_changes_each_answer_is_within_the_bounds_of_the_day_or_says_why_not(
    steps: list[tuple[dict[str, Any], int, int]],
) -> None:
    stage = watch(lag_of_last=0)
    for fields, lag, seconds in steps:
        stage.scripts["core-2"] = NETWORK.behind(lag)
        spec = replace(SPEC, **fields)
        for snapshot in (change(stage, **fields), *stage.play(seconds)):
            assert snapshot.bounds == spec.bounds
            if spec.hold_reason is not None:
                assert (snapshot.decision.desired, snapshot.decision.reason) == (None, PAUSE.reason)
            elif snapshot.decision.desired is None:
                assert snapshot.decision.reason == NOT_YET_SUSTAINED
            else:
                assert spec.bounds.minimum <= snapshot.decision.desired <= spec.bounds.maximum


@pytest.mark.parametrize(("is_persons", "premature_scale_ins"), [(True, 0), (False, 1)])
def test_a_target_that_a_person_raises_soon_after_a_release_is_no_premature_scale_in(
    *, is_persons: bool, premature_scale_ins: int
) -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 4, spec=SPEC)
    assert stage.play(7300)[-1].decision.desired == 3, "one was let go"
    del stage.scripts["core-3"]
    stage.take_members()
    if is_persons:
        change(stage, bounds=Bounds(2, 5, 10))
    else:
        stage.scripts["core-2"] = NETWORK.behind(30)
    shown = stage.play(120)[-1]
    assert shown.decision.desired == (5 if is_persons else 4)
    assert shown.remembered is not None
    assert shown.remembered.premature_scale_ins == premature_scale_ins
