"""How many replicas should there be? The last decision on the path from polls to KEDA: standings in, a number out.

Gathers the facts (policy_facts), asks whether there is ground to decide (policy_grounds), adds up, and lets nothing go
too early (policy_release). The caller keeps the memory between calls; docs/policy.md shows what each guard is worth.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from scaler.capacity import Capacity, compute_bearing, find_borne, learn
from scaler.freshness import ReplicaStanding
from scaler.overload import Overload, watch_overload
from scaler.policy_facts import Facts, Unrest, describe_lack, follow_unrest, gather_facts
from scaler.policy_grounds import LOSES_SIGHT, MissingGround, find_missing_ground
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
        lacking: replicas that lag, do not answer or do not catch up for good.
        catching_up: replicas on their way to fresh.
        bearing: replicas that the request rate needs by what has been learned; 0 when unknown.
        learned_requests_per_replica: requests/s that one replica bears; None when unknown.
    """

    desired: int | None
    reason: str
    message: str
    lacking: int = 0
    catching_up: int = 0
    bearing: int = 0
    learned_requests_per_replica: float | None = None


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What the policy is held to.

    Attributes:
        bounds: the pool's size.
        sustain_seconds: how long a replica must lag, or not answer, before it counts as lacking. A warm-up counts as no
            shorter: before a newcomer is there to be measured KEDA and the HPA have been asking for a while.
        unrest_sustains: over how many times that long replicas that take turns at lagging are averaged.
        surge_ratio: share of the target that may catch up at once beyond it, so that a bad hour does not flood the
            archives.
        catch_up_deadline_seconds: a replica that catches up for longer than this is no longer counted on,
        deadline_warm_ups: unless that is less than so many times what is usual in this pool.
        assumed_warm_up_seconds: what a new replica needs to be fresh while none has been measured. Core waits for the
            next 64-ledger checkpoint: 255 s were seen at best.
        headroom: share of what a replica has been seen to bear that it is planned to serve.
        look_ahead_warm_ups: so many warm-ups ahead the load is to be borne, if it goes on growing.
        wait_warm_ups: fewer must have been enough for so many warm-ups before a replica may go: it takes one to undo.
        overload_wait_seconds: or for this long, where overload called for some of them and nobody knows what a replica
            bears: that all is calm may be what they do.
        regret_seconds: a scale-in after which more were wanted within this time was a mistake.
        longest_wait_seconds: no number of mistakes makes the wait longer than this.
        release_share: so much of the pool may go at a time, and always one: what nobody misses shows in who is left.
        hold: why there is to be no decision, whatever is seen.
        learned_requests_per_replica: requests/s that one replica bore, as was learned before this process; counts until
            it has learned for itself.
    """

    bounds: Bounds
    sustain_seconds: float = 60.0
    unrest_sustains: float = 5.0
    surge_ratio: float = 0.25
    catch_up_deadline_seconds: float = 3600.0
    deadline_warm_ups: float = 3.0
    assumed_warm_up_seconds: float = 300.0
    headroom: float = 0.85
    look_ahead_warm_ups: float = 1.0
    wait_warm_ups: float = 1.0
    overload_wait_seconds: float = 2 * 3600.0
    regret_seconds: float = 3600.0
    longest_wait_seconds: float = 6 * 3600.0
    release_share: float = 0.1
    hold: MissingGround | None = None
    learned_requests_per_replica: float | None = None

    def release(self, warm_up_seconds: float, *, fears_overload: bool) -> ReleaseSettings:
        """Say when replicas that are no longer needed may go."""
        least_seconds = self.overload_wait_seconds if fears_overload else 0.0
        wait_seconds = max(self.wait_warm_ups * warm_up_seconds, least_seconds)
        return ReleaseSettings(wait_seconds, self.regret_seconds, self.longest_wait_seconds, self.release_share)

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
        unrest: how many ail on the average.
        warm_ups: how long new replicas took to be fresh.
        capacity: what a replica has been seen to bear.
        overload: whether overload was seen since the target was last enough.
    """

    grounded_since: float | None = None
    surplus: Surplus = field(default_factory=Surplus)
    unrest: Unrest = field(default_factory=Unrest)
    warm_ups: WarmUps = field(default_factory=WarmUps)
    capacity: Capacity = field(default_factory=Capacity)
    overload: Overload = field(default_factory=Overload)


