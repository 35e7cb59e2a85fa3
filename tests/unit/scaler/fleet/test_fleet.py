"""Whole fleets over time: nodes that lag, lie, halt and come back, and what is wanted of the pool meanwhile."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import ALL_UNREACHABLE
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.tip import SLACK_LEDGERS
from scaler.triggers.fleet_spec import Reference
from tests.unit.staged_fleet import (
    FIRST_LEDGER,
    GONE,
    SPEC,
    START,
    Outcome,
    Script,
    StagedFleet,
    StagedNetwork,
    classes,
    desired,
    tip_ledger,
)

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
NETWORK = StagedNetwork()
OUR_NETWORK = NETWORK.in_step(START).network
OTHER_NETWORK = "Public Global Stellar Network ; September 2015"
DURING = 120.0
"""How long a trouble is watched: longer than the policy's patience."""


def steady(*more: Script) -> StagedFleet:
    """Return a fleet of three in step that has been watched for two minutes, and others if asked for."""
    stage = StagedFleet(*[NETWORK.in_step] * 3, *more)
    stage.play(120)
    return stage


def claiming(ledger: int) -> Script:
    return lambda now: replace(NETWORK.in_step(now), ledger=ledger, heard_ledger=ledger)


def creeping(now: float) -> Outcome:
    ahead = int(now - START)
    return replace(NETWORK.in_step(now), ledger=NETWORK.tell(now)[0] + ahead, heard_ledger=None, age_seconds=0.0)


def foreign(now: float) -> Outcome:
    return replace(NETWORK.in_step(now), ledger=77_000_000, network=OTHER_NETWORK)


def newcomer(now: float) -> Outcome:
    return replace(
        NETWORK.in_step(now), ledger=1, is_synced=False, heard_ledger=None, age_seconds=None, uptime_seconds=None
    )


def gone(_now: float) -> Outcome:
    return GONE


def test_a_steady_fleet_is_fresh_and_on_target() -> None:
    shown = steady().play(600)
    assert desired(shown) == {3}
    assert all(set(classes(snapshot).values()) == {FRESH} for snapshot in shown)


def test_each_snapshot_has_the_next_sequence() -> None:
    shown = steady().play(10)
    assert [snapshot.sequence for snapshot in shown] == list(range(121, 131))


def test_one_that_lags_for_good_adds_one_and_its_recovery_removes_one_after_the_wait() -> None:
    stage = steady()
    stage.scripts["core-2"] = NETWORK.behind(30)
    shown = stage.play(60)
    assert desired(shown) == {3}, "not before it has lagged for sustainSeconds"
    assert classes(shown[-1])["core-2"] is LAGGING
    assert desired(stage.play(20)[-1:]) == {4}
    stage.scripts["core-3"] = newcomer
    stage.take_members()
    stage.play(240)
    stage.scripts["core-3"] = NETWORK.in_step
    stage.play(60)
    stage.scripts["core-2"] = NETWORK.in_step
    shown = stage.play(600)
    assert classes(shown[15])["core-2"] is FRESH
    assert desired(shown[:240]) == {4}, "not before fewer have been enough for a warm-up"
    assert desired(shown[-1:]) == {3}


def test_observe_tells_of_doubts_and_of_changes_of_class_and_of_nothing_else() -> None:
    stage = steady()
    told = [stage.fleet.observe("core-0", NETWORK.behind(30)(stage.now + turn), stage.now + turn) for turn in range(4)]
    assert told == [True, True, False, False], "it is doubted, then it lags"
    assert not stage.fleet.observe("nobody", GONE, stage.now + 5)


@pytest.mark.parametrize(
    ("script", "replica_class"),
    [
        pytest.param(foreign, FOREIGN, id="of another network"),
        pytest.param(claiming(77_000_000), FOREIGN, id="lying far ahead"),
        pytest.param(claiming(2**32 - 1), FOREIGN, id="lying as far as can be"),
        pytest.param(creeping, FOREIGN, id="creeping ahead"),
        pytest.param(newcomer, CATCHING_UP, id="joining"),
        pytest.param(NETWORK.in_step, FRESH, id="in step"),
    ],
)
def test_a_fourth_node_changes_nothing_for_the_other_three(script: Script, replica_class: ReplicaClass) -> None:
    stage = steady()
    stage.scripts["core-3"] = script
    stage.take_members()
    shown = stage.play(DURING)
    assert desired(shown) == {3}
    assert classes(shown[-1]) == {**dict.fromkeys(("core-0", "core-1", "core-2"), FRESH), "core-3": replica_class}
    assert all(abs(tip_ledger(snapshot) - NETWORK.tell(snapshot.at)[0]) <= 1 for snapshot in shown)


