"""Is one more line of the log due? So many at once for each key, then so many a second; the rest are counted. Pure."""

from collections import OrderedDict
from collections.abc import Hashable

MOST_KEYS = 4096
_OVERALL = "overall"


class LineBudget:
    """Lines by key, such as an event and a namespace, and all of them together.

    Args:
        burst: lines of one key at once.
        per_second: lines of one key, on average.
        overall: how many times that for all keys together, of which there may be any number.
    """

    def __init__(self, burst: int, per_second: float, overall: int = 4) -> None:
        self._burst = burst
        self._per_second = per_second
        self._overall = overall
        self._left: OrderedDict[Hashable, tuple[float, float, int]] = OrderedDict()
        """By key: lines that are left, by when, and how many have been withheld since the last one."""

    def take(self, key: Hashable, now: float) -> int | None:
        """Count a line at `now`, in seconds; return how many were suppressed before it, None if it is itself."""
        whole, at, withheld_overall = self._refill((_OVERALL,), now, self._overall)
        left, _, withheld = self._refill((key,), now, 1)
        is_due = whole >= 1 and left >= 1
        self._keep((_OVERALL,), (whole - is_due, at, 0 if is_due else withheld_overall + 1))
        self._keep((key,), (left - is_due, at, 0 if is_due else withheld + 1))
        return withheld if is_due else None

    def _refill(self, key: Hashable, now: float, times: int) -> tuple[float, float, int]:
        most = float(self._burst * times)
        left, before, withheld = self._left.get(key, (most, now, 0))
        return min(most, left + max(0.0, now - before) * self._per_second * times), now, withheld

    def _keep(self, key: Hashable, state: tuple[float, float, int]) -> None:
        self._left[key] = state
        self._left.move_to_end(key)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
