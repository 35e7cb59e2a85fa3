"""How long does a new replica of this pool take to be fresh? Measured, so that the policy knows what one brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from scaler.standing.standing import ReplicaState

REMEMBERED_WARM_UPS = 9
"""Of so many, five tell: where new replicas become faster or slower, as by snapshots, the fifth is the one that shows
it, and four that were odd show nothing."""
_REMEMBERED_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class WarmUps:
    """The last warm-ups, and whom the next ones are expected of.

    Attributes:
        seconds: how long the last newcomers took, newest last.
        awaited: newcomers that are not fresh yet, and since when they are known.
        returned: those of them whose name a replica had before, and whose volume may be that one's.
        present: all replicas that are there.
        names: all names that replicas have had; no more than a StatefulSet has ordinals, as a rule.
        released: those of them that left because there were too many, and their volumes with them.
        median_seconds: the middle one of `seconds`; None while there are none.
    """

    seconds: tuple[float, ...] = ()
    awaited: Mapping[str, float] = field(default_factory=dict)
    returned: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    median_seconds: float | None = field(init=False)

    def __post_init__(self) -> None:
        """Find the middle one of what was measured."""
        object.__setattr__(self, "median_seconds", median(self.seconds) if self.seconds else None)


def record_warm_ups(
    warm_ups: WarmUps,
    standings: Mapping[str, ReplicaState],
    *,
    joined_after: float,
    asked: int | None = None,
    keeps_volumes: bool = True,
) -> WarmUps:
    """Add newcomers that have become fresh; those known before `joined_after`, in seconds, tell nothing.

    Nor does a replica that restarts, or a pod that is recreated: it comes back with its state. So may one whose name
    was there before, by a volume that was kept: it counts where it began with nothing. One of a new name has what every
    new one has, nothing or a snapshot, and counts. So does one whose volume went when it was let go: while fewer were
    `asked` for than there were, in a pool that does not keep such volumes.
    """
    is_same = not warm_ups.awaited and warm_ups.present == standings.keys()
    if is_same and warm_ups.released <= warm_ups.names:
        return warm_ups
    left = warm_ups.present.difference(standings)
    is_release = not keeps_volumes and asked is not None and asked < len(warm_ups.present)
    released = (warm_ups.released | left if is_release else warm_ups.released - left) & (warm_ups.names | left)
    joined = {name for name in standings if name not in warm_ups.present}
    awaited = {
        name: standing.first_seen
        for name, standing in sorted(standings.items())
        if (name in joined and standing.first_seen > joined_after and _is_new(standing))
        or warm_ups.awaited.get(name) == standing.first_seen
    }
    may_be_kept = warm_ups.names - released
    returned = frozenset(name for name in awaited if name in (may_be_kept if name in joined else warm_ups.returned))
    took = [
        seconds
        for name in awaited
        if (seconds := standings[name].became_fresh_after) is not None
        and (name not in returned or (standings[name].began_at_ledger or 0) <= 1)
    ]
    still = {name: since for name, since in awaited.items() if standings[name].became_fresh_after is None}
    present = frozenset(standings)
    return WarmUps(
        (*warm_ups.seconds, *took)[-REMEMBERED_WARM_UPS:],
        still,
        returned & still.keys(),
        present,
        _add_names(warm_ups.names, present),
        released - present,
    )


def _add_names(names: frozenset[str], present: frozenset[str]) -> frozenset[str]:
    """Add names; where there are too many, as of pods with random ones, only those that are there are kept."""
    if present <= names:
        return names
    return names | present if len(names) < _REMEMBERED_NAMES else present


def _is_new(standing: ReplicaState) -> bool:
    """Return whether a replica of this name was first known when it was first seen."""
    return standing.known_since is None or standing.known_since == standing.first_seen
