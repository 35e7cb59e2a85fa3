"""Is a replica that joins a known one? If its name was known a moment ago, it keeps its history. Pure.

A pod that is recreated is out of DNS for a while or comes back at another address; its deadline goes on, and it is no
newcomer by which to measure how long a new one takes. One that was scaled in is forgotten: a later one is new.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scaler.standing.standing import ReplicaState

_REMEMBERED_SECONDS = 900.0
"""Time in which a pod that was evicted is bound, has its volume and an address again."""
_ORDINAL = re.compile(r"(.*?)(\d{1,9})$")


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What is remembered of a replica that left: when it did, was first known, and was last fresh, in seconds."""

    left_at: float
    known_since: float
    fresh_at: float | None


def order_by_ordinal(name: str) -> tuple[str, int]:
    """Return the key that sorts core-10 after core-2, and names without an ordinal by themselves."""
    parts = _ORDINAL.match(name)
    return (parts[1], int(parts[2])) if parts else (name, -1)


def list_last(names: Iterable[str], kept: int | None) -> frozenset[str]:
    """List the names beyond the first `kept` by ordinal: those that a StatefulSet of that size ends; none for None."""
    return frozenset() if kept is None else frozenset(sorted(names, key=order_by_ordinal)[kept:])


def take_leave(
    known: Mapping[str, Acquaintance], gone: Mapping[str, ReplicaState], now: float
) -> dict[str, Acquaintance]:
    """Remember those that are gone, and forget those that have been so for too long."""
    recent = {name: one for name, one in known.items() if now - one.left_at <= _REMEMBERED_SECONDS}
    return recent | {
        name: Acquaintance(now, one.first_seen if one.known_since is None else one.known_since, one.fresh_at)
        for name, one in gone.items()
    }


def greet(known: Acquaintance | None, now: float, *, is_newcomer: bool) -> ReplicaState:
    """Build the standing of a replica that joins; `is_newcomer`: others are watched already."""
    if known is None or now - known.left_at > _REMEMBERED_SECONDS:
        return ReplicaState(since=now, first_seen=now, known_since=now, is_newcomer=is_newcomer)
    return ReplicaState(
        since=now,
        first_seen=now,
        known_since=known.known_since,
        fresh_at=known.fresh_at,
        is_newcomer=is_newcomer,
    )
