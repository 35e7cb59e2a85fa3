"""Who competes on the model days: ours with and without a known request rate, its rivals, ours less each guard."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from bench.policy.clairvoyant import Clairvoyant
from bench.policy.rivals import FixedSize, PlainHpa, SeedRule
from controller.routing.weights import WeightSettings, count_enough
from readpool.cli.backtest.scaling import Blindness, OurScaling
from readpool.simulator.day.scenario import Day
from readpool.simulator.day.view import Scaling
from scaler.policy.policy import Bounds, PolicySettings

OURS, OURS_BLIND = "ours", "ours, request rate unknown"
SEED, SEED_FAIR, SEED_RAN = "seed's rule", "seed's rule, newcomers not counted", "seed's rule, as it ran"
HPA, HPA_LOW = "HPA on averageLag, 5 to 20", "HPA on averageLag, 3 to 20"
FIXED_SIZES = {size: f"fixed {size}" for size in (5, 6, 7, 8)}
SEED_SIZES = {5: SEED} | {size: f"{SEED}, target {size}" for size in (6, 7, 8)}
HPA_SIZES = {size: f"HPA on averageLag, {size} to 20" for size in (5, 6, 7, 8)}
"""Each rival made larger, from the pool's target on."""
OURS_SIZES = {5: OURS} | {size: f"{OURS}, target {size}" for size in (6, 7, 8)}
OURS_BLIND_SIZES = {5: OURS_BLIND} | {size: f"{OURS_BLIND}, target {size}" for size in (6, 7, 8)}
CLAIRVOYANT = "clairvoyant"
WITHOUT, BLIND_WITHOUT = "  without ", "  rate unknown, without "
_WEIGHTS = WeightSettings()
"""As shipped."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of scaling, made again for each day, and the weights that it has.

    `spares_readers`: beside enough fresh replicas no laggard is read, as shipped; `heeds_doubts`: nor a
    fresh one whose last poll speaks against it. `target`: of its own, where it is not the day's.
    """

    name: str
    make: Callable[[Day], Scaling]
    weights: WeightSettings = _WEIGHTS
    spares_readers: bool = True
    heeds_doubts: bool = True
    target: int | None = None

    def weigh(self, day: Day) -> WeightSettings:
        """Return the weights of a day's pool."""
        return replace(self.weights, enough_fresh=count_enough(self.target or day.target) if self.spares_readers else 0)


def _bounds(day: Day) -> Bounds:
    return Bounds(day.minimum, day.target, 20)


def _ours(
    name: str,
    change: Callable[[PolicySettings], PolicySettings] = lambda s: s,
    blindness: Blindness | None = None,
    weights: WeightSettings = _WEIGHTS,
    *,
    spares_readers: bool = True,
    heeds_doubts: bool = True,
) -> Contender:
    def make(day: Day) -> Scaling:
        return OurScaling(change(PolicySettings(_bounds(day))), blindness or Blindness())

    return Contender(name, make, weights, spares_readers, heeds_doubts)


_GUARDS: dict[str, Callable[[PolicySettings], PolicySettings]] = {
    "sustain": lambda s: replace(s, sustain_seconds=1.0, flapping_sustains=300.0),
    "flapping average": lambda s: replace(s, flapping_sustains=inf),
    "catch-up deadline": lambda s: replace(s, catch_up_deadline_seconds=inf, least_deadline_seconds=inf),
    "surge": lambda s: replace(s, surge_ratio=100.0),
    "wait": lambda s: replace(s, wait_warm_ups=0.0),
    "wait after overload": lambda s: replace(s, overload_wait_seconds=0.0),
    "doubling": lambda s: replace(s, premature_seconds=0.0),
    "small steps down": lambda s: replace(s, release_share=1.0),
}
_RATE_GUARDS: dict[str, Callable[[PolicySettings], PolicySettings]] = {
    "look-ahead": lambda s: replace(s, look_ahead_warm_ups=0.0),
    "headroom": lambda s: replace(s, headroom=1.0),
}


def list_rivals() -> list[Contender]:
    """List what competes with us; those of six and more show what our quality costs them."""
    return [
        Contender(SEED, lambda day: SeedRule(_bounds(day))),
        Contender(SEED_FAIR, lambda day: SeedRule(_bounds(day), is_fair=True)),
        Contender(SEED_RAN, lambda _: FixedSize(6)),
        Contender(HPA, lambda day: _size_hpa(day.target, day)),
        Contender(HPA_LOW, lambda day: PlainHpa(_bounds(day), float(day.lag_threshold))),
        *(Contender(name, partial(_fix, size)) for size, name in FIXED_SIZES.items()),
        *(Contender(name, partial(_size_seed, size)) for size, name in SEED_SIZES.items() if name != SEED),
        *(Contender(name, partial(_size_hpa, size)) for size, name in HPA_SIZES.items() if name != HPA),
    ]


def list_front() -> list[Contender]:
    """List ours made larger as rivals are, and who knows the day."""
    larger = [
        *((size, name, Blindness()) for size, name in OURS_SIZES.items() if name != OURS),
        *((size, name, Blindness(requests=True)) for size, name in OURS_BLIND_SIZES.items() if name != OURS_BLIND),
    ]
    sized = [Contender(name, partial(_size_ours, size, blindness), target=size) for size, name, blindness in larger]
    return [*sized, Contender(CLAIRVOYANT, Clairvoyant)]


def _size_ours(size: int, blindness: Blindness, day: Day) -> Scaling:
    return OurScaling(PolicySettings(Bounds(day.minimum, size, 20)), blindness)


def _fix(size: int, _day: Day) -> Scaling:
    return FixedSize(size)


def _size_seed(size: int, day: Day) -> Scaling:
    return SeedRule(Bounds(day.minimum, size, 20))


def _size_hpa(size: int, day: Day) -> Scaling:
    return PlainHpa(Bounds(size, size, 20), float(day.lag_threshold))


def list_contenders() -> list[Contender]:
    """List all: ours, the rivals, ours without each guard."""
    no_rate = Blindness(requests=True)
    return [
        _ours(OURS),
        _ours(OURS_BLIND, blindness=no_rate),
        *list_rivals(),
        *(_ours(WITHOUT + name, change) for name, change in (_GUARDS | _RATE_GUARDS).items()),
        _ours(WITHOUT + "halt", blindness=Blindness(halts=True)),
        _ours(WITHOUT + "own restart", blindness=Blindness(own_restarts=True)),
        _ours(WITHOUT + "sparing readers", spares_readers=False),
        _ours(WITHOUT + "heeding doubts", heeds_doubts=False),
        *(_ours(BLIND_WITHOUT + name, change, no_rate) for name, change in _GUARDS.items()),
        _ours(BLIND_WITHOUT + "sparing readers", blindness=no_rate, spares_readers=False),
        _ours(BLIND_WITHOUT + "heeding doubts", blindness=no_rate, heeds_doubts=False),
    ]
