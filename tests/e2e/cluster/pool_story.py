"""What the scalers of a release say of one pool from a moment on: who fell behind, how large it should be, and why."""

import time
from dataclasses import dataclass, field

from scaler.policy.policy import ON_TARGET
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import PoolView
from tests.e2e.cluster.scaler_log import ScalerEvent, list_events


@dataclass(frozen=True, slots=True)
class Story:
    """What the scalers say of a pool since a Unix time, now if none is given."""

    release: OwnRelease
    pool: PoolView
    since: float = field(default_factory=time.time)

    def laggards(self) -> list[ScalerEvent]:
        """List who was found to lag."""
        return [event for event in self._list("classChanged") if event.fields["current"] == "lagging"]

    def decisions(self) -> list[ScalerEvent]:
        """List how large they found that it should be, and why."""
        return self._list("desiredChanged")

    def is_calm(self) -> bool:
        """Return whether the newest decision of each scaler that has decided is that nothing is to be done."""
        newest = {event.pod: event.fields["reason"] for event in self.decisions()}
        return set(newest.values()) == {ON_TARGET}

    def _list(self, name: str) -> list[ScalerEvent]:
        return list_events(self.release, f"{self.pool.namespace}/{self.pool.name}", name, self.since)
