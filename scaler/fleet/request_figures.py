"""What readers met with, in numbers: requests a second, the share that failed, the time that nine in ten took.

Each is computed over any number of replicas at once: of sums and of merged times, since a mean of percentiles is none.
Between scaler.fleet.request_window, which makes the figures of one replica, and the metrics.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, isinf

_NINE_IN_TEN = 0.9


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """What the readers of one replica met with over the last minute, each as a number a second.

    Attributes:
        requests_per_second: requests that came in.
        answers_per_second: answers that went out, with any status.
        failures_per_second: of these, the ones with 5xx.
        times: by upper bound in milliseconds, rising: answers/s that took no longer.
    """

    requests_per_second: float
    answers_per_second: float = 0.0
    failures_per_second: float = 0.0
    times: tuple[tuple[float, float], ...] = ()

    @property
    def error_percent(self) -> float:
        """The share of answers that failed."""
        return compute_error_percent((self,))


def compute_rate(figures: Iterable[RequestFigures]) -> float:
    """Compute the requests/s of all together."""
    return fsum(one.requests_per_second for one in figures)


def compute_error_percent(figures: Iterable[RequestFigures]) -> float:
    """Compute the percentage of responses that failed; 0 without requests."""
    known = tuple(figures)
    answers = fsum(one.answers_per_second for one in known)
    failures = fsum(one.failures_per_second for one in known)
    return min(100.0, 100.0 * failures / answers) if answers > 0.0 else 0.0


def compute_latency_p90(figures: Iterable[RequestFigures]) -> float | None:
    """Compute the time in milliseconds that nine in ten of all answers did not exceed; None where there are none.

    Within a bucket times are taken to be spread evenly. Above the last finite bound nothing is known but that bound.
    Replicas with other bounds, of another version of Envoy, meet at those that all of them have.
    """
    timed = [dict(one.times) for one in figures if one.times]
    shared = sorted(set.intersection(*(set(times) for times in timed))) if timed else []
    steps = [(0.0, 0.0), *((bound, fsum(times[bound] for times in timed)) for bound in shared)]
    wanted = _NINE_IN_TEN * steps[-1][1]
    if wanted <= 0.0 or isinf(steps[1][0]):
        return None
    for (lower, below), (upper, reached) in pairwise(steps):
        if reached >= wanted:
            return lower if isinf(upper) else lower + (upper - lower) * (wanted - below) / (reached - below)
    return None
