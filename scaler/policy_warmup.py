"""How long does a new replica of this pool take to be fresh? Measured, so that the policy knows what one brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from scaler.standing import ReplicaStanding

_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class WarmUps:
    """The last warm-ups, and whom the next ones are expected of.

    Attributes:
        seconds: how long the last newcomers took, newest last.
        awaited: newcomers that are not fresh yet, and since when they are known.
        known: all replicas that are known.
    """

    seconds: tuple[float, ...] = ()
    awaited: Mapping[str, float] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    @property
    def median_seconds(self) -> float | None:
        """The middle one of what was measured, None while nothing was."""
        return median(self.seconds) if self.seconds else None


def record_warm_ups(warm_ups: WarmUps, standings: Mapping[str, ReplicaStanding], *, joined_after: float) -> WarmUps:
    """Add newcomers that have become fresh; those known before `joined_after`, in seconds, tell nothing.

    Nor does a replica that restarts, or a pod that is made anew: it comes back with its state, and a new one has none.
    """
    awaited = {
        name: standing.first_seen
        for name, standing in sorted(standings.items())
        if (name not in warm_ups.known and standing.first_seen > joined_after and _is_new(standing))
        or warm_ups.awaited.get(name) == standing.first_seen
    }
    began_with_state = {name for name in awaited if (standings[name].began_at_ledger or 0) > 1}
    took = [
        seconds
        for name in awaited
        if (seconds := standings[name].became_fresh_after) is not None and name not in began_with_state
    ]
    still = {name: since for name, since in awaited.items() if standings[name].became_fresh_after is None}
    return WarmUps((*warm_ups.seconds, *took)[-_REMEMBERED:], still, frozenset(standings))


def _is_new(standing: ReplicaStanding) -> bool:
    """Tell whether a replica of this name was first known when it was first seen."""
    return standing.known_since is None or standing.known_since == standing.first_seen
