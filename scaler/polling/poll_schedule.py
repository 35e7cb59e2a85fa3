"""When each node is due. Every node has a phase within the interval, and the phases of any number of nodes are even.

The phases follow the golden ratio: whatever is left after nodes come and go, and whichever part of them makes a fleet,
no second has many more polls than another. The poller asks, and waits.
"""

import math

from scaler.probes.answer import MAX_RETRY_SECONDS

_LEAST_STARTS_A_SECOND = 250.0
"""Few nodes do not wait: their first polls come one after the other within moments."""
_STARTS_RATIO = 1.2
_STARTS_KEPT_SECONDS = 0.08

OUT_OF_STEP = 0.99
"""Share of the interval that polls really take. Where ledgers close twice in an interval, to the millisecond, a node
would tell of every other ledger for ever, and never of the end of a checkpoint: so polls move through the ledgers.
"""
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def compute_phase(index: int, period_seconds: float) -> float:
    """Place the index-th node within the period: seconds from 0 up to, not including, the period."""
    return (index * _GOLDEN) % 1.0 * period_seconds


def compute_next_due(phase: float, period_seconds: float, after: float) -> float:
    """Return the first moment later than `after` that lies at `phase` seconds within a period.

    Moments that have passed are skipped, never made up for: a process that was suspended goes on as if nothing had
    been.
    """
    due = math.floor((after - phase) / period_seconds + 1.0) * period_seconds + phase
    # Rounding may put the sum at `after` itself; a node is never due twice at one moment.
    return due if due - after > period_seconds * 1e-6 else due + period_seconds


class StartBudget:
    """How many polls may start: what is due is spread over time where a busy moment has held it up.

    A bucket that fills a fifth faster than polls fall due and holds little: no second has over 1.3 times the mean,
    even when the process did not run for a moment.
    """

    __slots__ = ("_starts", "_updated_at")

    def __init__(self, now: float) -> None:
        self._starts = 0.0
        self._updated_at = now

    def refill(self, nodes: int, period_seconds: float, now: float) -> None:
        """Fill up for the time since the last refill."""
        rate = max(_LEAST_STARTS_A_SECOND, nodes / period_seconds * _STARTS_RATIO)
        filled = self._starts + rate * (now - self._updated_at)
        self._starts = min(filled, max(1.0, rate * _STARTS_KEPT_SECONDS))
        self._updated_at = now

    def take(self) -> bool:
        """Use up one start, if there is one."""
        if self._starts < 1.0:
            return False
        self._starts -= 1.0
        return True


def compute_rest_seconds(retry_after_seconds: float | None, refusals: int, period_seconds: float) -> float:
    """Compute for how long a node is left alone that has refused `refusals` polls in a row as too many.

    As long as it asks for, and each time twice as long as the time before, up to ten minutes.
    """
    doubled = period_seconds * 2.0 ** min(refusals - 1, 16)
    return min(max(doubled, retry_after_seconds or 0.0), MAX_RETRY_SECONDS)


def is_too_late(due: float, period_seconds: float, now: float) -> bool:
    """Return whether a slot was missed by so much that it is skipped, so that no burst follows a pause."""
    return now - due > max(0.25, period_seconds / 10.0)
