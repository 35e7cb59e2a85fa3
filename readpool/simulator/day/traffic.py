"""How many reads a second come at each step of a day: a daily curve, bursts on top, noise on all of it."""

from dataclasses import dataclass
from math import cos, pi
from random import Random

STEP_SECONDS = 5
STEPS_PER_DAY = 24 * 3600 // STEP_SECONDS
BORNE_PER_REPLICA = 900.0
"""Reads/s at which a replica can just keep pace with the network; at 1,000 all its time goes into reads."""

_NIGHT_SHARE = 0.35
_NOISE = 0.03
_NOISE_MEMORY_STEPS = 12
_BURST_RAMP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Burst:
    """`factor` times the usual traffic from `start` for `seconds`, reached within two minutes."""

    start: float
    seconds: float
    factor: float


def draw_bursts(random: Random) -> tuple[Burst, ...]:
    """Draw the day's bursts: up to three, of 10 to 40 minutes."""
    return tuple(
        Burst(random.uniform(0, 86_400), random.uniform(600, 2400), random.uniform(1.15, 1.5))
        for _ in range(random.randint(0, 3))
    )


def build_traffic(random: Random, peak_share: float, target: int, bursts: tuple[Burst, ...]) -> list[float]:
    """Build the reads/s of each step; at the daily peak they are `peak_share` of what `target` replicas can serve."""
    peak = peak_share * target * BORNE_PER_REPLICA
    peak_at = random.uniform(11, 19) * 3600
    noise, reads = 0.0, []
    for step in range(STEPS_PER_DAY):
        now = step * STEP_SECONDS
        day = 0.5 + 0.5 * cos(2 * pi * (now - peak_at) / 86_400)
        noise += (random.gauss(0, _NOISE) - noise) / _NOISE_MEMORY_STEPS
        usual = peak * (_NIGHT_SHARE + (1 - _NIGHT_SHARE) * day)
        reads.append(usual * _burst_factor(bursts, now) * (1 + noise))
    return reads


def _burst_factor(bursts: tuple[Burst, ...], now: float) -> float:
    factor = 1.0
    for burst in bursts:
        into, left = now - burst.start, burst.start + burst.seconds - now
        if into > 0 and left > 0:
            factor *= 1 + (burst.factor - 1) * min(1.0, into / _BURST_RAMP_SECONDS, left / _BURST_RAMP_SECONDS)
    return factor
