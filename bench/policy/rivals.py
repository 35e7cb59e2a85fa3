"""What else could scale the pool: the seed's rule, a plain HPA on averageLag, nothing. All see with our eyes."""

from dataclasses import dataclass, field
from math import ceil

from readpool.replica_class import ReplicaClass
from readpool.simulator.day.view import View
from readpool.simulator.hpa import HpaMemory, HpaSpec, sync_hpa
from scaler.policy.policy import Bounds

_SEED_SECONDS = 30.0
_NOT_LAGGING_WHEN_FAIR = (ReplicaClass.FRESH, ReplicaClass.CATCHING_UP, ReplicaClass.UNKNOWN)


@dataclass(slots=True)
class FixedSize:
    """A pool that nobody scales."""

    size: int

    def sync(self, _view: View) -> int:
        """Return the same size always."""
        return self.size

    def restart(self, now: float) -> None:
        """Do nothing: there is nothing to forget."""


@dataclass(slots=True)
class SeedRule:
    """targetReplicas x 1.2 while more than half lag, each updateIntervalSeconds, straight to the pool.

    As the first implementation has it, every replica that is not fresh counts as lagging, those not yet observed and
    still catching up included; `is_fair` leaves these two out.
    """

    bounds: Bounds
    is_fair: bool = False
    _next: float = 0.0

    def sync(self, view: View) -> int:
        """Return the size by the rule."""
        if view.now < self._next or not view.sights:
            return view.replicas
        self._next = view.now + _SEED_SECONDS
        fine = _NOT_LAGGING_WHEN_FAIR if self.is_fair else (ReplicaClass.FRESH,)
        lagging = sum(s.replica_class not in fine for s in view.sights.values())
        wanted = ceil(self.bounds.target * 1.2) if lagging / len(view.sights) > 0.5 else self.bounds.target
        return max(self.bounds.minimum, min(wanted, self.bounds.maximum))

    def restart(self, now: float) -> None:
        """Do nothing: there is nothing to forget."""


@dataclass(slots=True)
class PlainHpa:
    """KEDA with the metric averageLag and an AverageValue target, all else at its defaults."""

    bounds: Bounds
    target_lag: float
    memory: HpaMemory = field(default_factory=HpaMemory)

    def sync(self, view: View) -> int:
        """Do as the HPA does with the mean lag of those whose lag is known; none known is an error, and it holds."""
        lags = [s.lag_ledgers for s in view.sights.values() if s.lag_ledgers is not None and not s.failed]
        step, self.memory = sync_hpa(
            HpaSpec(self.bounds.minimum, self.bounds.maximum, self.target_lag),
            self.memory,
            current=view.replicas,
            observed=view.replicas,
            metric=sum(lags) / len(lags) if lags and not view.is_halted else None,
            now=view.now,
        )
        return step.desired

    def restart(self, now: float) -> None:
        """Leave the HPA alone: it is not ours."""
