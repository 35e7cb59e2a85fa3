"""What does a decision come to where replicas are in step, or catch up in their time, and only the load changes?

In short, for replays: most moments of a pool's life are like that. policy.policy.decide comes to the same in each.
"""

from collections.abc import Mapping

from readpool.replica_class import ReplicaClass
from scaler.policy.capacity import learn_in_step
from scaler.policy.policy_facts import find_start, follow_flapping
from scaler.policy.policy_need import find_need
from scaler.policy.policy_release import hold_or_release
from scaler.policy.policy_settings import PolicySettings
from scaler.policy.policy_state import PolicyMemory
from scaler.policy.policy_warmup import record_warm_ups
from scaler.standing.overload import watch_overload
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
    if settings.hold_reason is not None or memory.is_undecided or memory.recalled_at is not None:
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
    if memory.capacity.trials or not _is_well(
        standings, keeping, settings.catch_up_deadline(warm_ups.median_seconds), now
    ):
        return None
    catching_up = held - len(keeping)
    capacity = learn_in_step(memory.capacity, keeping, sum(requests.values()), now)
    need = find_need(capacity, settings, measured)
    flapping = follow_flapping(memory.flapping, 0, settings.flapping_seconds, now)
    overload = watch_overload(memory.overload, standings, now)
    if overload.seen_at is not None and held <= bounds.target and not flapping.unhealthy:
        return None  # that is forgotten now
    wanted = max(bounds.minimum, min(max(bounds.target + flapping.unhealthy, need.replicas), bounds.maximum))
    limit = max(bounds.target, held + max(0, settings.surge - catching_up))
    fears_overload = not need.replicas and overload.seen_at is not None
    asked, surplus = hold_or_release(
        memory.surplus,
        min(wanted, limit),
        may_release=len(keeping) >= bounds.target,
        settings=settings.release(max(measured, settings.sustain_seconds), fears_overload=fears_overload),
        now=now,
    )
    if asked != held:
        return None
    return PolicyMemory(memory.grounded_since, surplus, flapping, warm_ups, capacity, overload)


def _is_well(
    standings: Mapping[str, ReplicaState],
    keeping: Mapping[str, float],
    deadline_seconds: float,
    now: float,
) -> bool:
    """Return whether those that do not keep pace catch up, and are not overdue; and at least one does."""
    others = [one for name, one in standings.items() if name not in keeping] if len(keeping) < len(standings) else ()
    return bool(keeping) and all(
        one.replica_class is ReplicaClass.CATCHING_UP
        and one.needs_protocol is None
        and now - find_start(one, is_underway=True) < deadline_seconds
        for one in others
    )
