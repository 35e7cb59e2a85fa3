"""Simulated time: the wall's, or a faster one. The only place where the simulator reads a clock."""

import time
from collections.abc import Callable


class SimClock:
    """Unix time in seconds that runs `speed` times as fast as the wall's and never jumps.

    Args:
        speed: simulated seconds a real second.
        start: the simulated moment at which it begins; now on the wall when None.
        monotonic: real seconds since whenever.
    """

    def __init__(
        self, speed: float = 1.0, start: float | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed!r}; it must be above 0")
        self.speed = speed
        self._monotonic = monotonic
        self._start = time.time() if start is None else start
        self._zero = monotonic()

    def __call__(self) -> float:
        """Return the simulated time, Unix seconds."""
        return self._start + (self._monotonic() - self._zero) * self.speed

    def real_seconds(self, simulated_seconds: float) -> float:
        """Convert a simulated duration into the real one it takes."""
        return simulated_seconds / self.speed
