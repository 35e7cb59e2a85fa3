"""What seldom befalls a model day: each oddity does what it says, and ours does nothing about what it cannot mend."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from bench.policy import contenders as c
from bench.policy.clairvoyant import Clairvoyant
from bench.policy.days import DayResult
from bench.policy.front import FAMILIES, Point, build_front, find_behind, format_front, list_names
from bench.policy.rivals import FixedSize
from controller.routing.weights import WeightSettings
from readpool.cli.backtest.scaling import make_weigh
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.measures import Measures
from readpool.simulator.day.oddities import LOOP_SECONDS, Oddities, Span, draw_oddities
from readpool.simulator.day.replica import ModelReplica, start_replica
from readpool.simulator.day.scenario import Day, Fault, FaultKind, draw_day
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEPS_PER_DAY

CONTENDERS = {contender.name: contender for contender in (*c.list_contenders(), *c.list_front())}
HOUR = 3600.0


def quiet_day(share: float = 0.5, **changes: Any) -> Day:
    """Return six hours of even traffic without any fault, as changed."""
    day = replace(
        draw_day(0),
        traffic=(share * 5 * BORNE_PER_REPLICA,) * (STEPS_PER_DAY // 4),
        faults=(),
        halts=(),
        scaler_restarts=(),
        blind_spells=(),
        is_cold_start=False,
        odd=Oddities(),
    )
    return replace(day, **changes)


def live(name: str, day: Day) -> Measures:
    contender = CONTENDERS[name]
    return PoolDay(day, contender.make(day), make_weigh(contender.weights)).live()


def live_fixed(day: Day, size: int = 5) -> Measures:
    return PoolDay(day, FixedSize(size), make_weigh(WeightSettings())).live()


def test_what_is_odd_comes_from_a_seed_and_leaves_the_rest_of_the_day_as_it_was() -> None:
    assert draw_oddities(7) == draw_oddities(7)
    days = [draw_oddities(seed) for seed in range(200)]
    assert 2 <= sum(day.reset_at is not None for day in days) <= 20
    assert 4 <= sum(bool(day.database_stops) for day in days) <= 30
    assert 25 <= sum(bool(day.silent_gates) for day in days) <= 80
    soon = start_replica(1, 5, 6, 900.0, 0.0)
    odd = start_replica(1, 5, 6, 900.0, 0.0, may_be_odd=True)
    assert (odd.pace, odd.downloaded_at >= soon.downloaded_at) == (soon.pace, True)


def test_some_newcomers_are_late_or_never_answer_or_loop() -> None:
    new = [start_replica(1, 5, number, 900.0, 0.0, may_be_odd=True) for number in range(600)]
    late = sum(90.0 < one.answers_at < inf for one in new)
    never, loops = sum(one.answers_at == inf for one in new), sum(one.loops_at < inf for one in new)
    assert 50 <= late <= 130
    assert 6 <= never <= 36
    assert 6 <= loops <= 36


def test_one_that_loops_comes_back_where_it_was_and_one_that_has_caught_up_loops_no_more() -> None:
    old = ModelReplica(0, pace=1.0)
    old.ledger = 1000.0
    old.befall(Fault(0.0, 0, FaultKind.LOOP, 2 * HOUR))
    old.loop(0.0)
    old.advance(5000.0, 300.0, 5.0)
    assert old.ledger > 1000.0
    old.loop(LOOP_SECONDS)
    assert (old.ledger, old.restarts) == (1000.0, 2)
    old.recover()
    assert old.loops_at == inf
    new = start_replica(1, 5, 6, 900.0, 0.0)
    new.loops_at, before = new.answers_at + LOOP_SECONDS, new.downloaded_at
    new.loop(new.loops_at)
    assert new.downloaded_at > before
    new.ledger = 7.0
    new.loop(inf)
    assert new.loops_at == inf


def test_a_loop_is_a_lack_like_any_other() -> None:
    loop = (Fault(HOUR, 2, FaultKind.LOOP, 4 * HOUR),)
    measures = live(c.OURS, quiet_day(faults=loop))
    assert measures.scalings >= 1
    assert measures.overshoot <= 1


def test_one_database_that_stops_makes_all_stale_and_ours_adds_no_more_than_the_surge_as_it_goes_on() -> None:
    day = quiet_day(odd=Oddities(database_stops=(Span(HOUR, 2 * HOUR),)))
    assert live_fixed(day).seconds_below >= HOUR - 120.0
    assert live(c.OURS, day).overshoot <= 2
    assert live(c.HPA, day).overshoot > 2


def test_a_reset_leaves_all_behind_until_they_are_wiped_and_the_pool_does_not_run_away() -> None:
    day = quiet_day(odd=Oddities(reset_at=HOUR, wipe_seconds=120.0))
    fixed = live_fixed(day)
    assert 600.0 <= fixed.seconds_below <= 2 * HOUR
    ours = live(c.OURS, day)
    assert ours.overshoot <= 6
    assert ours.replica_hours < 2 * fixed.replica_hours


def test_silent_gates_take_the_rate_from_ours_and_scale_nothing() -> None:
    day = quiet_day(odd=Oddities(silent_gates=(Span(HOUR, 3 * HOUR),)))
    assert live(c.OURS, day).scalings == 0


def test_those_that_leave_are_no_lack() -> None:
    stuck = (Fault(HOUR, 2, FaultKind.STUCK, HOUR / 2),)
    day = quiet_day(faults=stuck, warm_up_seconds=300.0)
    seen = [live(c.OURS_BLIND, replace(day, odd=Oddities(leaving_seconds=seconds))) for seconds in (0.0, 120.0)]
    assert [measures.scalings for measures in seen] == [2, 2]


def test_both_scalers_restarted_in_a_day_change_no_size() -> None:
    stuck = (Fault(HOUR, 2, FaultKind.STUCK, 2 * HOUR),)
    for restarts in ((), (2 * HOUR,), (2.9 * HOUR, 3.1 * HOUR)):
        assert live(c.OURS, quiet_day(faults=stuck, scaler_restarts=restarts)).scalings == 2


def test_who_knows_the_day_is_there_before_the_load_and_before_a_fault() -> None:
    steps = STEPS_PER_DAY // 4
    rise = (0.5 * 5 * BORNE_PER_REPLICA,) * (steps // 2) + (6.5 * BORNE_PER_REPLICA,) * (steps // 2)
    day = quiet_day(traffic=rise, warm_up_seconds=600.0, faults=(Fault(HOUR, 1, FaultKind.STUCK, 1800.0),))
    knowing = Clairvoyant(day)
    assert (knowing.sizes[0], max(knowing.sizes[: steps // 3])) == (5, 6)
    assert knowing.sizes[int((HOUR - 600.0) / 5)] == 6
    assert knowing.sizes[-1] == 7
    assert live(c.CLAIRVOYANT, day).stale_reads < live(c.OURS, day).stale_reads


def result(below: float, hours: float) -> list[DayResult]:
    return [DayResult(0, False, below, below / 10, below / 20, hours, 0, 0, 0, 0)]


def test_the_front_has_each_family_and_says_where_ours_is_behind_at_equal_hours() -> None:
    results = {name: result(1.0, 150.0) for name in list_names()}
    results |= {f"fixed {size}": result(10.0 / (size - 4), 24.0 * size) for size in (5, 6, 7, 8)}
    results |= {c.OURS_SIZES[5]: result(7.0, 132.0), c.OURS_SIZES[6]: result(5.5, 144.0)}
    front = build_front(results)
    assert [point.family for point in front] == [*(f for f in FAMILIES for _ in range(4)), c.CLAIRVOYANT]
    assert front[-1] == Point(c.CLAIRVOYANT, None, 150.0, 1.0, 0.1, 0.05)
    behind = find_behind(front, c.OURS)
    assert behind[0] == "size 6: below 5.50 over 5.00"
    assert not any(one.startswith("size 5") for one in behind)
    assert f"| {c.OURS} | 5 | 132.0 | 7.00 | 0.70 | 0.35 |" in format_front(front)


@pytest.mark.parametrize("hours", [100.0, 200.0])
def test_beyond_the_fixed_sizes_nobody_is_behind_them(hours: float) -> None:
    results = {name: result(9.0, hours) for name in list_names()}
    results |= {f"fixed {size}": result(1.0, 24.0 * size) for size in (5, 6, 7, 8)}
    assert find_behind(build_front(results), c.OURS) == []
