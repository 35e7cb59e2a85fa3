"""What does a decision come to where every replica is in step and only the load changes? In short; for replays.

Most moments of a pool's life are like that. policy.policy.decide comes to the same in each, in four times the time.
"""

from collections.abc import Mapping

from scaler.policy.capacity import learn_in_step
from scaler.policy.policy_facts import follow_flapping
from scaler.policy.policy_need import find_need
from scaler.policy.policy_release import hold_or_release
from scaler.policy.policy_settings import PolicySettings
from scaler.policy.policy_state import PolicyMemory
from scaler.standing.paces import keeps_pace
from scaler.standing.standing import ReplicaState


def stay(
    standings: Mapping[str, ReplicaState],
    requests: Mapping[str, float],
    *,
    memory: PolicyMemory,
    settings: PolicySettings,
    now: float,
) -> PolicyMemory | None:
    """Return what decide() would remember, where it would ask for the present size again; None where it may not.

    `requests` is requests/s of each of the `standings`, none of which fails its readers; the network moves.
    """
    surplus, bounds, held = memory.surplus, settings.bounds, len(standings)
    if held != surplus.last_desired or not bounds.minimum <= held <= bounds.maximum:
        return None
    if not _is_as_before(standings, memory, settings) or not all([keeps_pace(one, now) for one in standings.values()]):  # noqa: C419 - few, and asked often
        return None
    measured = memory.warm_ups.median_seconds or settings.assumed_warm_up_seconds
    capacity = learn_in_step(memory.capacity, requests, now)
    need = find_need(capacity, settings, measured)
    flapping = follow_flapping(memory.flapping, 0, settings.flapping_seconds, now)
    overloaded_at = memory.overload.seen_at
    if overloaded_at is not None and held <= bounds.target and not flapping.unhealthy:
        return None  # that is forgotten now
    wanted = max(bounds.minimum, min(max(bounds.target + flapping.unhealthy, need.replicas), bounds.maximum))
    limit = max(bounds.target, held + max(0, settings.surge))
    warm_up_seconds = max(measured, settings.sustain_seconds)
    asked, surplus = hold_or_release(
        surplus,
        min(wanted, limit),
        may_release=held >= bounds.target,
        settings=settings.release(warm_up_seconds, fears_overload=not need.replicas and overloaded_at is not None),
        now=now,
    )
    if asked != held:
        return None
    return PolicyMemory(memory.grounded_since, surplus, flapping, memory.warm_ups, capacity, memory.overload)


def _is_as_before(standings: Mapping[str, ReplicaState], memory: PolicyMemory, settings: PolicySettings) -> bool:
    """Return whether a decision was made lately, of the same replicas, all of them fresh, and nothing is on trial."""
    warm_ups, names = memory.warm_ups, standings.keys()
    return (
        settings.hold_reason is None
        and not memory.is_undecided
        and memory.recalled_at is None
        and not memory.capacity.trials
        and memory.overload.fresh == names
        and warm_ups.present == names
        and not warm_ups.awaited
        and warm_ups.released <= warm_ups.names
        and all([one.needs_protocol is None for one in standings.values()])  # noqa: C419 - few, and asked often
    )
