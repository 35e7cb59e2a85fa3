"""What is known of a pool's past: evenly spaced samples of its readers' requests, its size and its replicas' lag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_SAMPLES = 120
MAX_INTERVAL_SECONDS = 300.0
"""Coarser samples miss whole faults: most last less than an hour."""


class HistoryError(ValueError):
    """The history cannot be used; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a pool that a backtest varies: numbers of replicas, and ledgers behind the tip."""

    target: int
    minimum: int
    maximum: int
    lag_threshold: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment.

    Attributes:
        at: Unix seconds.
        requests: readers' requests/s of the whole pool; None while not known.
        replicas: how many there were; None while not known.
        lags: ledgers behind the tip, by replica; one that is missing here did not answer.
        is_halted: the network closed no ledgers.
    """

    at: float
    requests: float | None
    replicas: int | None
    lags: Mapping[str, int]
    is_halted: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """Samples `interval_seconds` apart, oldest first, and the setting that the pool had."""

    samples: Sequence[Sample]
    interval_seconds: float
    setting: Setting

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) * self.interval_seconds


def build_history(samples: Sequence[Sample], setting: Setting) -> History:
    """Check samples and put them on an even grid; a moment without a sample is one of which nothing is known.

    Raises:
        HistoryError: they are too few, too coarse, or not in order.
    """
    if len(samples) < MIN_SAMPLES:
        raise HistoryError(f"{len(samples)} samples; at least {MIN_SAMPLES} are needed")
    gaps = [after.at - before.at for before, after in pairwise(samples)]
    if min(gaps) <= 0:
        raise HistoryError("the samples are not in order of time, or two have the same time")
    interval = sorted(gaps)[len(gaps) // 2]
    if interval > MAX_INTERVAL_SECONDS:
        raise HistoryError(f"samples are {interval:g} s apart; at most {MAX_INTERVAL_SECONDS:g} s is of use")
    start = samples[0].at
    slots: list[Sample | None] = [None] * (round((samples[-1].at - start) / interval) + 1)
    for sample in samples:
        slots[round((sample.at - start) / interval)] = sample
    even = [one or Sample(start + slot * interval, None, None, {}) for slot, one in enumerate(slots)]
    if not any(one.requests is not None for one in even):
        raise HistoryError("no sample has a request rate: without it a replay says nothing about load")
    if not any(one.replicas for one in even):
        raise HistoryError("no sample has a number of replicas")
    return History(even, interval, setting)
