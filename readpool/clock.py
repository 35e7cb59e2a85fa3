"""Unix time that never jumps: what every fold and every lease calls `now`.

The wall clock is read once; from there on the monotonic clock counts, so that an operator, NTP or a leap second never
makes a replica old in one step.
"""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Gives Unix time in seconds; a later call never gives less."""


def steady_clock() -> Clock:
    """Build a clock that starts at the wall clock's time and advances with the monotonic clock."""
    offset = time.time() - time.monotonic()

    def read() -> float:
        return offset + time.monotonic()

    return read
