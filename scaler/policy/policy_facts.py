"""The facts for the policy: the states of all replicas, counted. Decides only which replicas are unhealthy."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from readpool.replica_class import ReplicaClass
from scaler.standing.acquaintances import list_last, order_by_ordinal
from scaler.standing.standing import ReplicaState
from scaler.standing.tip import Tip

_DOING = {
    ReplicaClass.LAGGING: "lagging",
    ReplicaClass.UNREACHABLE: "unreachable",
    ReplicaClass.CATCHING_UP: "not catching up",
}
"""What a lacking replica does instead, in words."""
DEGRADED_CLASSES = (ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE)
_FRESH, _FOREIGN, _LAGGING = ReplicaClass.FRESH, ReplicaClass.FOREIGN, ReplicaClass.LAGGING
"""By name, since this is asked of every replica at every decision, and a member of an Enum takes longer to look up."""


@dataclass(frozen=True, slots=True)
class UnhealthyReplica:
    """One replica that is not counted on any more, what it does instead, and for how long, in seconds."""

    name: str
    replica_class: ReplicaClass
    seconds: float


@dataclass(frozen=True, slots=True)
class Flapping:
    """How many replicas were degraded on the average of the last minutes.

    Overload changes places: each laggard is spared and returns before it counts as lacking, and topples the next.
    """

    mean: float = 0.0
    at: float | None = None

    @property
    def unhealthy(self) -> int:
        """The mean as a number of replicas."""
        return round(self.mean)


def follow_flapping(flapping: Flapping, degraded: int, over_seconds: float, now: float) -> Flapping:
    """Smooth the number of degraded replicas over `over_seconds`."""
    if flapping.at is None:
        return Flapping(0.0, now)
    share = 1 - exp(-max(0.0, now - flapping.at) / max(over_seconds, 1.0))
    return Flapping(flapping.mean + share * (degraded - flapping.mean), now)


@dataclass(frozen=True, slots=True)
class Facts:
    """The pool at one moment.

    Attributes:
        fresh: replicas that are in step.
        current: known replicas; foreign ones are not among them, nor those that are leaving.
        unknown: of these, not yet observed.
        degraded: of these, lagging or unreachable, for however long; not those that catch up.
        unreachable: of these, unreachable.
        catching_up: of these, on their way to fresh, whatever their silence looks like; not yet observed and overdue
            ones included: where newcomers do not get there, more of them would not either.
        unhealthy: of these, no longer counted on.
        tells_lag: the network moves, so that a replica behind it lacks what others have.
        reset_seconds: how long ago the network was reset; None if it was not seen to be.
        sustain_seconds: for how long a degraded replica must have been observed to be unhealthy.
        grounded_seconds: for how long there has been data to decide on.
        warm_up_seconds: what a new replica needs to be fresh.
        unheard: replicas that have not answered since they were first known, or last were other pods.
        unready: what the pool's controller says keeps its pods from being ready; empty where it says nothing.
        too_old: replicas whose Stellar Core is too old for the network. None of them is degraded or unhealthy:
            another one of the same version would not follow the network either.
        needs_protocol: the protocol that those need; None where there are none.
    """

    tip: Tip | None
    current: int
    unknown: int
    degraded: int
    unreachable: int
    catching_up: int
    unhealthy: tuple[UnhealthyReplica, ...]
    sustain_seconds: float
    grounded_seconds: float
    warm_up_seconds: float
    fresh: int = 0
    tells_lag: bool = True
    reset_seconds: float | None = None
    unheard: int = 0
    unready: str = ""
    too_old: int = 0
    needs_protocol: int | None = None


def gather_facts(
    standings: Mapping[str, ReplicaState],
    tip: Tip | None,
    *,
    grounded_seconds: float,
    sustain_seconds: float,
    deadline_seconds: float,
    warm_up_seconds: float,
    now: float,
    asked: int | None = None,
) -> Facts:
    """Count the replicas by what they mean for the pool's size; the order of `standings` does not matter.

    `asked` is the size last asked for: degraded replicas beyond it are leaving.
    """
    own = {name: standing for name, standing in standings.items() if standing.replica_class is not _FOREIGN}
    for name in _find_leavers(own, asked):
        del own[name]
    classes = [standing.replica_class for standing in own.values()]
    tells_lag = tip is not None and tip.tells_lag
    fresh = classes.count(_FRESH)
    needed = [one.needs_protocol for one in own.values() if one.needs_protocol is not None]
    degraded = catching_up = 0
    unhealthy = []
    others = [name for name, one in own.items() if one.replica_class is not _FRESH] if fresh < len(own) else []
    for name in sorted(others):
        standing = own[name]
        if standing.needs_protocol is not None:
            continue
        is_underway = standing.is_underway
        catching_up += is_underway
        degraded += not is_underway and standing.replica_class in DEGRADED_CLASSES
        patience = deadline_seconds if is_underway else sustain_seconds
        seconds = min(now - find_start(standing, is_underway=is_underway), grounded_seconds)
        is_judged = tells_lag or standing.replica_class is not _LAGGING
        if standing.replica_class in _DOING and is_judged and seconds >= patience:
            unhealthy.append(UnhealthyReplica(name, standing.replica_class, seconds))
    return Facts(
        tip=tip,
        current=len(own),
        unknown=classes.count(ReplicaClass.UNKNOWN),
        degraded=degraded,
        unreachable=classes.count(ReplicaClass.UNREACHABLE),
        catching_up=catching_up,
        unhealthy=tuple(unhealthy),
        sustain_seconds=sustain_seconds,
        grounded_seconds=grounded_seconds,
        warm_up_seconds=warm_up_seconds,
        fresh=fresh,
        tells_lag=tells_lag,
        reset_seconds=None if tip is None or tip.reset_at is None else now - tip.reset_at,
        unheard=[one.report for one in own.values()].count(None),
        too_old=len(needed),
        needs_protocol=max(needed, default=None),
    )


def _find_leavers(own: Mapping[str, ReplicaState], asked: int | None) -> frozenset[str]:
    """Find replicas degraded by scale-in: the last by ordinal beyond what was asked for, or as many silent ones.

    If all are silent, none is leaving: the scaler is more likely disconnected.
    """
    if asked is None or len(own) <= asked:
        return frozenset()
    degraded = {name for name, one in own.items() if one.replica_class in DEGRADED_CLASSES}
    silent = [name for name in degraded if own[name].replica_class is ReplicaClass.UNREACHABLE]
    if not degraded or len(silent) == len(own):
        return frozenset()
    if all(order_by_ordinal(name)[1] < 0 for name in own):
        return frozenset(sorted(silent)[: len(own) - asked])
    return list_last(own, asked) & degraded


def find_start(standing: ReplicaState, *, is_underway: bool) -> float:
    """Find since when a replica does what may make it lacking.

    A replica that responds again, but is behind, has been degraded all the time; one that catches up has done so since
    it was last fresh or first known, however often it restarted.
    """
    if is_underway:
        started = standing.since if standing.known_since is None else standing.known_since
        return started if standing.fresh_at is None else standing.fresh_at
    return standing.since if standing.degraded_since is None else standing.degraded_since


def describe_unhealthy(facts: Facts) -> list[str]:
    """Describe the unhealthy replicas, such as "1 lagging for 72 s"; the time is that of the longest."""
    words = []
    for replica_class, doing in _DOING.items():
        seconds = [one.seconds for one in facts.unhealthy if one.replica_class is replica_class]
        if seconds:
            words.append(f"{len(seconds)} {doing} for {max(seconds):.0f} s")
    return words
