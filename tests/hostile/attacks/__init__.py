"""The attackers, one a module: what each `ATTACK` does is said where it is."""

import importlib
import pkgutil

from tests.hostile.attack import Attack


def load_attack(name: str) -> Attack:
    """Load the attack of a module."""
    attack: Attack = importlib.import_module(f"{__name__}.{name}").ATTACK
    return attack


def load_attacks() -> dict[str, Attack]:
    """Load all attacks, by the names of their modules."""
    return {one.name: load_attack(one.name) for one in pkgutil.iter_modules(__path__)}
