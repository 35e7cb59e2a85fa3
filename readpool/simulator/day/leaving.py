"""Replicas that were let go: in DNS until their pods are gone, silent before, and in the way of their ordinals."""

from collections.abc import Set as AbstractSet

from readpool.simulator.day.replica import ModelReplica
from readpool.simulator.day.sight import Sight

_ANSWERS_SECONDS = 10.0
"""For so long one that ends still answers."""


class Leaving:
    """Those that leave; with 0 seconds none is ever seen to."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._replicas: dict[str, tuple[ModelReplica, float]] = {}

    @property
    def names(self) -> AbstractSet[str]:
        """The names of those that are leaving."""
        return self._replicas.keys()

    def let_go(self, replica: ModelReplica, now: float) -> None:
        """Remove a replica."""
        self._replicas[replica.name] = (replica, self.find_end(replica.name, now) + self._seconds)

    def find_end(self, name: str, now: float) -> float:
        """Find when the next replica of this name can start."""
        return self._replicas[name][1] if name in self._replicas else now

    def forget_gone(self, sights: dict[str, Sight], now: float) -> None:
        """Forget whose pods are gone."""
        for name in [name for name, (_, gone_at) in self._replicas.items() if now >= gone_at]:
            del self._replicas[name]
            sights.pop(name, None)

    def poll(self, sights: dict[str, Sight], tip: int, lag_threshold: int, now: float, seconds: float) -> bool:
        """Ask each that is known once; return whether a class changed."""
        self.forget_gone(sights, now)
        changed = False
        for name, (replica, gone_at) in self._replicas.items():
            sight = sights.get(name)
            if sight is None:
                continue
            is_silent = now >= gone_at - self._seconds + _ANSWERS_SECONDS or now < replica.answers_at
            news = sight.miss(now) if is_silent else sight.see(replica, tip, lag_threshold, now, seconds)
            changed = news or changed
        return changed
