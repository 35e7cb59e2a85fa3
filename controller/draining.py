"""Who is about to go, and who gets its readers? A replica loses its endpoint before it is told to end, never after.

Under controller.plan: routing leaves out whoever goes, and a pool gets smaller only when those that stay can serve.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from controller.replicas import Replica
from readpool.replica_class import ReplicaClass


def find_surplus(replicas: Iterable[Replica], wanted: int) -> frozenset[str]:
    """Find the replicas that a StatefulSet of `wanted` replicas ends: those of the highest ordinals."""
    return frozenset(replica.name for replica in replicas if replica.ordinal >= wanted)


def leave_out(candidates: Sequence[Replica], going: AbstractSet[str]) -> Sequence[Replica]:
    """Leave out whoever is about to go; nobody where no reader could be served by those that stay."""
    staying = [replica for replica in candidates if replica.name not in going]
    return staying if any(map(can_serve, staying)) else candidates


def choose_size(replicas: Sequence[Replica], wanted: int, running: int | None) -> int:
    """Choose how many replicas the StatefulSet is to have: `running` still, while only those that would go can serve.

    `running` is what it has now, None where there is none. Where nobody can serve, nothing is gained by waiting.
    """
    if running is None or running <= wanted:
        return wanted
    serving = [replica.ordinal for replica in replicas if replica.is_candidate and can_serve(replica)]
    return running if serving and min(serving) >= wanted else wanted


def can_serve(replica: Replica) -> bool:
    """Tell whether a reader gets an answer from it: by the scaler's word, and by the kubelet's where that says none."""
    match replica.replica_class:
        case ReplicaClass.FRESH | ReplicaClass.LAGGING:
            return True
        case ReplicaClass.CATCHING_UP:
            return replica.has_ledgers
        case ReplicaClass.UNKNOWN:
            return replica.is_ready
        case _:
            return False
