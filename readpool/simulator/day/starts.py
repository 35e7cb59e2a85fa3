"""How soon replicas of the model are fresh where that was measured on real pods, rather than drawn with the day."""

from dataclasses import dataclass
from math import exp, log
from random import Random

_DEVIATIONS_TO_P90 = 1.2816


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds that differ from time to time: log-normal, by their median and their 90th percentile."""

    median: float
    p90: float

    def draw(self, random: Random) -> float:
        """Draw one."""
        return exp(random.gauss(log(self.median), log(self.p90 / self.median) / _DEVIATIONS_TO_P90))


@dataclass(frozen=True, slots=True)
class MeasuredStarts:
    """How soon replicas are fresh.

    Attributes:
        new: a new one, from when it is asked for.
        restarted: one with its own volume, from when its Core starts until it closes ledgers.
    """

    new: Spread
    restarted: Spread
