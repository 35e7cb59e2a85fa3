"""May replicas that are no longer needed go? Between the sum of what is wanted and what the policy asks for.

A scale-in that was regretted, because more were wanted again soon after, doubles the wait before the next one.
"""

from dataclasses import dataclass, replace
from math import ceil

MOST_DOUBLINGS = 32
"""No wait is longer than the longest, and no power of two larger than a float."""


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """When replicas may go.

    Attributes:
        wait_seconds: fewer must have been enough for this long.
        premature_seconds: a scale-in after which more were wanted within this time was a mistake.
        longest_wait_seconds: no number of mistakes makes the wait longer than this.
        largest_share: so much of the pool may go at a time, and always one.
    """

    wait_seconds: float
    premature_seconds: float
    longest_wait_seconds: float
    largest_share: float


@dataclass(frozen=True, slots=True)
class Surplus:
    """What is remembered of letting replicas go.

    Attributes:
        last_desired: the size last asked for; None before the first decision.
        calm_since: since when fewer than that are wanted, in seconds; None while they are not.
        calm_peak: the most that was wanted since then.
        premature_scale_ins: scale-ins in a row that were mistakes.
        scaled_in_at: when replicas were last let go, in seconds; None when that has proved right or wrong.
    """

    last_desired: int | None = None
    calm_since: float | None = None
    calm_peak: int = 0
    premature_scale_ins: int = 0
    scaled_in_at: float | None = None


def hold_or_release(
    surplus: Surplus, wanted: int, *, may_release: bool, settings: ReleaseSettings, now: float
) -> tuple[int, Surplus]:
    """Return the size to ask for, at once what is `wanted` when that is more, and what to remember."""
    surplus = _judge_last_release(surplus, wanted, settings, now)
    held = wanted if surplus.last_desired is None else surplus.last_desired
    if wanted >= held:
        return wanted, _keep(surplus, wanted, None, 0)
    calm_since = now if surplus.calm_since is None else surplus.calm_since
    peak = max(wanted, surplus.calm_peak)
    if not may_release or now - calm_since < _compute_wait(surplus, settings):
        return held, _keep(surplus, held, calm_since, peak)
    left = max(peak, held - max(1, int(settings.largest_share * held)))
    return left, replace(surplus, last_desired=left, calm_since=None, calm_peak=0, scaled_in_at=now)


def describe_wait(surplus: Surplus, settings: ReleaseSettings) -> str:
    """Describe what the next scale-in waits for if one may take place: `until fewer have been enough for 5 min`."""
    return f"until fewer have been enough for {ceil(_compute_wait(surplus, settings) / 60.0)} min"


def _compute_wait(surplus: Surplus, settings: ReleaseSettings) -> float:
    """Compute for how many seconds fewer must have been enough before a replica may go."""
    wait_seconds = settings.wait_seconds * 2.0 ** min(surplus.premature_scale_ins, MOST_DOUBLINGS)
    return min(wait_seconds, settings.longest_wait_seconds)


def _keep(surplus: Surplus, desired: int, calm_since: float | None, calm_peak: int) -> Surplus:
    is_same = (surplus.last_desired, surplus.calm_since, surplus.calm_peak) == (desired, calm_since, calm_peak)
    return (
        surplus
        if is_same
        else Surplus(desired, calm_since, calm_peak, surplus.premature_scale_ins, surplus.scaled_in_at)
    )


def _judge_last_release(surplus: Surplus, wanted: int, settings: ReleaseSettings, now: float) -> Surplus:
    """Count a scale-in as premature when more are wanted soon after; reset the count when one has proved right."""
    if surplus.scaled_in_at is None or surplus.last_desired is None:
        return surplus
    if now - surplus.scaled_in_at >= settings.premature_seconds:
        return replace(surplus, premature_scale_ins=0, scaled_in_at=None)
    if wanted > surplus.last_desired:
        return replace(surplus, premature_scale_ins=surplus.premature_scale_ins + 1, scaled_in_at=None)
    return surplus
