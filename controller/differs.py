"""Is there anything to apply? What is wanted beside what is there, so that a steady pool writes nothing.

What others have added is not ours to see. A field that is no longer wanted shows in the hash of what was applied.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from controller.labels import APPLIED_ANNOTATION
from controller.list_keys import index_items, keys_of_kind
from readpool.kubernetes.kinds import Manifest
from readpool.pool.quantity import parse_quantity

_QUANTITIES = frozenset({"requests", "limits", "sizeLimit", "divisor", "tolerance"})
_LEFT_OUT = frozenset(
    {
        *("hostNetwork", "hostPID", "hostIPC", "hostPort", "stdin", "stdinOnce", "tty", "readOnly"),
        *("initialDelaySeconds", "minReadySeconds"),
    }
)
"""Fields that the API server leaves out where they are 0 or false (k8s.io/api: omitempty, and no pointer)."""
_HASH_CHARACTERS = 16


def compute_hash(value: Any) -> str:
    """Compute a short hash of JSON, the same for any order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]


def stamp(wanted: Manifest) -> dict[str, Any]:
    """Return the manifest with its own hash as annotation stellar.org/applied."""
    metadata = wanted["metadata"]
    annotations = dict(metadata.get("annotations") or {}) | {APPLIED_ANNOTATION: compute_hash(wanted)}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


def differs(wanted: Manifest, live: Manifest | None) -> bool:
    """Tell whether `wanted`, as stamp gives it, has to be applied; None: there is nothing yet."""
    if live is None:
        return True
    keys = keys_of_kind(wanted.get("kind", ""))
    # Members of a list do not say their own kind; that both are of one is the caller's to know.
    parts = {name: part for name, part in wanted.items() if name not in ("apiVersion", "kind")}
    return not _holds(parts, live, keys, is_quantity=False)


def _holds(wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], *, is_quantity: bool) -> bool:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return all(_field_holds(name, part, live.get(name), keys, is_quantity) for name, part in wanted.items())
    if isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        return len(wanted) == len(live) and all(
            _holds(part, found, keys, is_quantity=is_quantity) for part, found in zip(wanted, live, strict=True)
        )
    if is_quantity and wanted is not None and live is not None:
        return _is_same_quantity(wanted, live)
    return bool(wanted == live) and isinstance(wanted, bool) == isinstance(live, bool)


def _field_holds(name: str, wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], is_quantity: bool) -> bool:
    if live is None and (wanted is None or wanted in ({}, [], "") or (name in _LEFT_OUT and not wanted)):
        return True  # the API server leaves out what is empty
    if name in keys and isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        return _items_hold(wanted, live, name, keys)
    return _holds(wanted, live, keys, is_quantity=is_quantity or name in _QUANTITIES)


def _items_hold(wanted: Sequence[Any], live: Sequence[Any], field: str, keys: Mapping[str, tuple[str, ...]]) -> bool:
    """Compare a list-map: each wanted item has to be there, whatever else is and in whatever order."""
    ours, theirs = index_items(wanted, keys[field]), index_items(live, keys[field])
    if ours is None or theirs is None:
        return list(wanted) == list(live)
    return all(key in theirs and _holds(item, theirs[key], keys, is_quantity=False) for key, item in ours.items())


def _is_same_quantity(wanted: Any, live: Any) -> bool:
    try:
        return parse_quantity(str(wanted)) == parse_quantity(str(live))
    except ValueError:
        return bool(wanted == live)
