"""What share of the readers' traffic does each replica get? Classes in, weights out; slices, Envoy, routes carry them.

The class decides: as many fresh ones as there are to be need no laggard beside them, nor one that may turn out to be
one. Always somewhere to go: where no one is fresh, all that can answer a read serve.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class WeightSettings:
    """What the pool asks for.

    Attributes:
        fresh_weight: of a fresh replica (freshNodeWeight).
        lagging_weight: of a lagging one (laggingNodeWeight).
        enough_fresh: beside so many fresh ones, none in doubt, a lagging one and one in doubt get nothing; 0: never.
    """

    fresh_weight: int = 100
    lagging_weight: int = 10
    enough_fresh: int = 0


@dataclass(frozen=True, slots=True)
class WeighedReplica:
    """One replica as the weights see it.

    Attributes:
        name: unique in the pool.
        replica_class: as the scaler says.
        lag_ledgers: how far it is behind, None while not known.
        last_weight: what it had before, None for a newcomer.
        is_stale: nothing was heard of it for three polls.
        has_ledgers: it is known to hold ledgers of the network's; a newcomer that does not answers, but has nothing to
            read, and one that was never heard may not even answer.
        is_doubted: it is fresh, and its last answer speaks against that.
    """

    name: str
    replica_class: ReplicaClass
    lag_ledgers: int | None = None
    last_weight: int | None = None
    is_stale: bool = False
    has_ledgers: bool = True
    is_doubted: bool = False

    @property
    def counts_as_fresh(self) -> bool:
        """Return whether it serves as a fresh one does, while its class is not known too."""
        return self.replica_class in (ReplicaClass.FRESH, ReplicaClass.UNKNOWN)


def count_enough(target: int) -> int:
    """Return beside how many fresh replicas a lagging one gets no reads: five sixths of the target, rounded up.

    So one in six may lag before readers are sent to those that do; the others can serve a sixth more.
    """
    return target - target // 6


def compute_weights(replicas: Iterable[WeighedReplica], settings: WeightSettings) -> dict[str, int]:
    """Weigh all replicas of a pool, by name; 0 is no traffic. The order of `replicas` does not matter."""
    known = sorted(replicas, key=_by_lag)
    weights = {replica.name: _weigh(replica, settings) for replica in known}
    certain = sum(r.replica_class is ReplicaClass.FRESH and not r.is_doubted for r in known)
    if 0 < settings.enough_fresh <= certain:
        weights |= {r.name: 0 for r in known if r.replica_class is ReplicaClass.LAGGING or r.is_doubted}
    if not any(weights[r.name] for r in known if r.counts_as_fresh):
        weights |= {r.name: max(1, settings.lagging_weight) for r in _choose_able(known)}
    return weights


def _weigh(replica: WeighedReplica, settings: WeightSettings) -> int:
    """Weigh by class alone; an unknown one keeps what it had until that is stale, then counts as fresh.

    But not a newcomer that no one has ever heard: of that, time makes nothing better.
    """
    match replica.replica_class:
        case ReplicaClass.FRESH:
            return settings.fresh_weight
        case ReplicaClass.LAGGING:
            return settings.lagging_weight
        case ReplicaClass.UNKNOWN:
            is_known = replica.has_ledgers or bool(replica.last_weight)
            return settings.fresh_weight if replica.is_stale and is_known else replica.last_weight or 0
        case _:
            return 0


def _choose_able(known: Sequence[WeighedReplica]) -> Sequence[WeighedReplica]:
    """Choose who serves where no one is fresh: the first of these of whom there is any.

    Replicas that hold ledgers; then those that claim more ledgers than the network can have; then, in a pool that
    starts empty, those without ledgers.
    """
    answering = [r for r in known if _answers(r)]
    claiming = [r for r in known if r.replica_class is ReplicaClass.FOREIGN]
    able = [r for r in answering if r.has_ledgers or r.replica_class is ReplicaClass.LAGGING]
    return able or claiming or answering


def _answers(replica: WeighedReplica) -> bool:
    return replica.replica_class in (ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP)


def _by_lag(replica: WeighedReplica) -> tuple[bool, int, str]:
    """Put the least lagging first, those of unknown lag last."""
    return replica.lag_ledgers is None, replica.lag_ledgers or 0, replica.name