@pytest.mark.parametrize("script", [foreign, claiming(77_000_000), creeping])
def test_one_that_was_fresh_and_turns_false_changes_no_size_and_nobody_elses_class(script: Script) -> None:
    stage = steady()
    stage.scripts["core-0"] = script
    shown = stage.play(DURING)
    assert desired(shown) == {3}
    assert {classes(snapshot)["core-1"] for snapshot in shown} == {FRESH}


def test_a_liar_that_answers_first_is_refuted_by_the_others() -> None:
    stage = StagedFleet(claiming(77_000_000), *[NETWORK.in_step] * 3)
    shown = stage.play(DURING)
    assert desired(shown) <= {None, 3}
    assert list(classes(shown[-1]).values()) == [FOREIGN, FRESH, FRESH, FRESH]


def test_a_liar_that_is_left_alone_is_refuted_when_the_others_return() -> None:
    stage = steady(NETWORK.in_step)
    stage.scripts.update(dict.fromkeys(("core-1", "core-2", "core-3"), gone))
    stage.play(40)
    stage.scripts["core-0"] = claiming(77_000_000)
    stage.play(20)
    stage.scripts.update(dict.fromkeys(("core-1", "core-2", "core-3"), NETWORK.in_step))
    shown = stage.play(30)
    assert list(classes(shown[-1]).values()) == [FOREIGN, FRESH, FRESH, FRESH]
    assert tip_ledger(shown[-1]) <= NETWORK.tell(stage.now)[0]


def test_the_tip_follows_one_healthy_node_among_laggards() -> None:
    stage = steady()
    stage.scripts["core-1"] = claiming(NETWORK.tell(stage.now)[0])
    stage.scripts["core-2"] = claiming(NETWORK.tell(stage.now)[0] - 30)
    for name in ("core-1", "core-2"):
        stuck = stage.scripts[name]
        stage.scripts[name] = lambda now, stuck=stuck: replace(stuck(now), is_synced=False, age_seconds=now - START)  # type: ignore[misc]
    shown = stage.play(1200)
    assert all(NETWORK.tell(snapshot.at)[0] - tip_ledger(snapshot) <= 1 for snapshot in shown)
    assert classes(shown[-1]) == {"core-0": FRESH, "core-1": LAGGING, "core-2": LAGGING}
    assert shown[-1].decision.desired == 4, "3 + 2 lacking, but one at a time"


@pytest.mark.parametrize("first", ["core-0", "core-1"])
def test_a_restarted_scaler_knows_one_healthy_node_among_laggards_whoever_answers_first(first: str) -> None:
    stuck = replace(NETWORK.in_step(START), ledger=FIRST_LEDGER - 9000, is_synced=False, age_seconds=45_000.0)
    stage = StagedFleet(NETWORK.in_step, *[lambda _now: stuck] * 2)
    stage.fleet.observe(first, stage.scripts[first](START), START)
    shown = stage.play(120)
    assert classes(shown[-1]) == {"core-0": FRESH, "core-1": LAGGING, "core-2": LAGGING}


def test_all_unreachable_is_no_ground_and_their_return_changes_nothing() -> None:
    stage = steady()
    healthy = dict(stage.scripts)
    stage.scripts = dict.fromkeys(healthy, gone)
    shown = stage.play(1800)
    assert desired(shown[30:]) == {None}
    assert shown[-1].decision.reason == ALL_UNREACHABLE
    stage.scripts = healthy
    shown = stage.play(90)
    assert FOREIGN not in {c for snapshot in shown for c in classes(snapshot).values()}
    assert set(classes(shown[-1]).values()) == {FRESH}
    assert desired(shown) <= {None, 3}


@pytest.mark.parametrize("seconds", [30, 300, 3600])
def test_a_scaler_that_did_not_run_for_a_while_takes_nobody_for_foreign(seconds: float) -> None:
    stage = steady()
    stage.now += seconds
    shown = stage.play(60)
    assert all(set(classes(snapshot).values()) <= {FRESH, UNKNOWN} for snapshot in shown)
    assert all(set(classes(snapshot).values()) == {FRESH} for snapshot in shown[5:])
    assert desired(shown) == {3}


