"""What does a pool say of itself that cannot be read? Stalled, with the reason, and where its readers are sent.

All else in its status stays as it is. And which spec counts meanwhile: the last one that could be read.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.observed import reasons
from readpool.kubernetes.kinds import Manifest
from readpool.pool.condition_types import ConditionType
from readpool.pool.spec import ReadOnlyPool, parse_what_is_understood
from readpool.pool.status import ConditionStatus
from readpool.timestamps import format_time


def recall_understood(manifest: Manifest, understood: ReadOnlyPool | None) -> ReadOnlyPool:
    """Return the pool as it was last understood, else as much of it as can be, with what is new but for the spec.

    Raises:
        PoolError: where its very name cannot be one.
    """
    known = parse_what_is_understood(manifest)
    deleted = manifest["metadata"].get("deletionTimestamp")
    if understood is None:
        return known
    return replace(
        understood, status=known.status, deletion_timestamp=datetime.fromisoformat(deleted) if deleted else None
    )


def merge_not_understood(
    manifest: Manifest, message: str, now: float, routing: Manifest | None = None
) -> list[Any] | None:
    """Put Stalled, and Routing where it is known, among a pool's conditions; None where they say so already."""
    found: list[Manifest] = (manifest.get("status") or {}).get("conditions") or []
    generation = manifest["metadata"].get("generation", 0)
    stalled = {
        "type": ConditionType.STALLED,
        "status": str(ConditionStatus.TRUE),
        "reason": reasons.INVALID_SPEC,
        "message": message,
    }
    told = [_date({**one, "observedGeneration": generation}, found, now) for one in (stalled, routing) if one]
    kept = [one for one in found if one.get("type") not in [one["type"] for one in told]]
    return None if all(one in found for one in told) else [*kept, *told]


def is_told(manifest: Manifest, message: str) -> bool:
    """Return whether Stalled says this already."""
    found: Iterable[Manifest] = (manifest.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == ConditionType.STALLED and one.get("message") == message for one in found)


def _date(condition: dict[str, Any], found: Iterable[Manifest], now: float) -> dict[str, Any]:
    """Set lastTransitionTime: when the status last changed."""
    last = next((one for one in found if one.get("type") == condition["type"]), {})
    is_same = last.get("status") == condition["status"] and last.get("lastTransitionTime")
    at = last["lastTransitionTime"] if is_same else format_time(now)
    return {**condition, "lastTransitionTime": at}
