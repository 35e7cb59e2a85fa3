"""Which answers were stale: at a ledger far behind what somebody had been told already when they were asked for."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from tests.e2e.cluster.steady_readers import Request


@dataclass(frozen=True, slots=True)
class NewestTold:
    """The newest ledger that any answer had told, at any moment."""

    ended: tuple[float, ...]
    newest: tuple[int, ...]

    def before(self, at: float) -> int:
        """Return what was the newest before a moment of time.monotonic(); 0 before the first answer."""
        count = bisect_left(self.ended, at)
        return self.newest[count - 1] if count else 0


def collect_newest(requests: Iterable[Request]) -> NewestTold:
    """Collect what all answers told, whoever had asked."""
    ordered = sorted((one for one in requests if one.ledger), key=lambda one: one.ended_at)
    ended = tuple(one.ended_at for one in ordered)
    return NewestTold(ended, tuple(accumulate((one.ledger for one in ordered), max)))


@dataclass(frozen=True, slots=True)
class Staleness:
    """How many answers there were within some time, how many of them stale, and by how many ledgers at most."""

    answers: int
    stale: int
    most_ledgers: int

    def __str__(self) -> str:
        """Describe it in a few words."""
        return f"{self.stale} of {self.answers} stale, by up to {self.most_ledgers} ledgers"


def count_stale(
    requests: Iterable[Request], newest: NewestTold, threshold_ledgers: int, since: float, until: float
) -> Staleness:
    """Count the answers asked for within a time that were so many ledgers behind, or more."""
    asked = (one for one in requests if one.ledger and since <= one.sent_at < until)
    lags = [max(0, newest.before(one.sent_at) - one.ledger) for one in asked]
    return Staleness(len(lags), sum(lag >= threshold_ledgers for lag in lags), max(lags, default=0))
