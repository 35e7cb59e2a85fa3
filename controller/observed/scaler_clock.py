"""How old is what the scaler says? Its times are compared with its own clock alone, which may differ from ours.

Under the plan: `now` is ours, `since` and `observed_at` are the scaler's, and here is the one place where they meet.
"""

from controller.observed.observed import FleetView

STALE_SECONDS = 15.0
"""Three polls, as often as the scaler polls unless told otherwise."""
MOST_SKEW_SECONDS = 300.0
"""Of two clocks that differ by more, one is wrong, and no one can tell which: nothing is given up on their word."""
_STALE_POLLS = 3


def read_scaler_clock(fleet: FleetView, now: float) -> float:
    """Read the scaler's clock: what it said with its last word, and the time that has passed here since that came.

    A word counts for three polls at most; after that no one knows how the scaler's time went on.
    """
    passed = 0.0 if fleet.heard_at is None else max(0.0, now - fleet.heard_at)
    return fleet.at + min(passed, compute_stale_seconds(fleet))


def is_skew_absurd(fleet: FleetView, now: float) -> bool:
    """Return whether the scaler's clock and ours differ by more than any clock should."""
    heard_at = now if fleet.heard_at is None else fleet.heard_at
    return abs(heard_at - fleet.at) > MOST_SKEW_SECONDS


def compute_stale_seconds(fleet: FleetView | None) -> float:
    """Compute how long three polls take, by the interval that the scaler tells; no less than by default."""
    interval = fleet.poll_interval_seconds if fleet is not None else None
    return STALE_SECONDS if interval is None else max(STALE_SECONDS, _STALE_POLLS * interval)
