"""Which changes would a person want to know? Events of a pool, from what status said and says. No change, no event."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.observed import reasons
from readpool.pool.condition_types import ConditionType, is_good
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import Condition, ConditionStatus

_WITHOUT_EVENTS = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.RESOURCES)
"""Ready and Reconciling change with each pod, and other Events say it better; Resources changes only with the spec."""
_COUNTED = (reasons.ENOUGH_FRESH, reasons.TOO_FEW_FRESH)
"""While replicas come, go or are restarted, one too few is fresh again and again."""
_NOT_YET = (
    *(reasons.NONE_FRESH, reasons.TOO_FEW_FRESH, reasons.NONE_REACHABLE, reasons.NO_ENDPOINTS),
    *(reasons.NOT_OBSERVED, reasons.WAITING_FOR_KEDA, reasons.USAGE_UNKNOWN),
    *(reasons.SCALER_UNREACHABLE, reasons.SCALED_OBJECT_NOT_READY),
)
"""What every pool goes through while it comes up."""
YOUNG_SECONDS = 600.0
"""A pool's first minutes, as long as a replica may take before Stalled says so."""


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """One Event; `is_warning`: somebody may have to do something."""

    reason: str
    message: str
    is_warning: bool = False


def find_events(
    last: Iterable[Condition], now: Iterable[Condition], *, is_young: bool = False
) -> tuple[PoolEvent, ...]:
    """Find what became of the conditions; of a pool that is new, only what is wrong at once.

    Of one that `is_young`, nothing that has only not been there yet: what stays away is told by Stalled.
    """
    known, new = ({condition.type: condition for condition in conditions} for conditions in (last, now))
    is_moving = ConditionType.RECONCILING in new and new[ConditionType.RECONCILING].status is ConditionStatus.TRUE
    is_coming_up = is_young and (ConditionType.FRESH not in known or not is_good(known[ConditionType.FRESH]))
    events = []
    for condition in new.values():
        before = known.get(condition.type)
        if condition.type in _WITHOUT_EVENTS or _is_told_elsewhere(condition, is_moving=is_moving):
            continue
        is_warning = not is_good(condition)
        if is_warning and is_coming_up and condition.reason in _NOT_YET:
            continue
        is_wrong_at_once = condition.type == ConditionType.STALLED or condition.reason == reasons.CORE_TOO_OLD
        is_news = is_warning and is_wrong_at_once if before is None else _is_change(before, condition)
        if is_news:
            events.append(PoolEvent(condition.reason, f"{condition.type}: {condition.message}", is_warning))
    return tuple(events)


def is_young(pool: ReadOnlyPool, now: float) -> bool:
    """Return whether a pool is in its first minutes."""
    made = pool.creation_timestamp
    return made is not None and now - made.timestamp() < YOUNG_SECONDS


def _is_told_elsewhere(condition: Condition, *, is_moving: bool) -> bool:
    """Return whether another Event says it: Routing that the scaler is silent, the restart of a replica the rest."""
    if condition.type != ConditionType.FRESH:
        return False
    return condition.reason == reasons.SCALER_UNREACHABLE or (is_moving and condition.reason in _COUNTED)


def _is_change(before: Condition, now: Condition) -> bool:
    return (before.status, before.reason) != (now.status, now.reason)