def test_the_network_of_a_fleet_is_the_one_that_most_nodes_name() -> None:
    stage = StagedFleet(foreign, NETWORK.in_step, NETWORK.in_step)
    shown = stage.play(20)
    assert list(classes(shown[-1]).values()) == [FOREIGN, FRESH, FRESH]
    assert shown[-1].network == NETWORK.in_step(START).network


def test_whoever_answers_first_for_another_network_leads_to_no_decision_on_its_own() -> None:
    stage = StagedFleet(foreign, NETWORK.in_step, NETWORK.in_step, NETWORK.in_step)
    for name, script in stage.scripts.items():
        stage.fleet.observe(name, script(stage.now), stage.now)
    shown = stage.fleet.advance(stage.now)
    assert classes(shown)["core-0"] is not FRESH
    assert FOREIGN not in list(classes(shown).values())[1:]


def test_a_named_network_is_held_against_every_node() -> None:
    stage = StagedFleet(foreign, foreign, NETWORK.in_step, spec=replace(SPEC, network=NETWORK.in_step(START).network))
    shown = stage.play(30)
    assert list(classes(shown[-1]).values()) == [FOREIGN, FOREIGN, FRESH]


@pytest.mark.parametrize("kind", [ProbeKind.CORE, ProbeKind.HORIZON, ProbeKind.RPC])
def test_an_isolated_fleet_lags_behind_a_reference_that_moves(kind: ProbeKind) -> None:
    cut_off = StagedNetwork(halts_at=START + 120)
    stage = StagedFleet(*[cut_off.in_step] * 3)
    stage.references[Reference(kind, "https://reference")] = lambda now: NodeReport(
        NETWORK.tell(now)[0], is_synced=True, network=OUR_NETWORK
    )
    stage.play(120)
    shown = stage.play(300)
    assert set(classes(shown[-1]).values()) == {LAGGING}
    assert not any(snapshot.tip.is_halted for snapshot in shown if snapshot.tip)
    assert shown[-1].decision.desired == 4


def test_an_archive_up_to_64_ledgers_old_makes_nobody_foreign() -> None:
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    checkpoint = Reference(ProbeKind.ARCHIVE, "https://archive")
    stage.references[checkpoint] = lambda now: NodeReport(NETWORK.tell(now)[0] // 64 * 64 - 1, is_synced=True)
    shown = stage.play(900)
    assert all(set(classes(snapshot).values()) <= {FRESH, UNKNOWN} for snapshot in shown)
    assert tip_ledger(shown[-1]) == NETWORK.tell(shown[-1].at)[0]


def test_a_reference_that_is_stuck_or_fails_takes_nothing_from_a_healthy_fleet() -> None:
    for script in (
        lambda _now: NodeReport(FIRST_LEDGER - 5000, is_synced=True),
        lambda _now: PollFailure("Timeout", ""),
    ):
        stage = StagedFleet(*[NETWORK.in_step] * 3)
        stage.references[Reference(ProbeKind.HORIZON, "https://horizon")] = script
        shown = stage.play(120)
        assert set(classes(shown[-1]).values()) == {FRESH}
        assert desired(shown[5:]) == {3}


def test_a_lone_node_may_be_no_further_ahead_than_a_reference_allows() -> None:
    stage = StagedFleet(claiming(FIRST_LEDGER + SLACK_LEDGERS + 100))
    stage.references[Reference(ProbeKind.CORE, "https://core")] = NETWORK.in_step
    shown = stage.play(30)
    assert classes(shown[-1]) == {"core-0": FOREIGN}


@pytest.mark.parametrize("bounds", [Bounds(3, 3, 3), Bounds(0, 1, 4)])
def test_desired_never_leaves_the_bounds(bounds: Bounds) -> None:
    stage = StagedFleet(NETWORK.in_step, NETWORK.behind(50), NETWORK.behind(60), spec=replace(SPEC, bounds=bounds))
    numbers = desired(stage.play(900)) - {None}
    assert numbers
    assert all(bounds.minimum <= number <= bounds.maximum for number in numbers if number is not None)
