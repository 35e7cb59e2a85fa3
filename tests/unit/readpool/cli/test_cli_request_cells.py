"""What readers met with, in a terminal: read with care from whatever a scaler sends, and never made to look better."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.terminal.fleet_document import describe_replica
from readpool.cli.terminal.request_cells import (
    Requests,
    describe_requests,
    read_requests,
    show_milliseconds,
    show_percent,
    show_rate,
)
from readpool.cli.terminal.sizes import CELL_SECONDS, CELLS, Size, build_sizes, record_size
from readpool.v1 import observer_pb2 as pb


def build_told(rate: float, p90: float | None = None, errors: float = 0.0) -> pb.Replica:
    figures = pb.RequestFigures(requests_per_second=rate, latency_p90_ms=p90, error_percent=errors)
    return pb.Replica(name="core-0", requests=figures)


@pytest.mark.parametrize(
    ("replica", "requests"),
    [
        pytest.param(pb.Replica(), Requests(), id="no gate"),
        pytest.param(build_told(0.0), Requests(0.0, None, 0.0), id="no readers"),
        pytest.param(build_told(12.5, 3.0, 1.5), Requests(12.5, 3.0, 1.5), id="readers"),
        pytest.param(build_told(math.inf, math.nan, 101.0), Requests(), id="numbers that cannot be"),
        pytest.param(build_told(-1.0, -0.5, -1.0), Requests(), id="less than nothing"),
        pytest.param(build_told(1e300, 1e300, 100.0), Requests(None, None, 100.0), id="more than there can be"),
    ],
)
def test_numbers_that_cannot_be_are_not_known(replica: pb.Replica, requests: Requests) -> None:
    assert read_requests(replica) == requests


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(numbers, st.none() | numbers, numbers)
def test_whatever_a_scaler_sends_is_shown_in_a_few_characters(rate: float, p90: float | None, errors: float) -> None:
    told = build_told(rate, p90, errors)
    requests = read_requests(told)
    shown = (show_rate(requests.per_second), show_milliseconds(requests.p90_ms), show_percent(requests.error_percent))
    assert all(0 < len(one) <= 20 for one in shown)
    assert len(describe_requests(requests)) < 80
    described = describe_replica(told)["requests"]
    assert all(value is None or math.isfinite(value) for value in described.values())


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(0.0, "0 %"), (1e-9, "0.01 %"), (0.04, "0.04 %"), (12.34, "12.3 %"), (100.0, "100 %"), (None, "-")],
)
def test_few_errors_are_never_shown_as_none(percent: float | None, shown: str) -> None:
    assert show_percent(percent) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0.64, "0.6 ms"), (48.0, "48.0 ms"), (480.0, "480 ms"), (2500.0, "2.5 s"), (None, "-")]
)
def test_times_are_shown_in_the_unit_that_fits(milliseconds: float | None, shown: str) -> None:
    assert show_milliseconds(milliseconds) == shown


def test_a_gate_that_reports_nothing_is_null_in_the_document() -> None:
    assert describe_replica(pb.Replica(name="core-0"))["requests"] is None
    assert describe_replica(build_told(2.0))["requests"] == {
        "perSecond": 2.0,
        "latencyP90Milliseconds": None,
        "errorPercent": 0.0,
    }


def test_a_size_is_drawn_once_it_has_changed() -> None:
    sizes: tuple[Size, ...] = ()
    for at, desired in ((0.0, 3), (60.0, 3), (90.0, None), (150.0, 6)):
        sizes = record_size(sizes, at, desired)
        assert bool(build_sizes(sizes, at, ascii_only=True)) is (at >= 90)
    assert build_sizes(sizes, 180.0, ascii_only=True).plain == "3333?66 3 to 6 in 4 min"
    assert build_sizes(sizes, 180.0, ascii_only=False).plain == "▁▁▁▁?██ 3 to 6 in 4 min"


@given(
    st.lists(st.tuples(st.floats(0.0, 200.0), st.none() | st.integers(0, 2**32 - 1)), max_size=60),
    st.booleans(),
)
def test_the_record_and_its_cells_are_bounded(steps: list[tuple[float, int | None]], ascii_only: bool) -> None:
    sizes: tuple[Size, ...] = ()
    now = 1e9
    for seconds, desired in steps:
        now += seconds
        sizes = record_size(sizes, now, desired)
        assert all(later[0] > now - CELLS * CELL_SECONDS for later in sizes[1:])
        assert len(build_sizes(sizes, now, ascii_only=ascii_only).plain) <= CELLS + 40


def test_another_scaler_whose_clock_is_behind_begins_a_new_record() -> None:
    assert record_size(((1000.0, 3),), 900.0, 4) == ((900.0, 4),)
