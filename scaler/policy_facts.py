"""What the policy goes by: the standings of all replicas, counted. Gathers, decides nothing but who is lacking."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from readpool.replica_class import ReplicaClass
from scaler.freshness import ReplicaStanding
from scaler.tip import Tip

_DOING = {
    ReplicaClass.LAGGING: "lagging",
    ReplicaClass.UNREACHABLE: "not answering",
    ReplicaClass.CATCHING_UP: "not catching up",
}
"""What a lacking replica does instead, in words."""
AILING = (ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Lack:
    """One replica that is not counted on any more, what it does instead, and for how long, in seconds."""

    name: str
    replica_class: ReplicaClass
    seconds: float


@dataclass(frozen=True, slots=True)
class Unrest:
    """How many replicas ail on the average of the last minutes.

    Overload changes places: each laggard is spared and returns before it counts as lacking, and topples the next.
    """

    mean: float = 0.0
    at: float | None = None

    @property
    def lacking(self) -> int:
        """The mean as a number of replicas."""
        return round(self.mean)


def follow_unrest(unrest: Unrest, ailing: int, over_seconds: float, now: float) -> Unrest:
    """Smooth the number of ailing replicas over `over_seconds`."""
    if unrest.at is None:
        return Unrest(0.0, now)
    share = 1 - exp(-max(0.0, now - unrest.at) / max(over_seconds, 1.0))
    return Unrest(unrest.mean + share * (ailing - unrest.mean), now)


@dataclass(frozen=True, slots=True)
class Facts:
    """The pool at one moment.

    Attributes:
        current: known replicas; foreign ones are not among them.
        unknown: of these, not yet observed.
        ailing: of these, lagging or unreachable, for however long.
        unreachable: of these, unreachable.
        catching_up: of these, on their way to fresh, not yet observed and overdue ones included: where newcomers do not
            get there, more of them would not either.
        lacking: of these, no longer counted on.
        sustain_seconds: for how long an ailing replica must have been watched to be lacking.
        grounded_seconds: for how long there has been ground to decide on.
        warm_up_seconds: what a new replica needs to be fresh.
    """

    tip: Tip | None
    current: int
    unknown: int
    ailing: int
    unreachable: int
    catching_up: int
    lacking: tuple[Lack, ...]
    sustain_seconds: float
    grounded_seconds: float
    warm_up_seconds: float


def gather_facts(
    standings: Mapping[str, ReplicaStanding],
    tip: Tip | None,
    *,
    grounded_seconds: float,
    sustain_seconds: float,
    deadline_seconds: float,
    warm_up_seconds: float,
    now: float,
) -> Facts:
    """Count the replicas by what they mean for the pool's size; the order of `standings` does not matter."""
    own = {name: standing for name, standing in standings.items() if standing.replica_class is not ReplicaClass.FOREIGN}
    classes = [standing.replica_class for standing in own.values()]
    lacking = []
    for name, standing in sorted(own.items()):
        patience = deadline_seconds if standing.replica_class is ReplicaClass.CATCHING_UP else sustain_seconds
        seconds = min(now - _find_start(standing), grounded_seconds)
        if standing.replica_class in _DOING and seconds >= patience:
            lacking.append(Lack(name, standing.replica_class, seconds))
    unknown = classes.count(ReplicaClass.UNKNOWN)
    return Facts(
        tip=tip,
        current=len(own),
        unknown=unknown,
        ailing=sum(c in AILING for c in classes),
        unreachable=classes.count(ReplicaClass.UNREACHABLE),
        catching_up=classes.count(ReplicaClass.CATCHING_UP) + unknown,
        lacking=tuple(lacking),
        sustain_seconds=sustain_seconds,
        grounded_seconds=grounded_seconds,
        warm_up_seconds=warm_up_seconds,
    )


def _find_start(standing: ReplicaStanding) -> float:
    """Find since when a replica does what may make it lacking; who answers again, but behind, ails all the while."""
    if standing.replica_class in AILING and standing.ailing_since is not None:
        return standing.ailing_since
    return standing.since


def describe_lack(facts: Facts) -> list[str]:
    """Say who is lacking, such as "1 lagging for 72 s"; the time is that of the longest."""
    words = []
    for replica_class, doing in _DOING.items():
        seconds = [lack.seconds for lack in facts.lacking if lack.replica_class is replica_class]
        if seconds:
            words.append(f"{len(seconds)} {doing} for {max(seconds):.0f} s")
    return words
