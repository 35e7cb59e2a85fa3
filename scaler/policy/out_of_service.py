"""How does the policy count replicas that a person has taken out of service? As not there, and each as one more.

So whatever such a replica does meanwhile, lag or fall silent, it has one substitute and no other.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from scaler.policy.policy import AT_MAXIMUM, ON_TARGET, REPLACING_UNHEALTHY, Bounds, Decision, PolicyMemory
from scaler.policy.policy_facts import DEGRADED_CLASSES
from scaler.standing.standing import ReplicaState

Told = TypeVar("Told")


def leave_out(told: Mapping[str, Told], out: Collection[str]) -> Mapping[str, Told]:
    """Leave out what is told of replicas that are out of service."""
    return {name: one for name, one in told.items() if name not in out} if out else told


def make_room(bounds: Bounds, out: int) -> Bounds:
    """Return the bounds for replicas in service: the pool's maximum includes those out of service."""
    maximum = max(0, bounds.maximum - out)
    return replace(bounds, minimum=min(bounds.minimum, maximum), maximum=maximum) if out else bounds


def shift_memory(
    memory: PolicyMemory,
    out: AbstractSet[str],
    before: AbstractSet[str],
    standings: Mapping[str, ReplicaState],
) -> PolicyMemory:
    """Subtract replicas that went out of service from what the policy remembers; `before` were out of service already.

    Off the size last asked for, so that one that had a substitute already, since it lagged, keeps that one; and off the
    flapping, if it is degraded. One that comes back is a surplus like any other.
    """
    if out == before:
        return memory
    surplus, flapping = memory.surplus, memory.flapping
    degraded = sum(name in standings and standings[name].replica_class in DEGRADED_CLASSES for name in out - before)
    held = None if surplus.last_desired is None else max(0, surplus.last_desired - len(out) + len(before))
    flapping = replace(flapping, mean=max(0.0, flapping.mean - degraded))
    return replace(memory, surplus=replace(surplus, last_desired=held), flapping=flapping)


def add_out_of_service(decision: Decision, out: Collection[str]) -> Decision:
    """Add those that are out of service to what was decided for the others."""
    if not out or decision.desired is None:
        return decision
    names = sorted(out)
    shown = names[0] if len(names) == 1 else f"{len(names)} replicas"
    reason = REPLACING_UNHEALTHY if decision.reason == ON_TARGET else decision.reason
    desired = decision.desired + len(out)
    extra = "with" if decision.reason == AT_MAXIMUM else f"plus {len(out)} for"
    message = f"{decision.message}; {extra} {shown} out of service: {desired}"
    return replace(decision, desired=desired, reason=reason, message=message, unhealthy=decision.unhealthy + len(out))
