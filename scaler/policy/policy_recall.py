"""What is believed of what another process remembered, and what is told for the next one. Beside scaler.policy.policy.

Both scalers restarted at once are to ask for what they asked for before. What is told comes back by the pool's status,
which anything may have been written into meanwhile: values that cannot be true are left out, and what is doubtful is
read in the way that removes no replica too early.
"""

from dataclasses import replace
from math import isfinite

from scaler.policy.capacity import Capacity
from scaler.policy.policy_facts import Flapping
from scaler.policy.policy_release import MOST_DOUBLINGS, Surplus
from scaler.policy.policy_settings import Bounds, PolicySettings
from scaler.policy.policy_state import PolicyMemory
from scaler.policy.policy_warmup import REMEMBERED_WARM_UPS, WarmUps
from scaler.policy.remembered import Remembered
from scaler.standing.overload import Overload

CONTINUES_SECONDS = 300.0
"""After so long without a scaler, calm still counts as calm: as long as an HPA waits."""
ASKED_SECONDS = 900.0
"""For so long what was asked for is what is meant; later, what is there is."""
_SLACK_SECONDS = 60.0
"""Times are told in whole seconds, and by either of two scalers; anything later than that after it was told is odd."""
_LONGEST_WARM_UP_SECONDS = 86_400.0


def tell_memory(memory: PolicyMemory, network: str | None, now: float, out: int = 0) -> Remembered | None:
    """Build what to keep; None before the first decision, when nothing new is known.

    The size is that of all, including those `out` of service, which are subtracted again when it is recalled.
    """
    surplus = memory.surplus
    if surplus.last_desired is None or memory.recalled_at is not None:
        return None
    return Remembered(
        reported_at=now,
        network=network,
        asked=surplus.last_desired + out,
        surplus_since=surplus.calm_since,
        surplus_peak=surplus.calm_peak,
        premature_scale_ins=min(surplus.premature_scale_ins, MOST_DOUBLINGS),
        scaled_in_at=surplus.scaled_in_at,
        overloaded_at=memory.overload.seen_at,
        warm_up_seconds=memory.warm_ups.median_seconds,
        warm_ups=len(memory.warm_ups.seconds),
        average_unhealthy=memory.flapping.mean,
        request_rate_known=memory.capacity.request_rate_known,
    )


def recall(known: Remembered | None, network: str | None, settings: PolicySettings, now: float) -> PolicyMemory:
    """Build what to begin with; an empty memory where nothing is known, or only of another network.

    The time since it was told is by two clocks, ours and the other scaler's: where it is in the future, no time has
    passed, and ages stay what they were by the other one.
    """
    if known is None or not isfinite(known.reported_at) or known.reported_at <= 0:
        return PolicyMemory()
    if network is not None and known.network is not None and network != known.network:
        return PolicyMemory()
    warm_ups = _recall_warm_ups(known)
    passed = now - known.reported_at
    if passed >= settings.longest_wait_seconds:
        return PolicyMemory(warm_ups=warm_ups)
    ahead = min(0.0, passed)
    scaled_in_at = _recall_time(known.scaled_in_at, known.reported_at, ahead)
    surplus = Surplus(
        last_desired=_recall_size(known.asked, settings.bounds) if passed < ASKED_SECONDS else None,
        premature_scale_ins=max(0, min(known.premature_scale_ins, MOST_DOUBLINGS)),
        scaled_in_at=scaled_in_at,
    )
    if surplus.last_desired is not None and passed < CONTINUES_SECONDS:
        calm_since = _recall_time(known.surplus_since, known.reported_at, ahead)
        peak = known.surplus_peak if calm_since is not None else 0
        surplus = replace(surplus, calm_since=calm_since, calm_peak=max(0, min(peak, surplus.last_desired)))
    return PolicyMemory(
        surplus=surplus,
        flapping=_recall_unhealthy(known, settings.bounds, now) if passed < CONTINUES_SECONDS else Flapping(),
        warm_ups=warm_ups,
        capacity=Capacity(request_rate_known=known.request_rate_known),
        overload=Overload(seen_at=_recall_overload(known, ahead)),
        is_undecided=True,
        recalled_at=now,
    )


def _recall_size(asked: int, bounds: Bounds) -> int | None:
    """Return a plausible size that was asked for, at least the target; None for an impossible one."""
    if asked < 1:
        return None
    least = max(bounds.minimum, min(bounds.target, bounds.maximum))
    return max(least, min(asked, bounds.maximum))


def _recall_time(at: float | None, reported_at: float, ahead: float) -> float | None:
    if at is None or not isfinite(at) or at <= 0 or at > reported_at + _SLACK_SECONDS:
        return None
    return min(at, reported_at) + ahead


def _recall_unhealthy(known: Remembered, bounds: Bounds, now: float) -> Flapping:
    mean = known.average_unhealthy if isfinite(known.average_unhealthy) else 0.0
    return Flapping(max(0.0, min(mean, float(bounds.maximum))), now)


def _recall_overload(known: Remembered, ahead: float) -> float | None:
    """Restore that overload was seen, even with an implausible time."""
    if known.overloaded_at is None:
        return None
    at = _recall_time(known.overloaded_at, known.reported_at, ahead)
    return known.reported_at + ahead if at is None else at


def _recall_warm_ups(known: Remembered) -> WarmUps:
    seconds, count = known.warm_up_seconds, max(0, min(known.warm_ups, REMEMBERED_WARM_UPS))
    if seconds is None or not isfinite(seconds) or not 0 < seconds <= _LONGEST_WARM_UP_SECONDS:
        return WarmUps()
    return WarmUps(seconds=(seconds,) * count)
