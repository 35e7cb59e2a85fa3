"""Who is about to go, and who gets its readers? A replica loses its endpoint before it is told to end, never after.

Under plan.plan: routing leaves out leaving replicas, and a pool scales in only when the remaining ones can serve.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from controller.replicas.replicas import Replica
from readpool.replica_class import ReplicaClass


def find_surplus(replicas: Iterable[Replica], wanted: int) -> frozenset[str]:
    """Find the replicas that a StatefulSet of `wanted` replicas ends: those of the highest ordinals."""
    return frozenset(replica.name for replica in replicas if replica.ordinal >= wanted)


def leave_out(candidates: Sequence[Replica], terminating: AbstractSet[str]) -> Sequence[Replica]:
    """Leave out leaving replicas; none if no remaining replica could serve readers."""
    staying = [replica for replica in candidates if replica.name not in terminating]
    if any(map(can_serve, staying)):
        return staying
    is_known = any(map(can_serve, candidates))  # otherwise the kubelet's word is all there is
    return candidates if is_known or not any(one.is_ready for one in staying) else staying


def leave_out_dead(candidates: Sequence[Replica]) -> Sequence[Replica]:
    """Leave out replicas that the kubelet reports as terminated, while another holds ledgers and may respond."""
    alive = [replica for replica in candidates if not replica.is_dead]
    return alive if any(can_serve(one) or (one.is_ready and one.is_proven) for one in alive) else candidates


def choose_size(
    replicas: Sequence[Replica], wanted: int, running: int | None, *, is_return_expected: bool = False
) -> int:
    """Choose how many replicas the StatefulSet is to have: `running` still, while only those that would go can serve.

    And while all fresh ones would go and those that stay are expected to be fresh again, and one that is out of service
    stays. `running` is what it has now, None where there is none. Where no one can serve, nothing is gained by waiting.
    """
    if running is None or running <= wanted:
        return wanted
    wanted = max(wanted, min(running, _find_end_of_out_of_service(replicas)))
    serving = [replica.ordinal for replica in replicas if replica.is_candidate and can_serve(replica)]
    fresh = [replica.ordinal for replica in replicas if replica.is_fresh and not replica.is_dead]
    is_last_to_serve = bool(serving) and min(serving) >= wanted
    is_last_fresh = is_return_expected and bool(fresh) and min(fresh) >= wanted
    return running if is_last_to_serve or is_last_fresh else wanted


def _find_end_of_out_of_service(replicas: Iterable[Replica]) -> int:
    """Find how many replicas there have to be at least, so that no one ends whom a person looks at."""
    return max((one.ordinal + 1 for one in replicas if one.is_out_of_service and not one.is_terminating), default=0)


def explain_wait(replicas: Sequence[Replica], wanted: int, size: int) -> str:
    """Name what a pool waits for that is kept at `size` though fewer are wanted; empty where it is not."""
    if size <= wanted or not replicas:
        return ""
    if size == _find_end_of_out_of_service(replicas):
        name = next(one.name for one in replicas if one.ordinal == size - 1)
        return f"{name} to be back in service"
    is_fresh = any(replica.is_fresh for replica in replicas)
    return f"a {'fresh' if is_fresh else 'serving'} replica among those that remain"


def can_serve(replica: Replica) -> bool:
    """Return whether a reader gets an answer from it: by the scaler's word, and by the kubelet's where that says none.

    The kubelet's alone says of a newcomer that it answers, not that it has anything to read.
    """
    if replica.is_dead:
        return False
    match replica.replica_class:
        case ReplicaClass.FRESH | ReplicaClass.LAGGING:
            return True
        case ReplicaClass.CATCHING_UP:
            return replica.has_ledgers
        case ReplicaClass.UNKNOWN:
            return replica.is_ready and replica.is_proven
        case _:
            return False
