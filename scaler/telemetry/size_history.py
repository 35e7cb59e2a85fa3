"""How large was a fleet, how large was it to be, and why? A bounded record of changes for the page, decides nothing."""

from collections import deque
from dataclasses import dataclass

ROWS = 240
"""Changes that are kept. A fleet at rest has none, and one that flaps at each poll has 20 minutes."""
SPAN_SECONDS = 16 * 60.0


@dataclass(frozen=True, slots=True)
class Size:
    """A fleet's size from one change to the next.

    Attributes:
        at: Unix time in seconds.
        desired: None while there is no data to decide on.
        known: replicas that there are.
    """

    at: float
    desired: int | None
    known: int
    fresh: int
    reason: str


class SizeHistory:
    """The sizes of one fleet over the last minutes."""

    __slots__ = ("_sizes",)

    def __init__(self) -> None:
        self._sizes: deque[Size] = deque(maxlen=ROWS)

    def record(self, size: Size) -> None:
        """Record a size where it differs from the one before; `at` must not run backwards."""
        last = self._sizes[-1] if self._sizes else None
        if last is None or _differ(last, size):
            self._sizes.append(size)
        while len(self._sizes) > 1 and self._sizes[1].at < size.at - SPAN_SECONDS:
            self._sizes.popleft()  # the one that holds at the beginning of the span stays

    def sizes(self) -> tuple[Size, ...]:
        """Return the whole record, oldest first."""
        return tuple(self._sizes)


def _differ(one: Size, other: Size) -> bool:
    return (one.desired, one.known, one.fresh, one.reason) != (other.desired, other.known, other.fresh, other.reason)
