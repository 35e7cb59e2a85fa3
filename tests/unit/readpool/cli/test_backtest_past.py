"""From a pool's past to a model day: each fault is found with its kind and length, and nothing else is one."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from readpool.cli.backtest.advice import Fit, advise, compute_cost, compute_fit, find_front, observe_days
from readpool.cli.backtest.capacity import estimate_capacity
from readpool.cli.backtest.episodes import Found, find_episodes
from readpool.cli.backtest.history import History, Sample, Setting, build_history
from readpool.cli.backtest.page import build_page
from readpool.cli.backtest.reconstruction import reconstruct
from readpool.cli.backtest.replay import Outcome, replay
from readpool.cli.backtest.report import build_json, build_report
from readpool.simulator.day.day import PoolDay
from readpool.simulator.day.scenario import Day, FaultKind
from readpool.simulator.day.traffic import BORNE_PER_REPLICA
from readpool.simulator.day.view import Scaling, Weigh

OWN = Setting(3, 3, 20, 12)
NAMES = {f"core-{number}": number for number in range(4)}
STEP = 60.0
GOOD = Fit(70.0, 71.0, 0.02, 0.05, 0.04)


def make_history(
    lags: Callable[[int], Mapping[str, int]], requests: float = 300.0, count: int = 240, replicas: int = 3
) -> History:
    """Make a history of minutes; `lags` gives those of a minute that differ from 0, with -1 for silence."""
    samples = []
    for minute in range(count):
        known = {f"core-{number}": 0 for number in range(replicas)} | dict(lags(minute))
        samples.append(
            Sample(minute * STEP, requests, replicas, {name: lag for name, lag in known.items() if lag >= 0})
        )
    return build_history(samples, OWN)


def find(history: History, borne: float | None = None) -> Found:
    return find_episodes(history, NAMES, borne)


def test_one_that_closes_nothing_is_stuck_for_as_long_as_its_lag_says() -> None:
    def lags(minute: int) -> Mapping[str, int]:
        stuck = 12 * max(0, minute - 100)
        return {"core-1": stuck if minute <= 130 else max(0, 360 - 60 * (minute - 130))}

    (fault,) = find(make_history(lags)).faults
    assert (fault.ordinal, fault.kind) == (1, FaultKind.STUCK)
    assert fault.at == pytest.approx(100 * 60, abs=60)
    assert fault.seconds == pytest.approx(1800, abs=60)


def test_one_that_was_silent_has_crashed() -> None:
    def lags(minute: int) -> Mapping[str, int]:
        return (
            {"core-2": -1}
            if 50 <= minute < 60
            else {"core-2": max(0, 120 - 40 * (minute - 60))}
            if minute >= 60
            else {}
        )

    (fault,) = find(make_history(lags)).faults
    assert (fault.ordinal, fault.kind) == (2, FaultKind.CRASH)
    assert fault.seconds == pytest.approx(600, abs=60)


def test_one_that_falls_behind_slowly_is_slow() -> None:
    def lags(minute: int) -> Mapping[str, int]:
        return {"core-0": 3 * max(0, minute - 100) if minute < 120 else 0}

    (fault,) = find(make_history(lags)).faults
    assert (fault.ordinal, fault.kind) == (0, FaultKind.SLOW)


def test_one_that_readers_ask_too_much_of_has_no_fault() -> None:
    def lags(minute: int) -> Mapping[str, int]:
        return {"core-0": 3 * max(0, minute - 100) if minute < 120 else 0}

    assert not find(make_history(lags, requests=300.0), borne=100.0).faults
    assert find(make_history(lags, requests=300.0), borne=1000.0).faults


def test_while_nobody_answers_nothing_was_seen() -> None:
    blind = make_history(lambda minute: {f"core-{n}": -1 for n in range(3)} if 50 <= minute < 60 else {})
    assert not find(blind).faults


def test_a_new_replica_tells_how_long_one_takes_and_is_no_fault() -> None:
    def make(minute: int) -> Sample:
        lags = {f"core-{number}": 0 for number in range(3)}
        if minute >= 110:
            lags["core-3"] = max(0, 100 - 20 * (minute - 110))
        return Sample(minute * STEP, 300.0, 4 if minute >= 100 else 3, lags)

    found = find(build_history([make(minute) for minute in range(240)], OWN))
    assert not found.faults
    assert found.warm_ups == [pytest.approx(15 * 60, abs=90)]


def test_what_a_replica_bears_is_where_two_fell_behind_together() -> None:
    samples = []
    for minute in range(600):
        rate = 100.0 + minute
        behind = {"core-0": 20, "core-1": 20} if rate >= 600 else {}
        samples.append(Sample(minute * STEP, rate, 3, {f"core-{n}": 0 for n in range(3)} | behind))
    borne = estimate_capacity(build_history(samples, OWN))
    assert borne.is_measured
    assert 190 <= borne.requests <= 210


def test_load_that_never_reached_the_limit_shows_what_is_served_at_least() -> None:
    borne = estimate_capacity(make_history(lambda _: {}, requests=300.0))
    assert (borne.requests, borne.is_measured) == (100.0, False)


def test_traffic_is_in_the_models_unit_and_known_between_two_samples() -> None:
    history = make_history(lambda _: {})
    samples = [replace(one, requests=None) if 10 <= n < 20 else one for n, one in enumerate(history.samples)]
    past = reconstruct(build_history(samples, OWN), borne=100.0)
    assert past.day.traffic == pytest.approx([3 * BORNE_PER_REPLICA] * len(past.day.traffic))
    assert past.known_share == pytest.approx(230 / 240)


def test_faults_of_replicas_that_were_not_there_are_as_frequent_as_those_of_the_others() -> None:
    def lags(minute: int) -> Mapping[str, int]:
        return {f"core-{n}": -1 for n in range(3) if minute % 120 in range(20 * n, 20 * n + 5)}

    past = reconstruct(make_history(lags, count=6000))
    seen = [fault for fault in past.day.faults if fault.ordinal < 3]
    drawn = [fault for fault in past.day.faults if fault.ordinal >= 3]
    assert len(drawn) / 17 == pytest.approx(len(seen) / 3, rel=0.2)
    assert {fault.kind for fault in drawn} == {FaultKind.CRASH}


def test_a_quiet_past_costs_what_it_cost() -> None:
    history = make_history(lambda _: {}, count=1440)
    outcome = replay(reconstruct(history, borne=500.0), OWN)
    assert outcome.replica_hours == pytest.approx(72.0, rel=0.01)
    assert outcome.below_hours == 0
    fit = compute_fit(history, outcome)
    assert fit.verdict == "good"
    assert fit.observed_hours == pytest.approx(72.0, rel=0.01)


def test_looks_that_are_left_out_while_all_is_calm_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def lags(minute: int) -> Mapping[str, int]:
        return {"core-1": 12 * (minute - 100) if 100 < minute <= 120 else max(0, 240 - 60 * (minute - 120))}

    past = reconstruct(make_history(lags), borne=500.0)
    settings = [OWN, replace(OWN, target=4, lag_threshold=6)]
    shortened = [replay(past, setting) for setting in settings]

    def ask_always(day: Day, scaling: Scaling, weigh: Weigh, _patience: object) -> PoolDay:
        return PoolDay(day, scaling, weigh)

    monkeypatch.setattr("readpool.cli.backtest.replay.PoolDay", ask_always)
    assert [replay(past, setting) for setting in settings] == shortened


def test_time_below_the_target_is_read_from_lags() -> None:
    history = make_history(lambda minute: {"core-0": 50} if minute < 60 else {})
    days, below = observe_days(history)
    assert sum(day.below_hours for day in days) == pytest.approx(1.0)
    assert below == pytest.approx(60 / 240)


def make_outcome(target: int, hours: float, below: float) -> Outcome:
    return Outcome(replace(OWN, target=target), hours, below, 0.0, 0.0, 1.0, ())


def test_the_front_has_what_nothing_else_beats_in_both() -> None:
    outcomes = [make_outcome(3, 72, 2), make_outcome(4, 96, 0.5), make_outcome(5, 120, 0.5), make_outcome(6, 90, 3)]
    assert [one.setting.target for one in find_front(outcomes)] == [3, 4]


def test_the_price_decides_between_hours_and_freshness() -> None:
    today, spare = make_outcome(3, 72, 2), make_outcome(4, 96, 0.5)
    assert advise([today, spare], today, GOOD, price=20.0).setting == spare.setting
    assert advise([today, spare], today, GOOD, price=5.0).setting == today.setting
    assert compute_cost(spare, 20.0) == 106


def test_nothing_is_recommended_where_the_replay_is_not_like_the_past() -> None:
    today, spare = make_outcome(3, 72, 2), make_outcome(4, 96, 0.5)
    poor = replace(GOOD, hours_error=0.4, replayed_hours=99.0)
    advice = advise([today, spare], today, poor, price=20.0)
    assert advice.setting is None
    assert "99 replica-hours a day where 70 were observed" in advice.reason


def test_the_page_needs_nothing_but_itself_and_takes_no_markup_from_a_name() -> None:
    history = make_history(lambda _: {}, count=1440)
    past = reconstruct(history, borne=500.0)
    report = build_report("<script>alert(1)</script>", history, past, [replay(past, OWN), make_outcome(4, 96, 0)], 20.0)
    page = build_page(report)
    assert "<script" not in page
    assert "http" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<circle") == len(report.outcomes) + 1
    assert page.index("Fit: good.") < page.index("Recommendation")
    data = build_json(report)
    assert data["settings"][0]["isToday"]
    assert data["fit"]["verdict"] == "good"
