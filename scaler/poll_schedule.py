"""When each node is due. Every node has a phase within the interval, and the phases of any number of nodes are even.

The phases follow the golden ratio: whatever is left after nodes come and go, and whichever part of them makes a fleet,
no second has many more polls than another. The poller asks, and waits.
"""

import math

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def compute_phase(index: int, period_seconds: float) -> float:
    """Place the index-th node within the period: seconds from 0 up to, not including, the period."""
    return (index * _GOLDEN) % 1.0 * period_seconds


def compute_next_due(phase: float, period_seconds: float, after: float) -> float:
    """Give the first moment later than `after` that lies at `phase` seconds within a period.

    Moments that have passed are skipped, never made up for: a process that was suspended goes on as if nothing had
    been.
    """
    due = math.floor((after - phase) / period_seconds + 1.0) * period_seconds + phase
    # Rounding may put the sum at `after` itself; a node is never due twice at one moment.
    return due if due - after > period_seconds * 1e-6 else due + period_seconds


def is_too_late(due: float, period_seconds: float, now: float) -> bool:
    """Tell whether a slot was missed by so much that it is skipped, so that no burst follows a pause."""
    return now - due > max(0.25, period_seconds / 10.0)
