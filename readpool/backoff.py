"""How long to wait before what failed is tried again: longer each time, with jitter so that not all return at once."""

import random


def compute_backoff(failures: int, first_seconds: float, last_seconds: float) -> float:
    """Compute the back-off in seconds after so many failures in a row: it doubles, and up to half of it is left out."""
    pause = min(last_seconds, first_seconds * 2.0 ** min(failures - 1, 16))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
