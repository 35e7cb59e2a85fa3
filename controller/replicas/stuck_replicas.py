"""Which replicas are not ready, why, and for how long? What the conditions Ready and Stalled say of them."""

from collections.abc import Iterable, Sequence

from controller.observed import reasons
from controller.replicas.pod_troubles import count_troubles
from controller.replicas.replicas import Replica
from controller.resources.start_command import MOST_SECONDS
from readpool.pool.condition_types import ConditionType
from readpool.pool.status import Condition, ConditionStatus


def count_unready(replicas: Sequence[Replica], wanted: int) -> str:
    """Count what keeps replicas from being ready: pods' own reasons, then those that just have not come up yet."""
    staying = [one for one in replicas if one.ordinal < wanted]
    awaited = [one for one in staying if not one.is_out_of_service]
    starting = sum(not one.is_ready and not one.is_terminating and one.trouble is None for one in awaited)
    ending = sum(one.is_terminating for one in staying)
    missing = wanted - len(staying)
    rest = {"starting": starting, "terminating": ending, "not created yet": missing}
    told = [f"{count} {what}" for what, count in rest.items() if count > 0]
    known = count_troubles(one.trouble for one in awaited if one.trouble is not None and not one.is_terminating)
    return ", ".join(([known] if known else []) + told)


STUCK_AFTER_SECONDS = 600.0
"""So long a replica may take to come up before a person is told: images are large, and databases are made.

One whose Core runs and has never answered may be catching up before `run`, for as long as that may take.
"""
_TOLD_REPLICAS = 3
_NO_REASON = "reports no reason (see kubectl describe pod)"


def find_stuck_replicas(
    replicas: Sequence[Replica], wanted: int, now: float, conditions: Iterable[Condition] = ()
) -> tuple[str, str] | None:
    """Find which replicas have not come up for so long that a person has to look, and what their pods say of it.

    `conditions` are those of status: where a pod does not say since when it is not ready, Ready does.
    """
    told_since = next((one.last_transition_time.timestamp() for one in conditions if _tells_unready(one)), now)
    stuck = [
        one
        for one in replicas
        if one.ordinal < wanted and not one.is_terminating and not one.is_ready and not one.is_out_of_service
        if not one.may_catch_up(now)
        if now - (told_since if one.unready_since is None else one.unready_since) >= STUCK_AFTER_SECONDS
    ]
    if not stuck:
        return None
    told = [f"{one.name} {one.trouble.one if one.trouble is not None else _NO_REASON}" for one in stuck]
    more = f"; and {len(told) - _TOLD_REPLICAS} more" if len(told) > _TOLD_REPLICAS else ""
    minutes = int(STUCK_AFTER_SECONDS // 60)
    return reasons.REPLICA_STUCK, f"Not ready for more than {minutes} min: {'; '.join(told[:_TOLD_REPLICAS])}{more}"


def _tells_unready(condition: Condition) -> bool:
    return condition.type == ConditionType.READY and condition.status is ConditionStatus.FALSE


def list_stuck_times(replicas: Sequence[Replica], wanted: int) -> list[float]:
    """List when replicas that are not ready will have been so for too long."""
    awaited = [one for one in replicas if one.ordinal < wanted and not one.is_terminating and not one.is_out_of_service]
    unready = [one for one in awaited if one.unready_since is not None]
    starts = [one.started_at + MOST_SECONDS for one in unready if one.started_at is not None]
    return [one.unready_since + STUCK_AFTER_SECONDS for one in unready if one.unready_since is not None] + starts
