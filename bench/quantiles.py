"""Percentiles of what was measured, taken one way by all benchmarks."""

import statistics
from collections.abc import Iterable


def take_percentile(values: Iterable[float], percent: int) -> float:
    """Compute a percentile from 1 to 99, linear between the two values next to it; they need no order."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
