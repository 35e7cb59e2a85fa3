"""What a day came to: the figures by which policies are compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf

from readpool.simulator.day.replica import ModelReplica
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEP_SECONDS

_CASCADE_SHARE = 1 / 3
_CASCADE_GAP_SECONDS = 60.0


@dataclass(slots=True)
class Measures:
    """One day's figures, filled step by step.

    Attributes:
        seconds_below: with fewer than the target truly fresh, whatever the scaler believed.
        reads: asked for.
        stale_reads: answered by a replica that is a lag threshold behind, or more.
        failed_reads: sent to a replica that does not answer, or to none, or more than a replica can do.
        replica_hours: paid for, from the moment a replica is asked for.
        scalings: changes of the number of replicas.
        overshoot: the most replicas beyond what faults and traffic needed.
        cascade_seconds: the longest stretch in which a third of all that serve cannot keep pace for all their reads.
        catching_up: the most newcomers that drew on the archives at once.
    """

    seconds_below: float = 0.0
    reads: float = 0.0
    stale_reads: float = 0.0
    failed_reads: float = 0.0
    replica_hours: float = 0.0
    scalings: int = 0
    overshoot: int = 0
    cascade_seconds: float = 0.0
    catching_up: int = 0
    _cascade_since: float | None = field(default=None, repr=False)
    _cascade_last: float = field(default=0.0, repr=False)

    def note_steps(self, fresh: int, target: int, replicas: int, demands: Sequence[float]) -> None:
        """Add the time, cost and traffic of steps that differ in nothing but their traffic."""
        if fresh < target:
            self.seconds_below += STEP_SECONDS * len(demands)
        replica_hours, reads, paid = self.replica_hours, self.reads, replicas * (STEP_SECONDS / 3600.0)
        for demand in demands:  # one after another, so that sums round as those of single steps do
            replica_hours += paid
            reads += demand * STEP_SECONDS
        self.replica_hours, self.reads = replica_hours, reads

    def note_overload(self, overloaded: int, serving: int, now: float) -> None:
        """Follow how long overload lasts; a gap of a minute does not end it."""
        if overloaded < max(1, ceil(serving * _CASCADE_SHARE)):
            return
        if self._cascade_since is None or now - self._cascade_last > _CASCADE_GAP_SECONDS:
            self._cascade_since = now
        self._cascade_last = now
        self.cascade_seconds = max(self.cascade_seconds, now - self._cascade_since + STEP_SECONDS)

    def note_size(self, replicas: list[ModelReplica], target: int, demand: float, now: float) -> None:
        """Compare the pool's size with what the moment needs."""
        healthy = downloading = 0
        for replica in replicas:
            healthy += replica.fault is None
            downloading += now < replica.downloaded_at < inf and replica.answers_at <= now
        self.note_calm_size(healthy, target, demand)
        self.catching_up = max(self.catching_up, downloading)

    def note_calm_size(self, replicas: int, target: int, demand: float) -> None:
        """Compare the size of a pool without a fault with what the moment needs."""
        self.overshoot = max(self.overshoot, replicas - max(target, ceil(demand / BORNE_PER_REPLICA)))
