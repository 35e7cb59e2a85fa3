"""What happens on one seeded day, whatever the policy does: traffic, faults, halts, upgrades, our own outages.

Everything is drawn before the day begins, so that all policies meet the same day; a larger pool meets more faults.
"""

from dataclasses import dataclass
from enum import Enum
from math import exp, log
from random import Random

from readpool.simulator.day.oddities import DAY_SECONDS, Oddities, Span, draw_oddities, draw_spans
from readpool.simulator.day.starts import MeasuredStarts
from readpool.simulator.day.traffic import build_traffic, draw_bursts

MOST_REPLICAS = 20


class FaultKind(Enum):
    """What can befall a replica."""

    STUCK = "stuck"
    """Answers, but closes no ledger: peers lost, a slow volume."""
    SLOW = "slow"
    """Has half its speed: a noisy neighbour."""
    CRASH = "crash"
    """Its process ends and is started again."""
    LOST = "lost"
    """Its machine is gone; a StatefulSet does not replace the pod until somebody gives the machine up."""
    UPGRADE = "upgrade"
    """Restarted on purpose, the highest ordinal first."""
    LOOP = "loop"
    """Killed each ten minutes, as for want of memory, and back at the ledger where that began."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one ordinal, in seconds from midnight."""

    at: float
    ordinal: int
    kind: FaultKind
    seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    """One day.

    Attributes:
        target: required number of fresh replicas.
        lag_threshold: ledgers.
        peak_share: traffic at the daily peak, as a share of what `target` replicas can serve.
        is_cold_start: it begins with an empty pool.
        warm_up_seconds: the middle of what a new replica takes to download and prepare its state.
        traffic: reads/s at each step.
        faults: by time.
        halts: when the network closes no ledgers.
        scaler_restarts: when the scaler is started again and has forgotten what it saw.
        blind_spells: when the scaler reaches no replica.
        odd: what seldom happens, and did on this day.
        stale_lag: ledgers behind from which a read counts as stale; 0 for the lag threshold.
        initial_replicas: how many it begins with; 0 for the target.
        measured_starts: how soon replicas are fresh, where that was measured; None for what was drawn.
    """

    seed: int
    target: int
    minimum: int
    lag_threshold: int
    peak_share: float
    is_cold_start: bool
    warm_up_seconds: float
    traffic: tuple[float, ...]
    faults: tuple[Fault, ...]
    halts: tuple[Span, ...]
    scaler_restarts: tuple[float, ...]
    blind_spells: tuple[Span, ...]
    odd: Oddities
    stale_lag: int = 0
    initial_replicas: int = 0
    measured_starts: MeasuredStarts | None = None


_OUTGROWN_CHANCE = 0.4
_COLD_START_CHANCE = 0.15
_UPGRADE_CHANCE = 0.2
_FAULTS_A_DAY = {
    FaultKind.STUCK: (0.8, 600.0, 5400.0),
    FaultKind.SLOW: (0.3, 1800.0, 10_800.0),
    FaultKind.CRASH: (0.4, 20.0, 60.0),
    FaultKind.LOST: (0.06, 600.0, 3600.0),
}
"""Of each kind: how many a replica and day, and from how long to how long, in seconds."""
_LOOPS_A_DAY = (0.04, 1800.0, 14_400.0)


def draw_day(seed: int) -> Day:
    """Draw one day; the same seed gives the same day."""
    random = Random(seed)  # noqa: S311 - a model wants the same numbers each time
    target = 5
    is_outgrown = random.random() < _OUTGROWN_CHANCE
    peak_share = random.uniform(0.9, 1.4) if is_outgrown else random.uniform(0.5, 0.9)
    is_cold_start = random.random() < _COLD_START_CHANCE
    warm_up_seconds = min(7200.0, max(180.0, exp(random.gauss(log(900.0), 0.7))))
    bursts = draw_bursts(random)
    faults = [fault for ordinal in range(MOST_REPLICAS) for fault in _draw_faults(seed, ordinal)]
    faults += [fault for ordinal in range(MOST_REPLICAS) for fault in _draw_loops(seed, ordinal)]
    if random.random() < _UPGRADE_CHANCE:
        faults += _draw_upgrade(random)
    return Day(
        seed=seed,
        target=target,
        minimum=3,
        lag_threshold=12,
        peak_share=peak_share,
        is_cold_start=is_cold_start,
        warm_up_seconds=warm_up_seconds,
        halts=draw_spans(random, chance=0.3, shortest=300.0, longest=2400.0),
        scaler_restarts=tuple(random.uniform(0, DAY_SECONDS) for _ in range(random.choice((0, 0, 1, 1, 2)))),
        blind_spells=draw_spans(random, chance=0.3, shortest=30.0, longest=300.0),
        traffic=tuple(build_traffic(random, peak_share, target, bursts)),
        faults=tuple(sorted(faults, key=lambda f: (f.at, f.ordinal))),
        odd=draw_oddities(seed),
    )


def _draw_faults(seed: int, ordinal: int) -> list[Fault]:
    random = Random(f"{seed}/{ordinal}")  # noqa: S311 - a model wants the same numbers each time
    kinds = _FAULTS_A_DAY.items()
    return [fault for kind, often in kinds for fault in _draw_kind(random, ordinal, kind, often)]


def _draw_loops(seed: int, ordinal: int) -> list[Fault]:
    random = Random(f"{seed}/{ordinal}/loop")  # noqa: S311 - a model wants the same numbers each time
    return _draw_kind(random, ordinal, FaultKind.LOOP, _LOOPS_A_DAY)


def _draw_kind(random: Random, ordinal: int, kind: FaultKind, often: tuple[float, float, float]) -> list[Fault]:
    a_day, shortest, longest = often
    faults = []
    at = random.expovariate(a_day / DAY_SECONDS)
    while at < DAY_SECONDS:
        faults.append(Fault(at, ordinal, kind, random.uniform(shortest, longest)))
        at += random.expovariate(a_day / DAY_SECONDS)
    return faults


def _draw_upgrade(random: Random) -> list[Fault]:
    """A rolling upgrade in working hours: three minutes a replica, from the highest ordinal down."""
    start = random.uniform(9, 17) * 3600
    return [
        Fault(start + 180.0 * turn, MOST_REPLICAS - 1 - turn, FaultKind.UPGRADE, 75.0) for turn in range(MOST_REPLICAS)
    ]