def decide(
    standings: Mapping[str, ReplicaStanding],
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
    warm_ups = record_warm_ups(memory.warm_ups, standings, joined_after=observed_since + settings.sustain_seconds)
    measured = warm_ups.median_seconds or settings.assumed_warm_up_seconds
    warm_up_seconds = max(measured, settings.sustain_seconds)
    facts = gather_facts(
        standings,
        tip,
        grounded_seconds=now - grounded_since,
        sustain_seconds=settings.sustain_seconds,
        deadline_seconds=max(settings.catch_up_deadline_seconds, settings.deadline_warm_ups * warm_up_seconds),
        warm_up_seconds=warm_up_seconds,
        now=now,
    )
    missing = find_missing_ground(facts, is_first=memory.surplus.held is None)
    why = settings.hold or missing
    if why is not None:
        lost_now = missing is not None and missing.reason in LOSES_SIGHT
        since = now if lost_now else memory.grounded_since
        decision = Decision(None, why.reason, why.message, catching_up=facts.catching_up)
        return decision, replace(memory, grounded_since=since, unrest=replace(memory.unrest, at=now), warm_ups=warm_ups)
    capacity = learn(memory.capacity, standings, requests, now, failing)
    borne = find_borne(capacity, settings.learned_requests_per_replica)
    ahead_seconds = settings.look_ahead_warm_ups * facts.warm_up_seconds
    bearing = compute_bearing(capacity.load, borne, ahead_seconds, settings.headroom)
    unrest = follow_unrest(memory.unrest, facts.ailing, settings.unrest_sustains * settings.sustain_seconds, now)
    overload = watch_overload(memory.overload, standings, now)
    release = settings.release(warm_up_seconds, fears_overload=not bearing and overload.seen_at is not None)
    decision, surplus = _size_pool(facts, unrest, bearing, memory.surplus, settings, release, now)
    if surplus.held is not None and surplus.held <= settings.bounds.target and not facts.ailing and not unrest.lacking:
        overload = replace(overload, seen_at=None)
    memory = PolicyMemory(memory.grounded_since, surplus, unrest, warm_ups, capacity, overload)
    return replace(decision, learned_requests_per_replica=borne), memory


def _size_pool(
    facts: Facts,
    unrest: Unrest,
    bearing: int,
    surplus: Surplus,
    settings: PolicySettings,
    release: ReleaseSettings,
    now: float,
) -> tuple[Decision, Surplus]:
    """Add up, keep what may be needed again, then stay within the surge and the bounds: in this order."""
    bounds = settings.bounds
    lacking = max(len(facts.lacking), unrest.lacking)
    wanted = max(bounds.target + lacking, bearing)
    clamped = max(bounds.minimum, min(wanted, bounds.maximum))
    held = facts.current if surplus.held is None else surplus.held
    limit = max(bounds.target, held, facts.current + max(0, settings.surge - facts.catching_up))
    asked, surplus = hold_or_release(
        replace(surplus, held=held),
        min(clamped, limit),
        may_release=facts.unknown == 0,
        settings=release,
        now=now,
    )
    desired = max(bounds.minimum, min(asked, bounds.maximum))
    reason, why = _explain(wanted, desired, limit, bearing, bounds)
    message = _describe_want(facts, unrest, bearing, bounds.target) + why
    decision = Decision(desired, reason, message, lacking, facts.catching_up, bearing)
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


def _describe_want(facts: Facts, unrest: Unrest, bearing: int, target: int) -> str:
    """Say the sum in words, such as "5 wanted fresh + 1 lagging for 72 s = 6", and no sum where there is none."""
    if bearing > target + max(len(facts.lacking), unrest.lacking):
        return f"{bearing} needed to bear the requests"
    if unrest.lacking > len(facts.lacking):
        return f"{target} wanted fresh + {unrest.lacking} lagging in turns = {target + unrest.lacking}"
    if facts.lacking:
        words = " + ".join([f"{target} wanted fresh", *describe_lack(facts)])
        return f"{words} = {target + len(facts.lacking)}"
    if facts.ailing:
        return f"{target} wanted fresh, {facts.ailing} not in step but not yet for {facts.sustain_seconds:.0f} s"
    if facts.catching_up:
        return f"{target} wanted fresh, {facts.catching_up} on the way"
    return f"{target} wanted fresh and none lacking"
