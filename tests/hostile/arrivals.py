"""When is an attack of many in full force? Once each of them has got as far as it means to, or has been turned away."""

from tests.hostile.attack import Stand


class Arrivals:
    """Counts those who have; `stand` is called once all of them have."""

    def __init__(self, count: int, stand: Stand) -> None:
        self._left = set(range(count))
        self._stand = stand

    def note(self, number: int) -> None:
        """Note that one of them has; later times are of no matter."""
        if not self._left:
            return
        self._left.discard(number)
        if not self._left:
            self._stand()
