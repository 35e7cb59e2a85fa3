"""Replicas of the model that start as was measured: how soon they are fresh, and that nothing else of a day differs."""

import json
from dataclasses import replace
from statistics import median, quantiles

import pytest

from bench.__main__ import RESULTS
from bench.policy.days import Change, find_measured_starts
from bench.policy.rivals import FixedSize
from controller.routing.weights import WeightSettings
from readpool.cli.backtest.scaling import make_weigh
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.oddities import Oddities
from readpool.simulator.day.replica import ModelReplica, find_start_ledger, start_replica
from readpool.simulator.day.scenario import Day, Fault, FaultKind, draw_day
from readpool.simulator.day.starts import MeasuredStarts, Spread

MEASURED = MeasuredStarts(new=Spread(60.0, 90.0), restarted=Spread(5.0, 15.0))
STARTED = [start_replica(1, 5, one, 900.0, 100.0, measured=MEASURED) for one in range(600)]


def test_new_replicas_are_fresh_as_soon_as_was_measured_and_as_many_hang_as_before() -> None:
    hang = [one.downloaded_at == float("inf") for one in STARTED]
    assert hang == [start_replica(1, 5, one, 900.0, 100.0).downloaded_at == float("inf") for one in range(600)]
    seconds = [one.downloaded_at - 100.0 for one in STARTED if one.downloaded_at < float("inf")]
    assert median(seconds) == pytest.approx(60.0, rel=0.1)
    assert quantiles(seconds, n=10)[-1] == pytest.approx(90.0, rel=0.1)
    assert find_start_ledger(STARTED[0], 1234.0) == 1234.0


def test_a_restart_takes_as_long_as_was_measured() -> None:
    assert median(one.connected_seconds for one in STARTED) == pytest.approx(5.0, rel=0.1)
    started = replace_start(STARTED[0])
    started.befall(Fault(1000.0, 5, FaultKind.CRASH, 20.0))
    assert started.resumes_at == 1020.0 + started.connected_seconds < 1055.0
    drawn = ModelReplica(5, pace=1.0)
    drawn.befall(Fault(1000.0, 5, FaultKind.CRASH, 20.0))
    assert drawn.resumes_at == 1055.0


def test_a_day_begins_with_replicas_that_restart_as_was_measured() -> None:
    day = replace(draw_day(0), faults=(Fault(3600.0, 0, FaultKind.CRASH, 60.0),), odd=Oddities(), is_cold_start=False)
    took = [live(replace(day, measured_starts=starts)) for starts in (None, MEASURED)]
    assert took[1] < took[0]


def test_what_was_measured_is_what_the_benchmarks_found_and_all_of_it_is_needed() -> None:
    figures = json.loads(RESULTS.read_text(encoding="utf-8"))
    starts = find_measured_starts(figures)
    assert starts.new.p90 == figures["warm_start_p90_s"]
    assert starts.restarted.median == figures["restart_fresh_p50_s"]
    with pytest.raises(KeyError, match="warm_start_p50_s"):
        find_measured_starts({"warm_start_p90_s": 90.0})
    day = Change(is_plain=True, measured_starts=starts).apply(draw_day(3))
    assert (day.measured_starts, day.warm_up_seconds, day.odd) == (starts, starts.new.median, Oddities())


def replace_start(replica: ModelReplica) -> ModelReplica:
    """A replica that restarts as this one does, and is fresh."""
    other = ModelReplica(replica.ordinal, pace=1.0)
    other.connected_seconds = replica.connected_seconds
    return other


def live(day: Day) -> float:
    """Live a day with five; return the seconds below five."""
    return PoolDay(day, FixedSize(5), make_weigh(WeightSettings())).live().seconds_below
