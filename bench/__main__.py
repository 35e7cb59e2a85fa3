"""`python -m bench`: runs the benchmarks one after the other and joins what they measured into one flat JSON object.

What they measure, and why: docs/lab/performance.md.
"""

import importlib
import json
import math
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from devtools.machine.needs import UnmetNeedError

RESULTS = Path(__file__).parent / "results.json"
BENCHMARKS = {
    "polling": (
        *("polls_per_cpu_second", "polls_per_cpu_second_rpc", "polls_per_cpu_second_horizon"),
        "polls_ratio_to_httpx",
    ),
    "nodes_10000": ("nodes_10000_cores", "nodes_10000_rss_mb", "poll_burst_ratio", "cost_ratio_10000_to_100"),
    "get_metrics": ("get_metrics_p99_ms",),
    "pools": (
        *("pools_1000_cold_s", "pool_change_p99_ms", "controller_rss_mb", "pool_cost_ratio_1000_to_10"),
        "steady_writes_5min",
    ),
    "noisy": ("change_noisy_p99_ms",),
    "gate": ("gate_added_p99_ms",),
    "frozen": ("frozen_read_p99_ms",),
    "eds": ("eds_first_push_ms", "eds_rss_mb", "share_error_max_points", "shift_envoy_p99_ms"),
    "routes": (
        *("shift_httproute_p50_ms", "shift_httproute_p99_ms", "shift_kube_proxy_p50_ms", "shift_kube_proxy_p99_ms"),
        *("httproute_share_error_max_points", "stale_reads_weighted", "stale_reads_plain_service"),
    ),
    "clusters": ("failover_without_fresh_read_p50_s", "failover_without_fresh_read_max_s"),
    "backtest": ("backtest_30d_20_s", "backtest_fit_hours_error_percent", "backtest_fit_below_error_points"),
}
LOOP_LAGS = ("nodes_10000_loop_lag_p99_ms", "get_metrics_loop_lag_p99_ms")
"""The event loop's lag under each load; `loop_lag_p99_ms` is the larger one: the bound holds throughout."""


def measure(name: str, *, quick: bool) -> dict[str, float]:
    """Run one benchmark.

    Raises:
        ValueError: when it gives no finite number for one of its keys.
    """
    figures: dict[str, float] = importlib.import_module(f"bench.{name}").run(quick=quick)
    lacking = [key for key in BENCHMARKS[name] if not math.isfinite(figures.get(key, math.nan))]
    if lacking:
        raise ValueError(f"bench.{name} gave no number for {', '.join(lacking)}")
    return figures


def describe_machine() -> str:
    """Describe in one line what was measured on."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def merge_results(path: Path, figures: dict[str, float]) -> None:
    """Write figures into the object at `path`, beside what it already has, with the machine and the date."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    stamp = {"machine": describe_machine(), "date": datetime.now(UTC).date().isoformat()}
    joined = known | {key: float(f"{value:.4g}") for key, value in figures.items()}
    lags = [joined[key] for key in LOOP_LAGS if key in joined]
    worst = {"loop_lag_p99_ms": max(lags)} if lags else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(joined | worst | stamp, indent=2) + "\n", encoding="utf-8")


@click.command("bench")
@click.option("--quick", is_flag=True, help="Small sizes and seconds, to see that all runs; the figures mean little.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; with --quick never bench/results.json.")
@click.option("--only", type=click.Choice(list(BENCHMARKS)), multiple=True, help="Run these alone. Repeatable.")
def main(*, quick: bool, out: Path | None, only: tuple[str, ...]) -> None:
    """Measure polling, 10,000 nodes and GetMetrics into bench/results.json."""
    path = out or (Path("artifacts/bench-quick.json") if quick else RESULTS)
    if quick and path.resolve() == RESULTS.resolve():
        raise click.UsageError("--quick figures do not belong in bench/results.json: name another --out")
    for name in only or BENCHMARKS:
        click.echo(f"{name}: measuring")
        began = time.monotonic()
        try:
            figures = measure(name, quick=quick)
        except UnmetNeedError as error:
            if not quick:
                raise
            click.echo(f"{name}: not measured. {error}")
            continue
        merge_results(path, figures)
        click.echo(f"{name}: {time.monotonic() - began:.0f} s")
        for key, value in figures.items():
            click.echo(f"  {key:<28} {value:.4g}")
    click.echo(f"written to {path}")


if __name__ == "__main__":
    sys.exit(main())
