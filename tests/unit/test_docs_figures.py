"""The figures in README and docs/starts.md are those of bench/results.json, rounded as they are shown there."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.__main__ import RESULTS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TABLE = re.search(r"<!-- figures: begin.*?-->\n(.*?)<!-- figures: end", README.read_text(encoding="utf-8"), re.DOTALL)
ROWS = [line.split("|")[1:4] for line in (TABLE[1] if TABLE else "").splitlines() if line.startswith("| ")][1:]
FIGURES: dict[str, tuple[str, Callable[[dict[str, float]], str]]] = {
    "polls per CPU-second": ("whole", lambda r: f"{r['polls_per_cpu_second']:,.0f}"),
    "… as a multiple of plain httpx": ("whole", lambda r: f"{r['polls_ratio_to_httpx']:.0f}"),
    "10,000 nodes every 5 s": (
        "whole",
        lambda r: f"{r['nodes_10000_cores']:.2f} cores, {r['nodes_10000_rss_mb']:.0f} MB",
    ),
    "fullest second of polls": ("whole", lambda r: f"{r['poll_burst_ratio']:.2f}"),
    "event loop lag": ("part", lambda r: f"{r['loop_lag_p99_ms']:.1f} ms"),
    "GetMetrics while": ("whole", lambda r: f"{r['get_metrics_p99_ms']:.1f} ms"),
    "1,000 pools of five": (
        "whole",
        lambda r: f"{r['pools_1000_cold_s']:.0f} s; {r['pool_change_p99_ms']:.0f} ms; {r['controller_rss_mb']:.0f} MB",
    ),
    "weights that change": ("whole", lambda r: f"{r['shift_envoy_p99_ms']:.1f} ms"),
    "from the scaler's decision": ("part", lambda r: f"{r['shift_httproute_p99_ms']:.0f}; {r['shift_eds_p99_ms']:.0f}"),
    "what the gate adds": (
        "whole",
        lambda r: f"{r['gate_added_p99_ms']:.2f} ms; {r['gate_added_once_p99_ms']:.2f} ms with a connection each",
    ),
}
"""How each row's first words are followed by figures: `whole` is all of the cell, `part` is in it."""
ELSEWHERE = ("a hundred model days",)
"""Rows of figures that `make policy-bench` prints, which docs/lab/policy.md has."""


@pytest.mark.parametrize("begins", FIGURES)
def test_a_row_has_what_was_measured(begins: str) -> None:
    extent, show = FIGURES[begins]
    cells = [measured.strip() for name, measured, _ in ROWS if name.strip().startswith(begins)]
    shown = show(json.loads(RESULTS.read_text(encoding="utf-8")))
    assert len(cells) == 1, f"README has {len(cells)} rows that begin with {begins!r}"
    assert cells[0] == shown if extent == "whole" else shown in cells[0]


def test_no_row_of_figures_is_left_out() -> None:
    names = [name.strip() for name, *_ in ROWS]
    assert [name for name in names if not name.startswith((*FIGURES, *ELSEWHERE))] == []


STARTS = {
    "from a snapshot, 30 ": "warm_start",
    "with new volumes, ": "cluster_cold_start",
    "Core's defaults": "cluster_today_start",
}
"""How each row of docs/starts.md of what was measured from asked for to fresh begins, and the name of its figures."""


@pytest.mark.parametrize("begins", STARTS)
def test_a_row_of_starts_has_what_was_measured(begins: str) -> None:
    lines = (ROOT / "docs" / "starts.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {begins}")]
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))
    shown = [f"{measured[f'{STARTS[begins]}_{which}_s']:.0f}" for which in ("p50", "p90")]
    assert [cell.strip() for cell in row.split("|")[2:4]] == shown


def test_starts_are_as_soon_as_is_promised() -> None:
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert measured["warm_start_p90_s"] <= 120 < measured["cluster_today_start_p90_s"]
    assert measured["restart_fresh_p90_s"] <= 20 < measured["restart_fresh_today_p90_s"]
