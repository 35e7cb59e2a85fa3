"""The model day: deterministic, its couplings couple, and on a few days the order of contenders is as published."""

import json
from dataclasses import replace

import pytest

from bench.policy import contenders as c
from bench.policy.days import DayResult, compute_figure, live_day
from bench.policy.rivals import FixedSize
from bench.policy.verdict import compute_needed_hours, find_worst_seeds, format_table, mix_fixed
from controller.routing.weights import WeightSettings
from readpool.cli.backtest.scaling import OurScaling, make_weigh
from readpool.replica_class import ReplicaClass
from readpool.simulator.day.calm import NO_CALM, Calm
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.measures import Measures
from readpool.simulator.day.oddities import Oddities, Span
from readpool.simulator.day.replica import FULL_SPEED, NETWORK_RATE, ModelReplica, start_replica
from readpool.simulator.day.scenario import Day, Fault, FaultKind, draw_day
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEPS_PER_DAY
from scaler.policy.policy import Bounds, PolicySettings

CONTENDERS = {contender.name: contender for contender in c.list_contenders()}


def quiet_day(share: float = 0.5, **changes: object) -> Day:
    """A day of even traffic without any fault, at `share` of what the target bears, as changed."""
    day = replace(
        draw_day(0),
        traffic=(share * 5 * BORNE_PER_REPLICA,) * STEPS_PER_DAY,
        faults=(),
        halts=(),
        scaler_restarts=(),
        blind_spells=(),
        is_cold_start=False,
        odd=Oddities(),
    )
    return replace(day, **changes)  # type: ignore[arg-type]


def live(day: Day, size: int = 5) -> Measures:
    """Live a day with a pool of fixed size."""
    return PoolDay(day, FixedSize(size), make_weigh(WeightSettings())).live()


def test_the_same_seed_is_the_same_day_and_another_seed_is_not() -> None:
    assert draw_day(7) == draw_day(7)
    assert draw_day(7) != draw_day(8)
    assert live_day(CONTENDERS[c.OURS], 7) == live_day(CONTENDERS[c.OURS], 7)


def test_on_a_quiet_day_nothing_is_stale_and_nobody_scales() -> None:
    for name in (c.OURS, c.OURS_BLIND, c.SEED, c.HPA):
        contender = CONTENDERS[name]
        day = quiet_day()
        measures = PoolDay(day, contender.make(day), make_weigh(contender.weights)).live()
        assert (measures.seconds_below, measures.stale_reads, measures.scalings) == (0, 0, 0), name


@pytest.mark.parametrize(("share", "keeps_pace"), [(0.9, True), (1.1, False)])
def test_a_replica_that_serves_more_than_it_bears_does_not_keep_pace(share: float, keeps_pace: bool) -> None:
    assert (live(quiet_day(share)).seconds_below == 0) is keeps_pace


def test_reads_slow_down_the_ledgers_and_an_idle_replica_applies_at_full_speed() -> None:
    idle, busy = ModelReplica(0, pace=1.0), ModelReplica(1, pace=1.0)
    busy.load = 950.0
    assert not idle.advance(tip=100.0, now=0.0, seconds=5)
    assert busy.advance(tip=100.0, now=0.0, seconds=5)
    assert idle.ledger == FULL_SPEED * 5
    assert 0 < busy.ledger < NETWORK_RATE * 5


def test_a_stuck_replica_sheds_its_reads_and_can_topple_the_others() -> None:
    stuck = (Fault(3600.0, 0, FaultKind.STUCK, 7200.0),)
    assert live(quiet_day(0.7, faults=stuck)).cascade_seconds == 0
    assert live(quiet_day(0.95, faults=stuck)).cascade_seconds > 3600


def test_a_halt_makes_nobody_stale() -> None:
    measures = live(quiet_day(halts=(Span(3600.0, 7200.0),)))
    assert (measures.seconds_below, measures.stale_reads) == (0, 0)


def test_a_newcomer_takes_its_warm_up() -> None:
    replica = start_replica(seed=1, ordinal=5, generation=6, warm_up_seconds=900.0, now=0.0)
    assert 30 <= replica.answers_at <= 90
    assert 300 <= replica.downloaded_at <= 3000


@pytest.mark.parametrize(
    ("day", "scaled"),
    [
        pytest.param(quiet_day(halts=(Span(3600.0, 9000.0),)), 0, id="a halted network"),
        pytest.param(quiet_day(blind_spells=(Span(3600.0, 4200.0),)), 0, id="a scaler that sees nobody"),
        pytest.param(quiet_day(scaler_restarts=(3600.0, 9000.0)), 0, id="a restarted scaler"),
        pytest.param(quiet_day(faults=(Fault(3600.0, 2, FaultKind.CRASH, 40.0),)), 0, id="a crash"),
        pytest.param(quiet_day(faults=(Fault(3600.0, 2, FaultKind.STUCK, 7200.0),)), 2, id="a stuck replica"),
    ],
)
def test_ours_scales_for_what_lasts_and_for_nothing_else(day: Day, scaled: int) -> None:
    for name in (c.OURS, c.OURS_BLIND):
        contender = CONTENDERS[name]
        assert PoolDay(day, contender.make(day), make_weigh(contender.weights)).live().scalings == scaled


