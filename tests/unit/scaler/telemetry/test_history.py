"""The record of lags: bounded whatever comes, and the worst lag of a time is never lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scaler.telemetry.history import COARSEST_SECONDS, FINEST_SECONDS, MAX_REPLICAS, ROWS, LagHistory


def _record(history: LagHistory, seconds: int, lag: int = 0, start: int = 0) -> None:
    for second in range(start, start + seconds):
        history.record(float(second), {"core-0": lag})


def test_a_young_record_has_a_row_each_second() -> None:
    history = LagHistory()
    for tenth in range(100):
        history.record(tenth / 10, {"core-0": tenth})
    series = history.series()
    assert len(series.times) == 10
    assert series.lags["core-0"][-1] == 99


def test_within_a_row_the_worse_lag_stays() -> None:
    history = LagHistory()
    for lag in (3, 700, 1):
        history.record(10.0, {"core-0": lag})
    assert history.series().lags == {"core-0": (700,)}


def test_a_spike_outlives_every_merging() -> None:
    history = LagHistory()
    _record(history, 30)
    history.record(30.0, {"core-0": 5000})
    _record(history, ROWS * 3, start=31)
    series = history.series()
    assert max(lag or 0 for lag in series.lags["core-0"]) == 5000
    assert len(series.times) <= ROWS


def test_what_was_not_known_stays_unknown_and_is_not_zero() -> None:
    history = LagHistory()
    history.record(0.0, {"core-0": 1, "core-1": None})
    history.record(5.0, {"core-0": None, "core-1": 2})
    assert history.series().lags == {"core-0": (1, None), "core-1": (None, 2)}


def test_a_full_record_spans_a_quarter_of_an_hour_and_no_more() -> None:
    history = LagHistory()
    _record(history, 7200)
    times = history.series().times
    span = times[-1] - times[0]
    assert 15 * 60 <= span <= ROWS * COARSEST_SECONDS
    assert times[-1] >= 7200 - COARSEST_SECONDS


def test_a_replica_that_is_gone_leaves_the_record_with_its_last_row() -> None:
    history = LagHistory()
    history.record(0.0, {"core-9": 4})
    _record(history, 7200, start=1)
    assert set(history.series().lags) == {"core-0"}


def test_replicas_over_the_bound_are_left_out() -> None:
    history = LagHistory()
    history.record(0.0, {f"core-{i}": i for i in range(MAX_REPLICAS + 50)})
    assert len(history.series().lags) == MAX_REPLICAS


def test_a_lag_beyond_32_bits_is_cut_to_what_fits() -> None:
    history = LagHistory()
    history.record(0.0, {"core-0": 10**12, "core-1": -5})
    assert history.series().lags == {"core-0": (2**31 - 1,), "core-1": (0,)}


@given(
    st.lists(
        st.tuples(
            st.floats(0, 30),
            st.dictionaries(st.sampled_from(["a", "b", "c"]), st.none() | st.integers(0, 10**6)),
        ),
        max_size=600,
    )
)
def test_whatever_comes_columns_are_as_long_as_times_and_times_rise(
    steps: list[tuple[float, dict[str, int | None]]],
) -> None:
    history = LagHistory()
    at = 1000.0
    for step, lags in steps:
        at += step
        history.record(at, lags)
    series = history.series()
    assert len(series.times) <= ROWS
    assert all(later - earlier >= FINEST_SECONDS for earlier, later in pairwise(series.times))
    assert all(len(column) == len(series.times) for column in series.lags.values())
