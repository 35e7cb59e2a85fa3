import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import BENCHMARKS, RESULTS, main, merge_results
from devtools.machine.needs import UnmetNeedError

PROMISED = {
    "polls_per_cpu_second",
    "polls_per_cpu_second_rpc",
    "polls_per_cpu_second_horizon",
    "polls_ratio_to_httpx",
    "nodes_10000_cores",
    "nodes_10000_rss_mb",
    "poll_burst_ratio",
    "get_metrics_p99_ms",
    "loop_lag_p99_ms",
    "pools_1000_cold_s",
    "pool_change_p99_ms",
    "controller_rss_mb",
    "pool_cost_ratio_1000_to_10",
    "steady_writes_5min",
    "cost_ratio_10000_to_100",
    "change_noisy_p99_ms",
    "gate_added_p99_ms",
    "frozen_read_p99_ms",
    "failover_without_fresh_read_p50_s",
    "failover_without_fresh_read_max_s",
    "eds_first_push_ms",
    "eds_rss_mb",
    "share_error_max_points",
    "shift_envoy_p99_ms",
    "shift_httproute_p50_ms",
    "shift_httproute_p99_ms",
    "shift_kube_proxy_p50_ms",
    "shift_kube_proxy_p99_ms",
    "httproute_share_error_max_points",
    "stale_reads_weighted",
    "stale_reads_plain_service",
    "backtest_30d_20_s",
    "backtest_fit_hours_error_percent",
    "backtest_fit_below_error_points",
}


def test_every_promised_figure_comes_from_one_benchmark() -> None:
    keys = [key for keys in BENCHMARKS.values() for key in keys]
    assert sorted(keys) == sorted(PROMISED - {"loop_lag_p99_ms"}), "the lag is the largest of several"


def test_results_are_one_flat_object_that_keeps_what_another_run_measured(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    merge_results(path, {"polls_per_cpu_second": 2345.678, "nodes_10000_cores": 0.5})
    merge_results(path, {"nodes_10000_cores": 0.25})
    results = json.loads(path.read_text(encoding="utf-8"))
    assert set(results) == {"polls_per_cpu_second", "nodes_10000_cores", "machine", "date"}
    assert results["polls_per_cpu_second"] == 2346
    assert results["nodes_10000_cores"] == 0.25


def test_the_lag_throughout_is_the_largest_under_any_load(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for figures, largest in (
        ({"get_metrics_loop_lag_p99_ms": 4.0}, 4.0),
        ({"nodes_10000_loop_lag_p99_ms": 5.0}, 5.0),
        ({"get_metrics_loop_lag_p99_ms": 6.0}, 6.0),
        ({"polls_per_cpu_second": 3000.0}, 6.0),
    ):
        merge_results(path, figures)
        assert json.loads(path.read_text(encoding="utf-8"))["loop_lag_p99_ms"] == largest


@pytest.mark.parametrize("out", [str(RESULTS), f"{RESULTS.parent}/../bench/results.json"])
def test_quick_figures_never_end_up_among_the_measured_ones(out: str) -> None:
    outcome = CliRunner().invoke(main, ["--quick", "--out", out])
    assert outcome.exit_code == 2
    assert "--quick figures do not belong" in outcome.output


@pytest.mark.parametrize("is_quick", [True, False])
def test_what_cannot_run_here_is_said_in_a_quick_run_and_ends_a_real_one(tmp_path: Path, *, is_quick: bool) -> None:
    flags = ["--only", "routes", "--out", str(tmp_path / "results.json"), *(["--quick"] if is_quick else [])]
    outcome = CliRunner().invoke(main, flags, env={"ENVOY": str(tmp_path / "none")})
    assert ("routes: not measured. " in outcome.output) is is_quick
    assert isinstance(outcome.exception, UnmetNeedError) is not is_quick
    assert not (tmp_path / "results.json").exists()
