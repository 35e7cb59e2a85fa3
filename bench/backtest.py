"""The backtest: how long 30 days and 20 settings take with a process a core, and how far the replay is from the truth.

The days are the simulator's own, so that what happened is known; the history is what a scraper has of them.
"""

import os
import resource
import time

from rich.console import Console

from bench.policy.model_history import record_days
from readpool.cli.backtest.advice import compute_fit
from readpool.cli.backtest.command import replay_all
from readpool.cli.backtest.grid import build_grid
from readpool.cli.backtest.history import Setting
from readpool.cli.backtest.reconstruction import reconstruct

OWN = Setting(5, 3, 20, 12)
DAYS, TARGETS, THRESHOLDS = 30, (4, 5, 6, 7, 8), (6, 9, 12, 24)
QUICK_DAYS, QUICK_TARGETS, QUICK_THRESHOLDS = 2, (5, 6), (12,)


def run(*, quick: bool) -> dict[str, float]:
    """Replay the days; the time is that of the command but for reading the history."""
    history = record_days(range(1, 1 + (QUICK_DAYS if quick else DAYS)), OWN)
    grid = build_grid(OWN, QUICK_TARGETS if quick else TARGETS, (), QUICK_THRESHOLDS if quick else THRESHOLDS)
    began, cpu_before = time.monotonic(), _read_cpu_seconds()
    past = reconstruct(history)
    outcomes = replay_all(Console(stderr=True), past, grid, os.cpu_count() or 1)
    fit = compute_fit(history, outcomes[0])
    return {
        "backtest_30d_20_s": time.monotonic() - began,
        "backtest_30d_20_cpu_s": _read_cpu_seconds() - cpu_before,
        "backtest_settings": float(len(grid)),
        "backtest_fit_hours_error_percent": 100 * fit.hours_error,
        "backtest_fit_below_error_points": 100 * abs(fit.replayed_below - fit.observed_below),
    }


def _read_cpu_seconds() -> float:
    """Read the processor time of this process and of its ended children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
