"""How a process finds out that it was stopped (SIGSTOP) for a while: time went by in which it used no CPU. Pure."""

LEAST_SECONDS = 3.0
"""Shorter stops make no difference to a node, and a loaded machine makes gaps of its own."""
MOST_CPU_SHARE = 0.1


class StopWatch:
    """Told the time often, it tells of the gaps."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def look(self, now: float, cpu_seconds: float) -> float:
        """Return for how many seconds the process was stopped since the last look; 0 when it was not."""
        last, self._last = self._last, (now, cpu_seconds)
        if last is None:
            return 0.0
        gap_seconds = now - last[0]
        has_worked = cpu_seconds - last[1] > MOST_CPU_SHARE * gap_seconds
        return gap_seconds if gap_seconds >= LEAST_SECONDS and not has_worked else 0.0
