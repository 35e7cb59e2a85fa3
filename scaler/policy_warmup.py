"""How long does a new replica of this pool take to be fresh? Measured, so that the policy knows what one brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from scaler.freshness import ReplicaStanding

_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class WarmUp:
    """One replica's way to fresh: which one, since when it was known, and how long it took, in seconds."""

    name: str
    first_seen: float
    seconds: float


@dataclass(frozen=True, slots=True)
class WarmUps:
    """The last warm-ups, newest last."""

    seen: tuple[WarmUp, ...] = ()

    @property
    def median_seconds(self) -> float | None:
        """The middle one of what was measured, None while nothing was."""
        return median(w.seconds for w in self.seen) if self.seen else None


def record_warm_ups(warm_ups: WarmUps, standings: Mapping[str, ReplicaStanding], *, joined_after: float) -> WarmUps:
    """Add replicas that became fresh for the first time; only those that joined while the fleet was watched tell."""
    known = {(w.name, w.first_seen) for w in warm_ups.seen}
    new = [
        WarmUp(name, standing.first_seen, standing.became_fresh_after)
        for name, standing in sorted(standings.items())
        if standing.became_fresh_after is not None
        and standing.first_seen > joined_after
        and (name, standing.first_seen) not in known
    ]
    return WarmUps((*warm_ups.seen, *new)[-_REMEMBERED:]) if new else warm_ups