def test_a_replica_is_seen_as_the_scaler_would_class_it() -> None:
    replica, sight = ModelReplica(0, pace=1.0), Sight(0.0)
    seen = []
    for now, ledger in ((0, 100), (5, 101), (10, 89), (15, 89), (20, 99), (25, 100), (30, 105)):
        replica.ledger = float(ledger)
        sight.see(replica, 101 + now // 5, 12, float(now), 5.0)
        seen.append(sight.replica_class)
    fresh, lagging = ReplicaClass.FRESH, ReplicaClass.LAGGING
    assert seen == [fresh, fresh, fresh, lagging, lagging, fresh, fresh]
    assert [sight.miss(35.0), sight.miss(40.0), sight.miss(45.0)] == [False, False, True]
    seen.append(sight.replica_class)
    replica.restarts += 1
    assert sight.see(replica, 110, 12, 50.0, 5.0)
    seen.append(sight.replica_class)
    assert seen[-2:] == [ReplicaClass.UNREACHABLE, ReplicaClass.CATCHING_UP]


@pytest.fixture(scope="module")
def results() -> dict[str, list[DayResult]]:
    """Two days, one of them outgrown, of those contenders whose order is asserted."""
    names = (c.OURS, c.OURS_BLIND, c.SEED, c.HPA, "fixed 5", "fixed 6")
    return {name: [live_day(CONTENDERS[name], seed) for seed in (3, 6)] for name in names}


@pytest.mark.parametrize("figure", ["below", "stale"])
def test_ours_is_better_than_the_seeds_rule_the_hpa_and_a_fixed_pool_of_its_size(
    results: dict[str, list[DayResult]], figure: str
) -> None:
    for ours in (c.OURS, c.OURS_BLIND):
        mine = compute_figure(results[ours], figure)
        fixed = mix_fixed(results, compute_figure(results[ours], "replica_hours"))
        assert mine < compute_figure(results[c.SEED], figure)
        assert mine < compute_figure(results[c.HPA], figure)
        assert mine < compute_figure(fixed, figure)
        assert not find_worst_seeds(results[ours], [results[c.SEED], results[c.HPA], fixed], figure)


def test_knowing_the_request_rate_is_worth_its_replicas(results: dict[str, list[DayResult]]) -> None:
    assert compute_figure(results[c.OURS], "failed") < compute_figure(results[c.OURS_BLIND], "failed")
    assert compute_figure(results[c.OURS], "stale") < compute_figure(results[c.OURS_BLIND], "stale")


def test_the_table_names_every_contender_and_figures_are_plain_numbers(results: dict[str, list[DayResult]]) -> None:
    table = format_table(results)
    assert all(f"| {name} |" in table for name in results)
    assert json.loads(json.dumps(compute_figure(results[c.OURS], "replica_hours"))) > 120


def test_needed_hours_lie_between_the_two_sizes_that_enclose_the_quality() -> None:
    def days(below: float, hours: float) -> list[DayResult]:
        return [DayResult(0, False, below, 0, 0, hours, 0, 0, 0, 0)]

    sizes = [days(10, 120), days(4, 144), days(1, 168), days(1, 192)]
    assert compute_needed_hours(sizes, "below", 7.0) == 132
    assert compute_needed_hours(sizes, "below", 20.0) == 120
    assert compute_needed_hours(sizes, "below", 0.5) == 192


class EveryStep(PoolDay):
    """A day that is lived through step by step, even where nothing can happen."""

    def _find_calm(self, now: float) -> Calm:
        del now
        return NO_CALM


@pytest.mark.parametrize(("usual", "spike"), [(0.9, 1.5), (0.92, 1.4), (0.6, 1.3)])
def test_steps_in_which_nothing_happens_come_to_what_all_steps_come_to(usual: float, spike: float) -> None:
    """Spikes of demand between two weighings are no calm, however calm the steps around them are."""
    day = draw_day(5001)
    bears = day.target * BORNE_PER_REPLICA
    traffic = tuple((spike if step % 6 < 3 else usual) * bears for step in range(4000))
    day = replace(day, traffic=traffic, faults=(), is_cold_start=False)

    def live(kind: type[PoolDay]) -> Measures:
        scaling = OurScaling(PolicySettings(Bounds(day.minimum, day.target, 20)))
        return kind(day, scaling, make_weigh(WeightSettings(enough_fresh=day.target))).live()

    assert live(PoolDay) == live(EveryStep)
