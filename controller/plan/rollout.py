"""Which pod may be restarted next, so that its new version or configuration takes effect? At most one, as a rule.

A fresh one goes only when all fresh ones that went before it are back and fresh; those that are not fresh go first. A
broken version therefore costs one fresh replica, not the pool. One that was not fresh before its restart proves nothing
by not coming back, so no one waits for it for long.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class RolloutReplica:
    """A replica as the rollout sees it.

    Attributes:
        is_outdated: made of an older template or configuration.
        was_unhealthy: it was not fresh before it was restarted, or has never been.
        is_awaited: it is expected to be back, or gone, any minute: it has not taken long yet, and nothing is known to
            keep it.
    """

    name: str
    ordinal: int
    replica_class: ReplicaClass
    is_ready: bool
    is_terminating: bool
    is_outdated: bool
    was_unhealthy: bool = False
    is_awaited: bool = True


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """The pod to restart, None for none at the moment; `waits_for` says why not, empty when all is done.

    `is_under_way`: one that was restarted is not back yet.
    """

    restart: str | None = None
    waits_for: str = ""
    is_under_way: bool = False


def choose_restart(
    replicas: Iterable[RolloutReplica], wanted: int, unhealthy: AbstractSet[int] = frozenset()
) -> RolloutStep:
    """Choose the next pod to delete; its StatefulSet makes it again.

    `wanted`: how many replicas there are to be; `unhealthy`: the ordinals of those that were not fresh before.
    """
    known = sorted(replicas, key=lambda replica: -replica.ordinal)
    outdated = [replica for replica in known if replica.is_outdated and not replica.is_terminating]
    if not outdated:
        return RolloutStep()
    gone = [replica.name for replica in known if replica.is_terminating and replica.is_awaited]
    missing = set(range(wanted)) - {replica.ordinal for replica in known} - unhealthy
    if gone or missing:
        waits_for = f"{gone[0]} to terminate" if gone else "a pod to be created"
        return RolloutStep(waits_for=waits_for, is_under_way=True)
    of_no_use = [one for one in outdated if _is_of_no_use(one)]
    if of_no_use:
        return RolloutStep(of_no_use[0].name)
    on_the_way = [one.name for one in known if _is_on_the_way(one) and (one.is_awaited or not one.was_unhealthy)]
    if on_the_way:
        return RolloutStep(waits_for=f"{on_the_way[0]} to become fresh", is_under_way=True)
    fresh = [one for one in known if one.replica_class is ReplicaClass.FRESH and not one.is_terminating]
    return _choose_serving(outdated, fresh, wanted)


def note_unhealthy(
    replicas: Iterable[RolloutReplica], wanted: int, noted: AbstractSet[int], newcomers: AbstractSet[int]
) -> frozenset[int]:
    """Note the ordinals of replicas that are not fresh before they run what is rolled out, until they are with it.

    `newcomers` are those that there were not before the rollout, so that they have never been fresh.
    """
    known = {replica.ordinal: replica for replica in replicas if replica.ordinal < wanted}
    unhealthy = {ordinal for ordinal, one in known.items() if one.is_outdated and _is_unhealthy(one)}
    healthy = {ordinal for ordinal, one in known.items() if one.replica_class is ReplicaClass.FRESH and one.is_ready}
    return frozenset(one for one in (noted | newcomers) - healthy | unhealthy if one < wanted)


def _choose_serving(outdated: Sequence[RolloutReplica], fresh: Sequence[RolloutReplica], wanted: int) -> RolloutStep:
    """Choose among those that may serve readers: laggards first, never the last fresh one of several.

    One of which no one knows what it is counts as fresh, unless the kubelet has no answer of it either.
    """
    behind = [one for one in outdated if _is_behind(one)]
    if behind:
        return RolloutStep(behind[0].name)
    fresh_outdated = [one for one in outdated if one.replica_class is ReplicaClass.FRESH]
    if fresh_outdated and (len(fresh) > 1 or wanted <= 1):
        return RolloutStep(fresh_outdated[0].name)
    if fresh_outdated:
        return RolloutStep(waits_for="a second fresh replica")
    return RolloutStep(waits_for=f"the scaler's report on {outdated[0].name}")


def _is_of_no_use(replica: RolloutReplica) -> bool:
    """Return whether no one loses anything by its restart: it is of another network, or answers no one."""
    is_silent = replica.replica_class is ReplicaClass.UNREACHABLE and not replica.is_ready
    return is_silent or replica.replica_class is ReplicaClass.FOREIGN


def _is_behind(replica: RolloutReplica) -> bool:
    is_silent = replica.replica_class is ReplicaClass.UNKNOWN and not replica.is_ready
    return is_silent or replica.replica_class in (
        ReplicaClass.LAGGING,
        ReplicaClass.CATCHING_UP,
        ReplicaClass.UNREACHABLE,
    )


def _is_unhealthy(replica: RolloutReplica) -> bool:
    """Return whether it is known not to be fresh; of one that is ready, a silent scaler says nothing."""
    is_silent = replica.replica_class is ReplicaClass.UNKNOWN and replica.is_ready
    return replica.replica_class is not ReplicaClass.FRESH and not is_silent


def _is_on_the_way(replica: RolloutReplica) -> bool:
    """Return whether a restarted one is not back yet. One that lags was fresh since it started, so it is back."""
    is_back = replica.replica_class in (ReplicaClass.FRESH, ReplicaClass.LAGGING) and replica.is_ready
    return not replica.is_outdated and not replica.is_terminating and not is_back
