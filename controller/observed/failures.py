"""What would the API server not take, and for how long? One failure an object, from what a write was answered with.

Kept in a pool's memory by controller.reconcile.reconcile; the plan and its conditions go by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import ObjectKey

TOLD_AFTER = 2
"""A write that failed once is tried again before anybody hears of it."""
STALLED_AFTER_SECONDS = 60.0
"""What has failed for so long is a person's matter."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of the last writes of one object.

    Attributes:
        message: the API server's words.
        is_permanent: the same write would be refused again.
        count: how many have failed in a row.
        since: Unix seconds of the first of them.
    """

    message: str
    is_permanent: bool
    count: int
    since: float


def note_failure(before: Failure | None, error: ApiError, now: float) -> Failure:
    """Note one more failure of an object."""
    message = error.message or error.reason
    if before is None:
        return Failure(message, error.is_permanent, 1, now)
    return Failure(message, error.is_permanent, before.count + 1, before.since)


def list_refused(failures: Mapping[ObjectKey, Failure]) -> dict[ObjectKey, str]:
    """List the objects that are refused permanently, and why."""
    return {key: one.message for key, one in failures.items() if one.is_permanent}


def list_failing(failures: Mapping[ObjectKey, Failure]) -> dict[ObjectKey, Failure]:
    """List what fails again and again, and may succeed yet."""
    return {key: one for key, one in failures.items() if not one.is_permanent and one.count >= TOLD_AFTER}
