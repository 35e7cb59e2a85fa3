"""Figures of many replicas together: of sums and merged times, whatever their order."""

from math import inf, isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.fleet.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate

FINITE = (1.0, 10.0, 100.0)


def timed(*counts: float, bounds: tuple[float, ...] = (*FINITE, inf)) -> RequestFigures:
    """Return figures with so many answers/s up to each bound."""
    return RequestFigures(counts[-1], counts[-1], 0.0, tuple(zip(bounds, counts, strict=True)))


LATENCIES: dict[str, tuple[tuple[RequestFigures, ...], float | None]] = {
    "nobody": ((), None),
    "no times are known": ((RequestFigures(5.0, 5.0),), None),
    "nobody asks": ((timed(0, 0, 0, 0),), None),
    "all within the first bucket": ((timed(10, 10, 10, 10),), 0.9),
    "at a bound": ((timed(0, 9, 10, 10),), 10.0),
    "evenly within a bucket": ((timed(0, 0, 10, 10),), 91.0),
    "above the last bound nothing is known but that bound": ((timed(0, 0, 5, 10),), 100.0),
    "one bound alone says nothing": ((timed(10, bounds=(inf,)),), None),
    "one slow replica of ten is one in ten": ((*[timed(0, 9, 9, 9)] * 9, timed(0, 0, 9, 9)), 10.0),
    "a slow replica that few ask weighs little": ((timed(0, 990, 990, 990), timed(0, 0, 0, 10)), 9.181818181818182),
    "one that nobody asks weighs nothing": ((timed(0, 10, 10, 10), timed(0, 0, 0, 0)), 9.1),
    "other bounds meet at those that are shared": (
        (timed(0, 10, 10, 10), timed(0, 10, 10, bounds=(5.0, 10.0, inf))),
        9.0,
    ),
}


@pytest.mark.parametrize(("figures", "expected"), LATENCIES.values(), ids=LATENCIES.keys())
def test_nine_in_ten_take_no_longer_than(figures: tuple[RequestFigures, ...], expected: float | None) -> None:
    assert compute_latency_p90(figures) == (None if expected is None else pytest.approx(expected))


def test_errors_are_a_share_of_all_answers_not_a_mean_of_shares() -> None:
    busy, idle = RequestFigures(98.0, 98.0, 0.0), RequestFigures(2.0, 2.0, 2.0)
    assert (busy.error_percent, idle.error_percent) == (0.0, 100.0)
    assert compute_error_percent((busy, idle)) == 2.0
    assert compute_rate((busy, idle)) == 100.0


def test_where_nobody_asks_nobody_is_failed() -> None:
    assert compute_error_percent(()) == 0.0
    assert compute_error_percent((RequestFigures(0.0),)) == 0.0


NUMBERS = st.floats(0, 1e15)


@st.composite
def drawn_figures(draw: st.DrawFn) -> RequestFigures:
    """Draw what a window can say."""
    answers = draw(NUMBERS)
    bounds = draw(st.sampled_from([(), (*FINITE, inf), (1.0, 5.0, 100.0, inf), (inf,)]))
    counts = sorted(draw(st.lists(NUMBERS, min_size=len(bounds), max_size=len(bounds))))
    times = tuple(zip(bounds, counts, strict=True))
    return RequestFigures(draw(NUMBERS), answers, draw(st.floats(0, 1)) * answers, times)


@given(st.lists(drawn_figures(), max_size=12))
def test_whatever_they_are_their_sums_are_numbers_that_keda_takes(figures: list[RequestFigures]) -> None:
    rate, errors, latency = compute_rate(figures), compute_error_percent(figures), compute_latency_p90(figures)
    assert isfinite(rate)
    assert rate >= 0
    assert 0 <= errors <= 100
    assert latency is None or 0 <= latency <= max(FINITE)


@given(st.lists(drawn_figures(), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_replicas_never_matters(figures: list[RequestFigures], chance: Any) -> None:
    shuffled = chance.sample(figures, len(figures))
    for compute in (compute_rate, compute_error_percent, compute_latency_p90):
        assert compute(shuffled) == compute(figures)
