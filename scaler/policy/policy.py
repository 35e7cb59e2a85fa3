"""How many replicas should there be? The last decision on the path from polls to KEDA: standings in, a number out.

Gathers the facts (policy_facts), asks whether anything prevents a decision (hold_reasons), adds up, and lets
nothing go too early (policy_release). The caller keeps the memory between calls; docs/lab/policy.md says what each
guard is worth.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from scaler.policy.capacity import learn
from scaler.policy.hold_reasons import LOSES_SIGHT, find_hold_reason
from scaler.policy.policy_facts import Facts, Flapping, describe_unhealthy, follow_flapping, gather_facts
from scaler.policy.policy_need import Need, find_need
from scaler.policy.policy_recall import ASKED_SECONDS, CONTINUES_SECONDS
from scaler.policy.policy_release import ReleaseSettings, Surplus, describe_wait, hold_or_release
from scaler.policy.policy_settings import Bounds, PolicySettings
from scaler.policy.policy_state import PolicyMemory
from scaler.policy.policy_warmup import WarmUps, record_warm_ups
from scaler.standing.core_protocol import leave_out_too_old
from scaler.standing.overload import watch_overload
from scaler.standing.standing import ReplicaState
from scaler.standing.tip import Tip

__all__ = ["SCALING_FROM_ZERO", "Bounds", "Decision", "PolicyMemory", "PolicySettings", "decide", "decide_from_zero"]

ON_TARGET = "OnTarget"
"""Nothing lacks; the target is enough."""
REPLACING_UNHEALTHY = "ReplacingUnhealthy"
"""Replicas are unhealthy; one more is asked for in place of each."""
SCALED_FOR_LOAD = "ScaledForLoad"
"""The request rate needs more replicas than the target, from the learned capacity."""
SCALE_DOWN_DELAYED = "ScaleDownDelayed"
"""Fewer would do, but not yet for long enough to let a replica go."""
REQUESTS_UNKNOWN = "RequestsUnknown"
"""Fewer would do, but the request rate, which was known, is unknown, so the surplus cannot be determined."""
SCALING_FROM_ZERO = "ScalingFromZero"
"""No replica is there at all: the target is asked for, or what was asked for last."""
LIMITED_BY_SURGE = "LimitedBySurge"
"""More are wanted than may catch up at once; the rest follows when these are fresh."""
AT_MAXIMUM = "AtMaximum"
"""More are wanted than the pool's maximum allows."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The desired number of replicas with its reasons, or the reason why there is none.

    Attributes:
        desired: number of replicas; None if nothing can be decided, and KEDA has to keep the size.
        reason: CamelCase, stable, for machines.
        message: one sentence for people.
        unhealthy: replicas lagging or unreachable for sustainSeconds, or overdue in catching up.
        catching_up: replicas on their way to fresh.
        replicas_for_load: replicas needed for the request rate, from the learned capacity; 0 if unknown.
        learned_requests_per_replica: capacity of one replica in requests/s; None if unknown.
        is_for_nobody: no replica is there, and none has ever been known: there may be some that go by another name.
    """

    desired: int | None
    reason: str
    message: str
    unhealthy: int = 0
    catching_up: int = 0
    replicas_for_load: int = 0
    learned_requests_per_replica: float | None = None
    is_for_nobody: bool = False


def decide_from_zero(memory: PolicyMemory, settings: PolicySettings, now: float) -> tuple[Decision, PolicyMemory]:
    """Decide if DNS has no replica: an error would keep KEDA from scaling from zero for ever.

    If no replica has ever been known, none is asked for yet: the size to keep is what exists once the first is known.
    """
    if settings.hold_reason is not None:
        decision = Decision(None, settings.hold_reason.reason, settings.hold_reason.message)
        return decision, replace(memory, is_undecided=True)
    bounds = settings.bounds
    desired = max(bounds.minimum, min(max(bounds.target, memory.surplus.last_desired or 0), bounds.maximum))
    is_for_nobody = memory.surplus.last_desired is None
    decision = Decision(desired, SCALING_FROM_ZERO, f"no replicas exist, {desired} wanted", is_for_nobody=is_for_nobody)
    if is_for_nobody:
        return decision, memory
    surplus = replace(memory.surplus, last_desired=desired, calm_since=None, calm_peak=0)
    return decision, replace(memory, grounded_since=now, surplus=surplus, is_undecided=False, recalled_at=None)


def decide(
    standings: Mapping[str, ReplicaState],
    tip: Tip | None,
    *,
    observed_since: float,
    memory: PolicyMemory,
    settings: PolicySettings,
    now: float,
    requests: Mapping[str, float] | None = None,
    failing: Collection[str] = (),
) -> tuple[Decision, PolicyMemory]:
    """Decide how many replicas there should be, and return it with what to remember.

    `requests` is requests/s by replica where it is known, `failing` names those of them that fail their readers. A
    foreign replica is neither capacity nor lack: a new replica would be no less foreign. Without ground the decision is
    None and nothing that was learned changes.
    """
    grounded_since = observed_since if memory.grounded_since is None else max(observed_since, memory.grounded_since)
    warm_ups = _record_warm_ups(memory, settings, standings, observed_since)
    measured = warm_ups.median_seconds or settings.assumed_warm_up_seconds
    warm_up_seconds = max(measured, settings.sustain_seconds)
    facts = gather_facts(
        standings,
        tip,
        grounded_seconds=now - grounded_since,
        sustain_seconds=settings.sustain_seconds,
        deadline_seconds=settings.catch_up_deadline(warm_ups.median_seconds),
        warm_up_seconds=warm_up_seconds,
        now=now,
        asked=memory.surplus.last_desired,
    )
    if settings.unready:
        facts = replace(facts, unready=settings.unready)
    missing = find_hold_reason(facts, is_first=not memory.has_decided)
    if (why := settings.hold_reason or missing) is not None:
        lost_now = missing is not None and missing.reason in LOSES_SIGHT
        since = now if lost_now else memory.grounded_since
        decision = Decision(None, why.reason, why.message, catching_up=facts.catching_up)
        return decision, _hold(replace(memory, grounded_since=since, warm_ups=warm_ups), now)
    memory = _take_what_is_there(memory, facts, settings.bounds, now)
    judged = leave_out_too_old(standings)
    capacity = learn(memory.capacity, judged, requests, now, failing)
    need = find_need(capacity, settings, measured)
    flapping = _follow_flapping(memory.flapping, facts, settings, now)
    overload = watch_overload(memory.overload, judged, now)
    fears_overload = not need.replicas and overload.seen_at is not None
    may_hide_lack = memory.may_hide_lack and _may_hide_lack(facts)
    release = settings.release(warm_up_seconds, is_unexplained=fears_overload or may_hide_lack)
    is_load_lost = requests is None and settings.request_rate_known(known_here=capacity.request_rate_known)
    is_load_unknown = is_load_lost and capacity.load is None
    obstacle = _name_obstacle(is_load_unknown, not is_load_lost and _is_enough(facts, settings.bounds), settings.bounds)
    decision, surplus = _size_pool(facts, flapping, need, memory.surplus, settings, release, now, obstacle)
    if is_load_unknown:
        decision, surplus = _wait_for_requests(decision, surplus)
    if overload.seen_at is not None and _is_calm_at_target(surplus.last_desired, settings.bounds, facts, flapping):
        overload = replace(overload, seen_at=None)
    return decision, PolicyMemory(
        memory.grounded_since, surplus, flapping, warm_ups, capacity, overload, may_hide_lack=may_hide_lack
    )


def _record_warm_ups(
    memory: PolicyMemory, settings: PolicySettings, standings: Mapping[str, ReplicaState], observed_since: float
) -> WarmUps:
    return record_warm_ups(
        memory.warm_ups,
        standings,
        joined_after=observed_since + settings.sustain_seconds,
        asked=memory.surplus.last_desired,
        keeps_volumes=settings.keeps_volumes,
    )


def _hold(memory: PolicyMemory, now: float) -> PolicyMemory:
    """Remember that nothing was decided, so that no time without a decision counts as calm."""
    return replace(memory, flapping=replace(memory.flapping, at=now), is_undecided=True)


def _is_enough(facts: Facts, bounds: Bounds) -> bool:
    """Return whether all replicas are known, the target is fresh, and lag can be told."""
    return facts.unknown == 0 and facts.fresh >= bounds.target and facts.tells_lag


def _name_obstacle(is_load_unknown: bool, is_enough: bool, bounds: Bounds) -> str:
    """Return why no replica may go, however long fewer have been enough; empty where one may."""
    if is_load_unknown:
        return "while the request rate is unknown"
    return "" if is_enough else f"until {bounds.target} are fresh and nothing about the pool is unknown"


def _wait_for_requests(decision: Decision, surplus: Surplus) -> tuple[Decision, Surplus]:
    """Blame the unknown request rate for a surplus; whether fewer have been enough meanwhile is unknown as well."""
    surplus = replace(surplus, calm_since=None, calm_peak=0)
    if decision.reason != SCALE_DOWN_DELAYED:
        return decision, surplus
    return replace(decision, reason=REQUESTS_UNKNOWN), surplus


def _is_calm_at_target(desired: int | None, bounds: Bounds, facts: Facts, flapping: Flapping) -> bool:
    """Return whether the target is enough again: no more was desired last, and no replica is unhealthy."""
    return desired is not None and desired <= bounds.target and not facts.degraded and not flapping.unhealthy


def _take_what_is_there(memory: PolicyMemory, facts: Facts, bounds: Bounds, now: float) -> PolicyMemory:
    """Keep the present size after any time without decisions; the reason for a surplus that came meanwhile is unknown.

    What was calm until a moment ago goes on being so, where another process has watched it until then.
    """
    surplus = memory.surplus
    if surplus.last_desired is not None and not memory.is_undecided:
        return memory
    waited = None if memory.recalled_at is None else now - memory.recalled_at
    was_watched = waited is not None and waited <= CONTINUES_SECONDS
    if waited is not None and waited > ASKED_SECONDS:
        surplus = replace(surplus, last_desired=None)
    if surplus.last_desired is None or facts.current > surplus.last_desired or not was_watched:
        surplus = replace(surplus, calm_since=None, calm_peak=0)
    held = max(facts.current, surplus.last_desired or 0)
    has_grown = facts.current > max(bounds.target, surplus.last_desired or 0)
    was_restarted_amid_need = memory.recalled_at is not None and memory.surplus.calm_since is None
    hides_lack = was_restarted_amid_need and held > bounds.target and _may_hide_lack(facts)
    is_unexplained = has_grown or hides_lack
    seen_at = memory.overload.seen_at
    overload = replace(memory.overload, seen_at=now if is_unexplained and seen_at is None else seen_at)
    return replace(
        memory,
        surplus=replace(surplus, last_desired=held),
        overload=overload,
        may_hide_lack=memory.may_hide_lack or hides_lack,
    )


def _may_hide_lack(facts: Facts) -> bool:
    """Return whether replicas may be in place of one that seems to catch up: none reports that it was fresh once."""
    return bool(facts.unreachable or facts.catching_up)


def _follow_flapping(flapping: Flapping, facts: Facts, settings: PolicySettings, now: float) -> Flapping:
    """Update the average of degraded replicas, if it can be told which ones lag."""
    if not facts.tells_lag:
        return replace(flapping, at=now)
    return follow_flapping(flapping, facts.degraded, settings.flapping_seconds, now)


def _size_pool(
    facts: Facts,
    flapping: Flapping,
    need: Need,
    surplus: Surplus,
    settings: PolicySettings,
    release: ReleaseSettings,
    now: float,
    obstacle: str,
) -> tuple[Decision, Surplus]:
    """Add up, keep what may be needed again, then stay within the surge and the bounds: in this order.

    `obstacle` says why no replica may go, however long fewer have been enough; empty where one may.
    """
    bounds = settings.bounds
    unhealthy = max(len(facts.unhealthy), flapping.unhealthy)
    wanted = max(bounds.target + unhealthy, need.replicas)
    clamped = max(bounds.minimum, min(wanted, bounds.maximum))
    held = facts.current if surplus.last_desired is None else surplus.last_desired
    limit = max(bounds.target, held, facts.current + max(0, settings.surge - facts.catching_up))
    if surplus.last_desired is None:
        surplus = replace(surplus, last_desired=held)
    asked, surplus = hold_or_release(surplus, min(clamped, limit), may_release=not obstacle, settings=release, now=now)
    desired = max(bounds.minimum, min(asked, bounds.maximum))
    if desired > wanted:
        reason, why = SCALE_DOWN_DELAYED, f"; keeping {desired} {obstacle or describe_wait(surplus, release)}"
    else:
        reason, why = _explain(wanted, desired, limit, need.replicas, bounds)
    message = _describe_want(facts, flapping, need.replicas, bounds.target) + why + _describe_too_old(facts)
    decision = Decision(desired, reason, message, unhealthy, facts.catching_up, *need)
    return decision, surplus if surplus.last_desired == desired else replace(surplus, last_desired=desired)


def _explain(wanted: int, desired: int, limit: int, replicas_for_load: int, bounds: Bounds) -> tuple[str, str]:
    """Explain the desired number, and how it differs from what is wanted."""
    if desired < wanted and desired == bounds.maximum:
        return AT_MAXIMUM, f", limited to the maximum of {bounds.maximum}"
    if desired < wanted:
        return LIMITED_BY_SURGE, f", limited to {limit} until the new replicas have caught up"
    if wanted == bounds.target:
        return ON_TARGET, ""
    return (SCALED_FOR_LOAD if wanted == replicas_for_load else REPLACING_UNHEALTHY), ""


def _describe_too_old(facts: Facts) -> str:
    """Return how many get no replacement, since another replica of their version would be no better."""
    if not facts.too_old:
        return ""
    return f"; {facts.too_old} not replaced: Stellar Core too old for Protocol {facts.needs_protocol}"


def _describe_want(facts: Facts, flapping: Flapping, replicas_for_load: int, target: int) -> str:
    """Describe the sum, such as "target 5 + 1 lagging for 72 s = 6", or the state if nothing is added."""
    if replicas_for_load > target + max(len(facts.unhealthy), flapping.unhealthy):
        return f"{replicas_for_load} needed for the request rate"
    if flapping.unhealthy > len(facts.unhealthy):
        return f"target {target} + {flapping.unhealthy} lagging on average = {target + flapping.unhealthy}"
    if facts.unhealthy:
        words = " + ".join([f"target {target}", *describe_unhealthy(facts)])
        return f"{words} = {target + len(facts.unhealthy)}"
    if facts.degraded:
        yet = f"not yet for {facts.sustain_seconds:.0f} s" if facts.tells_lag else "the network may be halted"
        return f"target {target}, {facts.degraded} lagging or unreachable but {yet}"
    if facts.catching_up:
        return f"target {target}, {facts.catching_up} catching up"
    return f"target {target}, none unhealthy"
