"""Durations counted by upper bound: plain numbers, written on hot paths, turned into a metric at a scrape. Pure."""

from bisect import bisect_left
from itertools import accumulate


class Histogram:
    """Counts of durations by upper bound, as Prometheus wants them."""

    __slots__ = ("_counts", "bounds", "sum_seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.sum_seconds = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one duration, in seconds."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_seconds += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return each upper bound with the number of durations at or under it; the last is +Inf and has all."""
        names = [*map(str, self.bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))
