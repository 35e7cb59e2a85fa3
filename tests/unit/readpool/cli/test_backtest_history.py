"""A pool's history: what a CSV file and samples may be, and what is wrong with the others, in words."""

import pytest

from readpool.cli.backtest.grid import build_grid
from readpool.cli.backtest.history import HistoryError, Sample, Setting, build_history
from readpool.cli.backtest.history_csv import format_csv, parse_csv

OWN = Setting(5, 3, 20, 12)
HEAD = "time,requests_per_second,replicas,lag:core-0\n"


def make_samples(count: int = 200, step: float = 60.0) -> list[Sample]:
    return [Sample(1000.0 + number * step, 100.0, 5, {f"core-{n}": 0 for n in range(5)}) for number in range(count)]


def test_a_history_is_read_as_it_was_written() -> None:
    samples = [
        Sample(60.0, 12.5, 3, {"core-0": 0, "core-1": 40}, is_halted=True),
        Sample(120.0, None, 4, {}),
        Sample(180.0, 0.0, None, {"core-2": 7}),
    ]
    assert parse_csv("".join(format_csv(samples))) == samples


def test_times_may_be_rfc_3339() -> None:
    text = HEAD + "2026-01-01T00:00:00Z,1,2,0\n2026-01-01T01:01:00+01:00,1,2,0\n"
    assert [sample.at for sample in parse_csv(text)] == [1767225600.0, 1767225660.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,replicas\n", "no column requests_per_second"),
        ("", "no column time, requests_per_second, replicas"),
        (HEAD.replace("lag:core-0", "delay"), "unknown column 'delay'"),
        (HEAD + "60,1,2\n", "line 2: not as many fields"),
        (HEAD + "60,1,2,3,4\n", "line 2: not as many fields"),
        (HEAD + "60,1,2,0\n120,-1,2,0\n", "line 3: requests_per_second is '-1'"),
        (HEAD + "60,nan,2,0\n", "line 2: requests_per_second is 'nan'"),
        (HEAD + "60,1,two,0\n", "line 2: replicas is 'two'"),
        (HEAD + "60,1,2,1e999\n", "line 2: lag:core-0 is '1e999'"),
        (HEAD + "yesterday,1,2,0\n", "line 2: time is 'yesterday'"),
        (HEAD + "-5,1,2,0\n", "line 2: time is '-5'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        parse_csv(text)


def test_a_moment_without_a_sample_is_one_of_which_nothing_is_known() -> None:
    samples = make_samples()
    del samples[50:53]
    history = build_history(samples, OWN)
    assert len(history.samples) == 200
    assert history.samples[51] == Sample(1000.0 + 51 * 60, None, None, {})


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (make_samples(5), "5 samples; at least 120"),
        (make_samples()[::-1], "not in order"),
        (make_samples(step=600.0), "600 s apart; at most 300 s"),
        ([Sample(one.at, None, 5, {}) for one in make_samples()], "request rate"),
        ([Sample(one.at, 1.0, None, {}) for one in make_samples()], "number of replicas"),
    ],
)
def test_what_is_wrong_with_a_history_is_said(samples: list[Sample], said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        build_history(samples, OWN)


def test_the_grid_has_the_pools_own_setting_first_and_each_setting_once() -> None:
    grid = build_grid(OWN)
    assert grid[0] == OWN
    assert len(set(grid)) == len(grid) == 18
    assert {one.target for one in grid} == {4, 5, 6, 7, 8, 9}
    assert {one.lag_threshold for one in grid} == {6, 12, 24}


def test_every_setting_of_the_grid_is_one_that_a_pool_may_have() -> None:
    for own in (Setting(1, 0, 1, 1), Setting(2, 2, 2, 12), Setting(20, 3, 20, 5)):
        for one in build_grid(own):
            assert 0 <= one.minimum <= one.target <= one.maximum
            assert one.lag_threshold >= 1


def test_spares_are_counted_from_the_pools_own_target() -> None:
    assert {one.target for one in build_grid(OWN, spares=(1, 3), thresholds=(12,))} == {5, 6, 8}
    assert {one.target for one in build_grid(OWN, targets=(7,), thresholds=(12,))} == {5, 7}
