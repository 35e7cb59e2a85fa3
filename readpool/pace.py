"""How long does a caller that exceeds its rate have to wait? So many at once, then so many per second. Pure.

No one is refused for asking often: who waits for each answer asks no faster than it is answered. After the generic
cell rate algorithm of ATM (ITU-T I.371), which keeps one number a caller.
"""

from collections import OrderedDict

MOST_CALLERS = 4096
"""Callers that are remembered; who was forgotten has a burst again."""


class Pace:
    """The pace of each caller.

    Args:
        burst: that are not held up.
        per_second: on average.
    """

    def __init__(self, burst: int, per_second: float) -> None:
        self._slack_seconds = burst / per_second
        self._spacing_seconds = 1.0 / per_second
        self._due: OrderedDict[str, float] = OrderedDict()
        """When each caller's next one would be due, if they came evenly."""

    def take(self, caller: str, now: float) -> float:
        """Count one more of a caller at `now`, in seconds; return in how many seconds its turn comes; 0 is at once."""
        return max(0.0, self.charge(caller, 1, now) - self._slack_seconds - now)

    def charge(self, caller: str, count: int, now: float) -> float:
        """Delay a caller's next ones as after `count` more; return when it will have caught up."""
        due = max(now, self._due.get(caller, now)) + count * self._spacing_seconds
        self._due[caller] = due
        self._due.move_to_end(caller)
        if len(self._due) > MOST_CALLERS:
            self._due.popitem(last=False)
        return due


class Paces:
    """Several paces that all hold, such as one of a second and one of a minute."""

    def __init__(self, *paces: Pace) -> None:
        self._paces = paces

    def take(self, caller: str, now: float) -> float:
        """Count one more of a caller, as Pace does."""
        return max(pace.take(caller, now) for pace in self._paces)

    def charge(self, caller: str, count: int, now: float) -> float:
        """Delay a caller's next ones, as Pace does."""
        return max(pace.charge(caller, count, now) for pace in self._paces)
