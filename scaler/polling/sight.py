"""Does this process still see? Which nodes were observed of late, and whether its own limits are in the way.

Told of each outcome by the poller, and asked by the readiness check. Pure: every time is an
argument, in seconds.
"""

_QUIET_SECONDS = 60.0
"""Without an own limit hit for so long, polls count as resumed: at the limit some still get through."""


class Sight:
    """When each node was observed last.

    Args:
        remembered_seconds: an observation counts for so long.
    """

    def __init__(self, remembered_seconds: float) -> None:
        self._remembered_seconds = remembered_seconds
        self._seen_at: dict[object, float] = {}
        self._limited_at: float | None = None

    def add(self, node: object, now: float) -> None:
        """Expect observations of a node from now on."""
        self._seen_at[node] = now

    def remove(self, node: object) -> None:
        """Expect none any more."""
        self._seen_at.pop(node, None)

    def note(self, node: object, now: float) -> bool:
        """Record that a node was polled, whatever the outcome; True if no limit of the scaler was hit lately."""
        if node in self._seen_at:
            self._seen_at[node] = now
        if self._limited_at is None or now - self._limited_at < _QUIET_SECONDS:
            return False
        self._limited_at = None
        return True

    def note_own_limit(self, now: float) -> bool:
        """Record that a node could not be polled because of the scaler's own limits; True if that is new."""
        is_new = self._limited_at is None
        self._limited_at = now
        return is_new

    def is_seeing(self, now: float) -> bool:
        """Return whether at least half of the nodes were polled lately; True without nodes."""
        oldest = now - self._remembered_seconds
        unseen = sum(seen_at < oldest for seen_at in self._seen_at.values())
        return 2 * unseen <= len(self._seen_at)
