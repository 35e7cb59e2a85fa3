"""How many requests/s a replica can serve, read from a pool's past: where two fell behind together under load."""

from collections.abc import Sequence
from dataclasses import dataclass

from readpool.cli.backtest.history import History, Sample

_TOGETHER_SECONDS = 300.0
_PROVEN_QUANTILE = 0.999
_UNDER_LOAD_SHARE = 0.6
"""Of the most that was ever served in step: replicas that fall behind at less do so for another reason."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Requests/s that a replica can serve; `is_measured`: some fell behind at more, else it can serve at least that."""

    requests: float
    is_measured: bool


def estimate_capacity(history: History) -> Capacity:
    """Estimate it: the lower quartile of where two or more fell behind together, else the most served in step."""
    threshold = history.setting.lag_threshold
    served = sorted(rate for sample in history.samples if (rate := _compute_served(sample, threshold)) is not None)
    if not served:
        return Capacity(0.0, is_measured=False)
    proven = served[min(len(served) - 1, int(_PROVEN_QUANTILE * len(served)))]
    onsets = [rate for rate in _find_onsets(history.samples, threshold) if rate >= _UNDER_LOAD_SHARE * proven]
    if not onsets:
        return Capacity(proven, is_measured=False)
    onsets.sort()
    return Capacity(max(onsets[(len(onsets) - 1) // 4], proven), is_measured=True)


def _compute_served(sample: Sample, threshold: int) -> float | None:
    """Compute requests/s a serving replica; None unless all that are there keep pace."""
    if sample.requests is None or not sample.lags or len(sample.lags) != sample.replicas:
        return None
    return None if any(lag >= threshold / 2 for lag in sample.lags.values()) else sample.requests / len(sample.lags)


def _find_onsets(samples: Sequence[Sample], threshold: int) -> list[float]:
    """Find the rates, by those that served just before, at which replicas fell behind within minutes of another."""
    alone: tuple[str, float, float] | None = None
    behind: set[str] = set()
    onsets: list[float] = []
    serving = 0
    for sample in samples:
        served, serving = serving, sum(lag < threshold for lag in sample.lags.values())
        for name, lag in sample.lags.items():
            if lag < threshold:
                behind.discard(name)
                continue
            if name in behind:
                continue
            behind.add(name)
            if sample.requests is None or not served:
                continue
            rate = sample.requests / served
            if alone is not None and alone[0] != name and sample.at - alone[1] <= _TOGETHER_SECONDS:
                onsets += [alone[2], rate]
            alone = (name, sample.at, rate)
    return onsets
