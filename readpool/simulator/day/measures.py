"""What a day came to: the figures by which policies are compared."""

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

    def note_step(self, fresh: int, target: int, replicas: int, demand: float) -> None:
        """Add one step's time, cost and traffic."""
        if fresh < target:
            self.seconds_below += STEP_SECONDS
        self.replica_hours += replicas * (STEP_SECONDS / 3600.0)
        self.reads += demand * STEP_SECONDS

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
        self.note_calm_size(len([r for r in replicas if r.fault is None]), target, demand)
        downloading = [r for r in replicas if r.answers_at <= now < r.downloaded_at < inf]
        self.catching_up = max(self.catching_up, len(downloading))

    def note_calm_size(self, replicas: int, target: int, demand: float) -> None:
        """Compare the size of a pool without a fault with what the moment needs."""
        self.overshoot = max(self.overshoot, replicas - max(target, ceil(demand / BORNE_PER_REPLICA)))
