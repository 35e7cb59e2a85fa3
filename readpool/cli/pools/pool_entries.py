"""What does a list of pools come to? Manifests in, one entry a pool out, the word for its state among them.

A pool that is invalid is listed all the same, with the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from readpool.pool.condition_types import ConditionType, is_good
from readpool.pool.errors import PoolError
from readpool.pool.spec import ReadOnlyPool, parse_pool
from readpool.text import order_naturally

INVALID_SPEC = "InvalidSpec"
NOT_RECONCILED = "NotReconciled"
"""No controller has said anything of it yet."""
_SUMMED_UP = (ConditionType.STALLED, ConditionType.READY, ConditionType.FRESH, ConditionType.ROUTING)
"""The conditions that a pool's status in one word comes from, the most pressing first."""


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One pool of a list.

    Attributes:
        created_at: Unix time; None in a manifest that was not applied.
        pool: None where it is not understood; `problem` then says why.
    """

    namespace: str
    name: str
    created_at: float | None
    pool: ReadOnlyPool | None
    problem: str = ""


def read_entries(manifests: Iterable[Mapping[str, Any]]) -> list[PoolEntry]:
    """Read pools as the API lists them, by namespace and name."""
    entries = [read_entry(manifest) for manifest in manifests]
    return sorted(entries, key=lambda entry: (entry.namespace, order_naturally(entry.name)))


def read_entry(manifest: Mapping[str, Any]) -> PoolEntry:
    """Read one pool."""
    metadata = manifest["metadata"]
    created = metadata.get("creationTimestamp")
    created_at = datetime.fromisoformat(created).timestamp() if created else None
    try:
        pool, problem = parse_pool(manifest), ""
    except PoolError as error:
        pool, problem = None, str(error)
    return PoolEntry(metadata.get("namespace", ""), metadata["name"], created_at, pool, problem)


def say_state(entry: PoolEntry) -> str:
    """Return a pool's status in one word: Ready, or the reason of the first condition that needs attention."""
    if entry.pool is None:
        return INVALID_SPEC
    if entry.pool.spec.paused:
        return "Paused"
    said = {condition.type: condition for condition in entry.pool.status.conditions}
    if not said.keys() & set(_SUMMED_UP):
        return NOT_RECONCILED
    wrong = (said[kind].reason for kind in _SUMMED_UP if kind in said and not is_good(said[kind]))
    return next(wrong, ConditionType.READY.value)
