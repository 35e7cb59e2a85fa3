"""Who competes on the model days: our policy with and without a known request rate, its rivals, it less each guard."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from bench.policy.ours import Blindness, OurScaling
from bench.policy.rivals import FixedSize, PlainHpa, SeedRule
from controller.weights import WeightSettings
from scaler.policy import Bounds, PolicySettings
from simulator.day.day import Scaling
from simulator.day.scenario import Day

OURS, OURS_BLIND = "ours", "ours, request rate unknown"
SEED, SEED_FAIR, SEED_RAN = "seed's rule", "seed's rule, newcomers not counted", "seed's rule, as it ran"
HPA, HPA_LOW = "HPA on averageLag, 5 to 20", "HPA on averageLag, 3 to 20"
WITHOUT, BLIND_WITHOUT = "  without ", "  rate unknown, without "
WEIGHTS = WeightSettings(max_load_factor=2.0)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of scaling, made anew for each day, and the weights that it has."""

    name: str
    make: Callable[[Day], Scaling]
    weights: WeightSettings = WEIGHTS


def _bounds(day: Day) -> Bounds:
    return Bounds(day.minimum, day.target, 20)


def _ours(
    name: str,
    change: Callable[[PolicySettings], PolicySettings] = lambda s: s,
    blindness: Blindness | None = None,
    weights: WeightSettings = WEIGHTS,
) -> Contender:
    return Contender(
        name, lambda day: OurScaling(change(PolicySettings(_bounds(day))), blindness or Blindness()), weights
    )


_GUARDS: dict[str, Callable[[PolicySettings], PolicySettings]] = {
    "sustain": lambda s: replace(s, sustain_seconds=1.0, unrest_sustains=300.0),
    "turns (unrest)": lambda s: replace(s, unrest_sustains=inf),
    "catch-up deadline": lambda s: replace(s, catch_up_deadline_seconds=inf),
    "surge": lambda s: replace(s, surge_ratio=100.0),
    "wait": lambda s: replace(s, wait_warm_ups=0.0),
    "regret": lambda s: replace(s, regret_seconds=0.0),
}
_RATE_GUARDS: dict[str, Callable[[PolicySettings], PolicySettings]] = {
    "look-ahead": lambda s: replace(s, look_ahead_warm_ups=0.0),
    "headroom": lambda s: replace(s, headroom=1.0),
}


def list_rivals() -> list[Contender]:
    """List what competes with us; `seed at N` and `fixed N` show what our quality costs them."""
    return [
        Contender(SEED, lambda day: SeedRule(_bounds(day))),
        Contender(SEED_FAIR, lambda day: SeedRule(_bounds(day), is_fair=True)),
        Contender(SEED_RAN, lambda _: FixedSize(6)),
        Contender(HPA, lambda day: PlainHpa(Bounds(day.target, day.target, 20), float(day.lag_threshold))),
        Contender(HPA_LOW, lambda day: PlainHpa(_bounds(day), float(day.lag_threshold))),
        *(Contender(f"fixed {n}", lambda _, n=n: FixedSize(n)) for n in (5, 6, 7, 8)),  # type: ignore[misc]
        *(
            Contender(f"seed's rule, target {n}", lambda _, n=n: SeedRule(Bounds(3, n, 20)))  # type: ignore[misc]
            for n in (6, 7, 8)
        ),
    ]


def list_contenders() -> list[Contender]:
    """List all: ours, the rivals, ours without each guard."""
    no_rate = Blindness(requests=True)
    no_bound = replace(WEIGHTS, max_load_factor=0.0)
    return [
        _ours(OURS),
        _ours(OURS_BLIND, blindness=no_rate),
        *list_rivals(),
        *(_ours(WITHOUT + name, change) for name, change in (_GUARDS | _RATE_GUARDS).items()),
        _ours(WITHOUT + "halt", blindness=Blindness(halts=True)),
        _ours(WITHOUT + "own restart", blindness=Blindness(own_restarts=True)),
        _ours(WITHOUT + "load bound", weights=no_bound),
        *(_ours(BLIND_WITHOUT + name, change, no_rate) for name, change in _GUARDS.items()),
        _ours(BLIND_WITHOUT + "load bound", blindness=no_rate, weights=no_bound),
    ]
