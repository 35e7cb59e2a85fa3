"""The page that stands in for Grafana: values as it writes them, rows joined, gaps left open, labels never HTML."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf, isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.monitoring.__main__ import CHART
from devtools.monitoring.preview.charts import choose_range, split_gaps, stack
from devtools.monitoring.preview.page import build_page, choose_colour, join_rows
from devtools.monitoring.preview.questions import Questioner, Series, Span
from devtools.monitoring.preview.values import choose_ticks, show_value

BOARDS = {file.stem: json.loads(file.read_text()) for file in (CHART / "dashboards").glob("*.json")}


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1.0, "short", "1"),
        (0.5, "short", "0.50"),
        (1234.0, "short", "1.23 K"),
        (0.0, "s", "0 s"),
        (0.0031, "s", "3.10 ms"),
        (0.000_02, "s", "20 µs"),
        (90.0, "s", "1.50 mins"),
        (7 * 86400.0, "s", "1 weeks"),
        (0.051, "percentunit", "5.10%"),
        (12.5, "reqps", "12.5 req/s"),
        (2500.0, "ops", "2.50 K ops/s"),
        (3 * 2.0**20, "bytes", "3 MiB"),
        (61_234_567.0, "none", "61234567"),
        (inf, "short", "no value"),
    ],
)
def test_values_are_written_as_grafana_writes_them(value: float, unit: str, shown: str) -> None:
    assert show_value(value, unit) == shown


units = st.sampled_from(["short", "s", "percentunit", "reqps", "ops", "bytes", "none"])


@given(st.floats(-1e15, 1e15), units)
def test_every_value_can_be_written(value: float, unit: str) -> None:
    assert 0 < len(show_value(value, unit)) < 30


@given(st.lists(st.floats(-1e9, 1e9), max_size=9), st.none() | st.just(0.0))
def test_an_axis_has_room_for_every_value_and_a_few_lines(values: list[float], least: float | None) -> None:
    low, high = choose_range(values, least)
    assert isfinite(low)
    assert low < high
    assert all(low <= value <= high for value in values if least is None or value >= least)
    assert len(choose_ticks(low, high)) <= 7


def test_a_line_is_not_drawn_where_points_are_missing() -> None:
    assert split_gaps([(0, 1), (1, 1), (5, 1), (6, 1)], 1.0) == [[(0, 1), (1, 1)], [(5, 1), (6, 1)]]
    assert split_gaps([], 1.0) == []


def test_series_that_add_up_stand_on_each_other() -> None:
    one, two = Series("a", {}, [(0, 1.0), (1, 2.0)]), Series("b", {}, [(1, 3.0)])
    assert stack([one, two]) == [[(0, 1.0), (1, 2.0)], [(0, 1.0), (1, 5.0)]]


def test_rows_are_joined_by_the_labels_that_all_queries_have() -> None:
    classes = [Series("", {"replica": "r-0", "class": "fresh"}, [(0, 1.0)])]
    lags = [Series("", {"replica": name}, [(0, lag)]) for name, lag in (("r-0", 3.0), ("r-1", 9.0))]
    assert join_rows([classes, lags]) == [
        {"replica": "r-0", "class": "fresh", "Value #A": "1", "Value #B": "3"},
        {"replica": "r-1", "Value #B": "9"},
    ]


@pytest.mark.parametrize(("value", "colour"), [(0.0, "#73bf69"), (0.05, "#f2495c"), (1.0, "#f2495c")])
def test_a_number_has_the_colour_of_the_highest_threshold_that_it_reached(value: float, colour: str) -> None:
    steps = [{"value": None, "color": "green"}, {"value": 0.05, "color": "red"}]
    assert choose_colour({"steps": steps}, value) == colour


class FakePrometheus(BaseHTTPRequestHandler):
    """Answers every query with two series, whose labels are not to be trusted."""

    def do_GET(self) -> None:
        labels = {"fleet": "a/<b>", "replica": "<script>r</script>", "class": "fresh", "pod": "p"}
        value = [0.0, "1"]
        series = [{"metric": labels, "value": value, "values": [value, [1.0, "2"]]}]
        body = json.dumps({"status": "success", "data": {"result": series}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


@contextmanager
def run_fake_prometheus() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakePrometheus) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_every_panel_of_every_dashboard_is_drawn_and_labels_are_text(name: str) -> None:
    with run_fake_prometheus() as url:
        page = build_page(BOARDS[name], Questioner(url, Span(0.0, 10.0), 15.0, {}))
    assert page.count('class="panel"') == sum(panel["type"] != "row" for panel in BOARDS[name]["panels"])
    assert "<script>" not in page
    assert "a/<b>" not in page
    assert "No data" not in page


def test_choices_and_the_interval_of_rates_are_filled_in() -> None:
    asking = Questioner("", Span(0.0, 2400.0), 15.0, {"fleet": "stellar/readers"})
    assert asking.fill('rate(x{fleet="$fleet"}[$__rate_interval])') == 'rate(x{fleet="stellar/readers"}[60s])'
