"""A gate's reports, one after the other: what they say of the last minute, and that nothing they say is absurd."""

from itertools import accumulate
from math import inf, isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.fleet.request_figures import RequestFigures, compute_latency_p90
from scaler.fleet.request_window import WINDOW_SECONDS, RequestWindow, advance_window, find_figures
from scaler.probes.gate import GateReport

START = 1_800_000_000.0
BOUNDS = (1.0, 10.0, inf)


def report(requests: int, failures: int = 0, times: tuple[int, ...] = ()) -> GateReport:
    """Return the report of a gate that has answered all that it was asked."""
    return GateReport(requests, failures, requests, tuple(zip(BOUNDS, times, strict=True)) if times else ())


def fold(*reports: tuple[float, GateReport]) -> RequestWindow:
    """Fold reports, each so many seconds after the start."""
    window = RequestWindow()
    for at, one in reports:
        window = advance_window(window, one, START + at)
    return window


FIGURES: dict[str, tuple[tuple[tuple[float, GateReport], ...], RequestFigures | None]] = {
    "one report is no rate": (((0, report(900)),), None),
    "nor are two within a moment": (((0, report(0)), (1, report(500))), None),
    "two reports": (((0, report(100, 1)), (5, report(150, 6))), RequestFigures(10.0, 10.0, 1.0)),
    "nobody asks": (((0, report(100)), (5, report(100))), RequestFigures(0.0, 0.0, 0.0)),
    "times": (
        ((0, report(5, times=(5, 5, 5))), (10, report(25, times=(10, 20, 25)))),
        RequestFigures(2.0, 2.0, 0.0, ((1.0, 0.5), (10.0, 1.5), (inf, 2.0))),
    ),
    "a minute counts, and what was before it does not": (
        ((0, report(0)), (40, report(4000)), (60, report(4010)), (105, report(4055))),
        RequestFigures(1.0, 1.0),
    ),
    "a pause in which nothing was seen": (
        ((0, report(0)), (5, report(50)), (605, report(650))),
        RequestFigures(1.0, 1.0),
    ),
    "a restart begins anew": (((0, report(900)), (5, report(950)), (10, report(20))), None),
    "and goes on from there": (
        ((0, report(900)), (5, report(950)), (10, report(20)), (15, report(30))),
        RequestFigures(2.0, 2.0),
    ),
    "failures that fall are a restart": (((0, report(10, 9)), (5, report(20, 8))), None),
    "other answers that fall are one": (((0, report(10, 0)), (5, report(12, 9))), None),
    "a bucket that falls is one": (((0, report(9, times=(0, 0, 9))), (5, report(9, times=(9, 9, 9)))), None),
    "other bounds are one": (((0, report(9)), (5, report(12, times=(12, 12, 12)))), None),
    "a report of no later time is passed over": (
        ((0, report(0)), (5, report(50)), (5, report(5000)), (4, report(0))),
        RequestFigures(10.0, 10.0),
    ),
}


@pytest.mark.parametrize(("reports", "expected"), FIGURES.values(), ids=FIGURES.keys())
def test_reports_say(reports: tuple[tuple[float, GateReport], ...], expected: RequestFigures | None) -> None:
    assert fold(*reports).figures == expected


def test_what_is_too_old_says_nothing() -> None:
    window = fold((0, report(0)), (5, report(50)))
    assert find_figures(window, START + 5) == RequestFigures(10.0, 10.0)
    assert find_figures(window, START + 6) is None
    assert find_figures(RequestWindow(), START) is None


@pytest.mark.parametrize("interval_seconds", [0.5, 5.0, 11.0, 20.0, 45.0, 90.0])
def test_the_window_is_a_minute_and_small_however_often_a_gate_is_asked(interval_seconds: float) -> None:
    window = RequestWindow()
    for number in range(400):
        window = advance_window(window, report(number), START + number * interval_seconds)
        assert len(window.sightings) <= 7
    spanned = window.sightings[-1].at - window.sightings[0].at
    assert min(interval_seconds, 40.0) <= spanned <= max(WINDOW_SECONDS, interval_seconds)
    assert window.figures is not None
    assert window.figures.requests_per_second == pytest.approx(1 / interval_seconds)


COUNTS = st.integers(0, 10**18 - 1) | st.integers(0, 500)


@st.composite
def reports(draw: st.DrawFn) -> GateReport:
    """Draw what any gate may say, true or not."""
    failures, others = draw(COUNTS), draw(COUNTS)
    bounds = draw(st.sampled_from([(), BOUNDS, (5.0, inf), (inf,)]))
    in_buckets = [draw(COUNTS) for _ in bounds]
    return GateReport(
        draw(COUNTS), failures, failures + others, tuple(zip(bounds, accumulate(in_buckets), strict=True))
    )


@given(st.lists(st.tuples(st.floats(-10, 100), reports()), max_size=20))
def test_whatever_is_reported_no_figure_is_negative_or_not_a_number(polls: list[tuple[float, GateReport]]) -> None:
    window, now = RequestWindow(), START
    for passed, one in polls:
        now += passed
        window = advance_window(window, one, now)
        figures = window.figures
        if figures is None:
            continue
        numbers = [figures.requests_per_second, figures.failures_per_second, figures.error_percent]
        numbers += [compute_latency_p90((figures,)) or 0.0, *(count for _, count in figures.times)]
        assert all(isfinite(number) and number >= 0 for number in numbers)
        assert figures.failures_per_second <= figures.answers_per_second
        assert [count for _, count in figures.times] == sorted(count for _, count in figures.times)
        assert figures.error_percent <= 100
        assert (compute_latency_p90((figures,)) or 0.0) <= 10.0


MOMENTS = st.lists(st.tuples(st.floats(0.5, 30), st.floats(0, 1000), st.booleans()), min_size=1, max_size=40)


@given(MOMENTS)
def test_however_often_a_gate_restarts_its_rate_is_never_more_than_was_ever_asked(
    moments: list[tuple[float, float, bool]],
) -> None:
    window, now, counted, fastest = RequestWindow(), START, 0.0, 0.0
    for passed, rate, is_restarted in moments:
        now += passed
        counted = (0.0 if is_restarted else counted) + passed * rate
        fastest = max(fastest, rate)
        window = advance_window(window, report(int(counted), times=(int(counted),) * 3), now)
        if window.figures is not None:
            seconds = window.sightings[-1].at - window.sightings[0].at
            assert window.figures.requests_per_second <= fastest + 1 / seconds + 1e-6
