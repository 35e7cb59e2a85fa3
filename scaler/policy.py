"""How many replicas should there be? The last decision on the path from polls to KEDA: standings in, a number out.

Gathers the facts (policy_facts), asks whether there is ground to decide (policy_grounds), adds up, and lets nothing go
too early (policy_release). The caller keeps the memory between calls; docs/policy.md shows what each guard is worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from scaler.capacity import Capacity, compute_bearing, learn
from scaler.freshness import ReplicaStanding
from scaler.policy_facts import Facts, describe_lack, gather_facts
from scaler.policy_grounds import LOSES_SIGHT, find_missing_ground
from scaler.policy_release import ReleaseSettings, Surplus, hold_or_release
from scaler.policy_warmup import WarmUps, record_warm_ups
from scaler.tip import Tip

ON_TARGET = "OnTarget"
"""Nothing lacks; the target is enough."""
REPLACING = "ReplacingLack"
"""Replicas lag or do not answer for good; each has a substitute."""
BEARING_LOAD = "BearingLoad"
"""The request rate needs more replicas than the target, by what the pool has been seen to bear."""
HOLDING_SURPLUS = "HoldingSurplus"
"""Fewer would do, but not yet for long enough to let a replica go."""
LIMITED_BY_SURGE = "LimitedBySurge"
"""More are wanted than may catch up at once; the rest follows when these are fresh."""
AT_MAXIMUM = "AtMaximum"
"""More are wanted than the pool's maximum allows."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The pool's size: never under `minimum`, normally `target` fresh ones, never over `maximum`."""

    minimum: int
    target: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The desired number of replicas with its reasons, or why there is no ground for one.

    Attributes:
        desired: number of replicas; None when there is no ground to decide on, and KEDA is to hold.
        reason: CamelCase, stable, for machines.
        message: one sentence for people.
        lacking: replicas that lag or do not answer for good and will not be back sooner than a new one.
        catching_up: replicas on their way to fresh.
        bearing: replicas that the request rate needs by what has been learned; 0 when unknown.
    """

    desired: int | None
    reason: str
    message: str
    lacking: int = 0
    catching_up: int = 0
    bearing: int = 0


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What the policy is held to.

    Attributes:
        bounds: the pool's size.
        sustain_seconds: how long a replica must lag, or not answer, before it counts as lacking.
        surge_ratio: share of the target that may catch up at once beyond it, so that a bad hour does not flood the
            archives.
        catch_up_deadline_seconds: a replica that catches up for longer than this is no longer counted on.
        assumed_warm_up_seconds: what a new replica needs to be fresh while none has been measured. Core waits for the
            next 64-ledger checkpoint: 255 s were seen at best.
        headroom: share of what a replica has been seen to bear that it is planned to serve.
        release: when replicas that are no longer needed may go.
    """

    bounds: Bounds
    sustain_seconds: float = 60.0
    surge_ratio: float = 0.25
    catch_up_deadline_seconds: float = 2 * 3600.0
    assumed_warm_up_seconds: float = 300.0
    headroom: float = 0.85
    release: ReleaseSettings = field(default_factory=ReleaseSettings)

    @property
    def surge(self) -> int:
        """Replicas that may catch up at once beyond the target."""
        return max(1, ceil(self.surge_ratio * self.bounds.target))


@dataclass(frozen=True, slots=True)
class PolicyMemory:
    """What the policy remembers between decisions; an empty one is a scaler that has just started.

    Attributes:
        grounded_since: when it last had no ground, in seconds: no lack is older than that.
        surplus: the size last asked for, and what is known of letting replicas go.
        warm_ups: how long new replicas took to be fresh.
        capacity: what a replica has been seen to bear.
    """

    grounded_since: float | None = None
    surplus: Surplus = field(default_factory=Surplus)
    warm_ups: WarmUps = field(default_factory=WarmUps)
    capacity: Capacity = field(default_factory=Capacity)


def decide(
    standings: Mapping[str, ReplicaStanding],
    tip: Tip | None,
    *,
    observed_since: float,
    memory: PolicyMemory,
    settings: PolicySettings,
    now: float,
    requests: Mapping[str, float] | None = None,
) -> tuple[Decision, PolicyMemory]:
    """Decide how many replicas there should be, and return it with what to remember.

    `requests` is requests/s by replica where it is known. A foreign replica is neither capacity nor lack: a new replica
    would be no less foreign. Without ground the decision is None and nothing that was learned changes.
    """
    grounded_since = observed_since if memory.grounded_since is None else max(observed_since, memory.grounded_since)
    warm_ups = record_warm_ups(memory.warm_ups, standings, joined_after=observed_since + settings.sustain_seconds)
    facts = gather_facts(
        standings,
        tip,
        grounded_seconds=now - grounded_since,
        sustain_seconds=settings.sustain_seconds,
        deadline_seconds=settings.catch_up_deadline_seconds,
        warm_up_seconds=warm_ups.median_seconds or settings.assumed_warm_up_seconds,
        now=now,
    )
    missing = find_missing_ground(facts, is_first=memory.surplus.held is None)
    if missing is not None:
        lost_now = missing.reason in LOSES_SIGHT
        since = now if lost_now else memory.grounded_since
        decision = Decision(None, missing.reason, missing.message, catching_up=facts.catching_up)
        return decision, replace(memory, grounded_since=since, warm_ups=warm_ups)
    capacity = learn(memory.capacity, standings, tip, requests, now)
    bearing = compute_bearing(capacity, facts.warm_up_seconds, settings.headroom)
    decision, surplus = _size_pool(facts, bearing, memory.surplus, settings, now)
    return decision, PolicyMemory(memory.grounded_since, surplus, warm_ups, capacity)


def _size_pool(
    facts: Facts, bearing: int, surplus: Surplus, settings: PolicySettings, now: float
) -> tuple[Decision, Surplus]:
    """Add up, keep what may be needed again, then stay within the surge and the bounds: in this order."""
    bounds = settings.bounds
    wanted = max(bounds.target + len(facts.lacking), bearing)
    clamped = max(bounds.minimum, min(wanted, bounds.maximum))
    held = facts.current if surplus.held is None else surplus.held
    limit = max(bounds.target, held, facts.current + max(0, settings.surge - facts.catching_up))
    asked, surplus = hold_or_release(
        replace(surplus, held=held),
        min(clamped, limit),
        may_release=facts.unknown == 0,
        settings=settings.release,
        now=now,
    )
    desired = max(bounds.minimum, min(asked, bounds.maximum))
    reason, why = _explain(wanted, desired, limit, bearing, bounds)
    message = f"{_describe_want(facts, bearing, bounds.target)} = {wanted}{why}"
    decision = Decision(desired, reason, message, len(facts.lacking), facts.catching_up, bearing)
    return decision, replace(surplus, held=desired)


def _explain(wanted: int, desired: int, limit: int, bearing: int, bounds: Bounds) -> tuple[str, str]:
    """Say what made the desired number what it is, and how it differs from what is wanted."""
    if desired > wanted:
        return HOLDING_SURPLUS, f", {desired} kept until that has lasted"
    if desired < wanted and desired == bounds.maximum:
        return AT_MAXIMUM, f", but {bounds.maximum} is the most allowed"
    if desired < wanted:
        return LIMITED_BY_SURGE, f", {limit} for now: the next one when these have caught up"
    if wanted == bounds.target:
        return ON_TARGET, ""
    return (BEARING_LOAD if wanted == bearing else REPLACING), ""


def _describe_want(facts: Facts, bearing: int, target: int) -> str:
    """Say the sum in words, such as "5 wanted fresh + 1 lagging for 72 s"."""
    if bearing > target + len(facts.lacking):
        return f"{bearing} needed to bear the requests"
    return " + ".join([f"{target} wanted fresh", *describe_lack(facts)])
