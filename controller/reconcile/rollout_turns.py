"""Which pools may restart replicas for a change that is ours? A few at a time: a bad gate image is not tried on all.

A new default image of the gate, or a new controller, changes what the replicas of every pool are made of at once. What
a user changes in a pool concerns that pool alone and waits for no one.
"""

from dataclasses import dataclass, field

from controller.observed.observed import ObservedPool
from controller.observed.pool_keys import PoolKey
from controller.plan.plan import Plan

POOLS_AT_ONCE = 3


@dataclass(slots=True)
class RolloutTurns:
    """Gives turns to pools; one keeps its turn until the replica that it has restarted is back."""

    most: int = POOLS_AT_ONCE
    _settled: dict[PoolKey, int] = field(default_factory=dict)
    """The generation of each pool when all its replicas last ran what they should."""
    _taken: set[PoolKey] = field(default_factory=set)

    def may_restart(self, key: PoolKey, observed: ObservedPool) -> bool:
        """Return whether a pool may restart a replica now: it has a turn, one is free, or its user has asked for it."""
        settled = self._settled.get(key, observed.pool.status.observed_generation)
        is_of_user = settled != observed.pool.generation
        return is_of_user or key in self._taken or len(self._taken) < self.most

    def note(self, key: PoolKey, observed: ObservedPool, plan: Plan) -> None:
        """Note what came of it, before anybody else asks."""
        if plan.is_rolled_out:
            self._settled[key] = observed.pool.generation
        elif key not in self._settled:
            self._settled[key] = observed.pool.status.observed_generation or 0
        if plan.is_rolling and self._settled.get(key) == observed.pool.generation:
            self._taken.add(key)
        else:
            self._taken.discard(key)

    def forget(self, key: PoolKey) -> None:
        """Forget a pool that is gone; its turn is free."""
        self._settled.pop(key, None)
        self._taken.discard(key)
