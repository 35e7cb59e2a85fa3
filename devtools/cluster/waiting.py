"""Waits for a condition with a deadline, and says what was last seen when it did not come."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], seconds: float, every: float = 0.5) -> T:
    """Ask `probe` until it gives something true, and return that.

    The probe raises only what should end the wait at once; what may pass by itself it turns into a value that is false.

    Raises:
        TimeoutError: after `seconds`; it says what was awaited, for how long, and the last value seen.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"waited {seconds:g} s for {what}; last seen: {value!r}")
        time.sleep(min(every, left))
