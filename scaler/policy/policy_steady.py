"""What does a decision come to where replicas are in step, catch up or stand still, and only the load changes?

In short, for replays: most moments of a pool's life are like that. policy.policy.decide comes to the same in each.
"""

from collections.abc import Mapping
from typing import NamedTuple

from readpool.replica_class import ReplicaClass
from scaler.policy.capacity import is_of_others, learn_in_step
from scaler.policy.policy_facts import find_start, follow_flapping
from scaler.policy.policy_need import find_need
from scaler.policy.policy_release import hold_or_release
from scaler.policy.policy_settings import PolicySettings
from scaler.policy.policy_state import PolicyMemory
from scaler.policy.policy_warmup import record_warm_ups
from scaler.standing.overload import falls_behind, is_on_proof, watch_overload
from scaler.standing.paces import keeps_pace
from scaler.standing.standing import ReplicaState


def stay(
    standings: Mapping[str, ReplicaState],
    requests: Mapping[str, float],
    *,
    observed_since: float,
    memory: PolicyMemory,
    settings: PolicySettings,
    now: float,
) -> PolicyMemory | None:
    """Return what decide() would remember, where it would ask for the present size again; None where it may not.

    `requests` is requests/s of each of the `standings`, none of which fails its readers; the network moves.
    """
    bounds, held = settings.bounds, len(standings)
    if held != memory.surplus.last_desired or not bounds.minimum <= held <= bounds.maximum:
        return None
    if (
        settings.hold_reason is not None
        or memory.is_undecided
        or memory.recalled_at is not None
        or memory.may_hide_lack
    ):
        return None
    warm_ups = record_warm_ups(
        memory.warm_ups,
        standings,
        joined_after=observed_since + settings.sustain_seconds,
        asked=held,
        keeps_volumes=settings.keeps_volumes,
    )
    measured = warm_ups.median_seconds or settings.assumed_warm_up_seconds
    keeping = {
        name: requests[name] for name, one in standings.items() if keeps_pace(one, now) and one.needs_protocol is None
    }
    grounded_since = observed_since if memory.grounded_since is None else max(observed_since, memory.grounded_since)
    deadline_seconds = settings.catch_up_deadline(warm_ups.median_seconds)
    others = _count_others(standings, keeping, settings.sustain_seconds, deadline_seconds, now - grounded_since, now)
    if memory.capacity.trials or others is None or is_of_others(memory.capacity, standings):
        return None
    capacity = learn_in_step(memory.capacity, keeping, sum(requests.values()), now)
    need = find_need(capacity, settings, measured)
    flapping = follow_flapping(memory.flapping, others.degraded, settings.flapping_seconds, now)
    overload = watch_overload(memory.overload, standings, now)
    if overload.seen_at is not None and held <= bounds.target and not others.degraded and not flapping.unhealthy:
        return None  # that is forgotten now
    unhealthy = max(others.unhealthy, flapping.unhealthy)
    wanted = max(bounds.minimum, min(max(bounds.target + unhealthy, need.replicas), bounds.maximum))
    limit = max(bounds.target, held + max(0, settings.surge - others.catching_up))
    fears_overload = not need.replicas and overload.seen_at is not None
    asked, surplus = hold_or_release(
        memory.surplus,
        min(wanted, limit),
        may_release=len(keeping) >= bounds.target,
        settings=settings.release(max(measured, settings.sustain_seconds), is_unexplained=fears_overload),
        now=now,
    )
    if asked != held:
        return None
    return PolicyMemory(memory.grounded_since, surplus, flapping, warm_ups, capacity, overload)


class _Others(NamedTuple):
    """How many of those that are not in step catch up, are degraded, and are not counted on any more."""

    catching_up: int
    degraded: int
    unhealthy: int


_NO_OTHERS = _Others(0, 0, 0)


def _count_others(
    standings: Mapping[str, ReplicaState],
    keeping: Mapping[str, float],
    sustain_seconds: float,
    deadline_seconds: float,
    grounded_seconds: float,
    now: float,
) -> _Others | None:
    """Count those that do not keep pace; None where one does something else than to catch up or to stand still."""
    if len(keeping) == len(standings):
        return _NO_OTHERS
    catching_up = degraded = unhealthy = 0
    for one in [one for name, one in standings.items() if name not in keeping]:
        is_underway = one.replica_class is ReplicaClass.CATCHING_UP
        is_still = one.replica_class is ReplicaClass.LAGGING and not falls_behind(one) and not is_on_proof(one, now)
        if one.needs_protocol is not None or not (is_underway or is_still):
            return None
        seconds = min(now - find_start(one, is_underway=is_underway), grounded_seconds)
        catching_up += is_underway
        degraded += is_still
        unhealthy += seconds >= (deadline_seconds if is_underway else sustain_seconds)
    if not keeping or (degraded and grounded_seconds < sustain_seconds):
        return None
    return _Others(catching_up, degraded, unhealthy)
