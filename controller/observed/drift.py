"""Is there anything to apply? What is wanted beside what is there, so that a steady pool writes nothing.

What others have added is not ours to see. A field that is no longer wanted shows in the hash of what was applied.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from controller.observed.labels import APPLIED_ANNOTATION, read_annotations
from controller.observed.list_map_keys import index_items, keys_of_kind
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


def with_applied_hash(wanted: Manifest) -> dict[str, Any]:
    """Return the manifest with its own hash as annotation stellar.org/applied."""
    metadata = wanted["metadata"]
    annotations = dict(metadata.get("annotations") or {}) | {APPLIED_ANNOTATION: compute_hash(wanted)}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What was made of an object as it was applied: by admission, or by a definition that lacks a field.

    Attributes:
        applied: the stamp of what was applied.
        found: hash of what was found instead by the path of a field; "" for one that is another each time.
    """

    applied: str
    found: Mapping[str, str]


def has_drifted(wanted: Manifest, live: Manifest | None, rewrite: Rewrite | None = None) -> bool:
    """Return whether `wanted`, as stamp gives it, has to be applied; None: there is nothing yet.

    What somebody made of it when it was last applied, and would again, is no difference.
    """
    if live is None:
        return True
    found = find_differences(wanted, live)
    if not found:
        return False
    if rewrite is None or rewrite.applied != _read_applied_hash(wanted):
        return True
    return any(
        rewrite.found.get(path, told) not in (told, "") or path not in rewrite.found for path, told in found.items()
    )


def note_rewrite(wanted: Manifest, answer: Manifest, before: Rewrite | None) -> Rewrite | None:
    """Note what became of an object by the answer to its application; None where it is as it was applied."""
    found = find_differences(wanted, answer)
    if not found:
        return None
    applied = _read_applied_hash(wanted)
    last = before.found if before is not None and before.applied == applied else {}
    return Rewrite(applied, {path: told if last.get(path, told) == told else "" for path, told in found.items()})


def note_kept_status(status: Manifest, answer: Manifest) -> Rewrite | None:
    """Note what became of a status by the answer to its write, as where an older CRD prunes fields; None for all of it.

    What was applied is the status as a whole.
    """
    found = find_differences({"status": status}, answer)
    return Rewrite(compute_hash(status), found) if found else None


def is_status_kept(status: Manifest, live: Manifest, rewrite: Rewrite | None) -> bool:
    """Return whether a status was written just so already, and would become what it is once more."""
    if rewrite is None or rewrite.applied != compute_hash(status):
        return False
    return find_differences({"status": status}, live) == rewrite.found


def note_kept_annotations(uid: str, annotations: Mapping[str, str | None], answer: Manifest) -> Rewrite | None:
    """Note which annotations an object of this uid did not keep, by the answer to their patch; None where it did."""
    found = read_annotations(answer)
    lost = {f"metadata.annotations.{name}": "" for name, text in annotations.items() if found.get(name) != text}
    return Rewrite(compute_hash([uid, annotations]), lost) if lost else None


def are_annotations_patched(uid: str, annotations: Mapping[str, str | None], rewrite: Rewrite | None) -> bool:
    """Return whether the same patch of the same object was not kept when it was written last."""
    return rewrite is not None and rewrite.applied == compute_hash([uid, annotations])


def find_differences(wanted: Manifest, live: Manifest) -> dict[str, str]:
    """Find what is other than wanted: hash of what is there, by the path of its field."""
    keys = keys_of_kind(wanted.get("kind", ""))
    # Members of a list do not say their own kind; that both are of one is the caller's to know.
    parts = {name: part for name, part in wanted.items() if name not in ("apiVersion", "kind")}
    return {path: compute_hash(found) for path, found in _locate(parts, live, keys, "", is_quantity=False)}


def _is_kept(wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], *, is_quantity: bool) -> bool:
    """Return whether what is wanted is there."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return all(
            _is_field_kept(name, part, live.get(name), keys, is_quantity=is_quantity) for name, part in wanted.items()
        )
    return _satisfied_by(wanted, live, keys, is_quantity=is_quantity)


def _is_field_kept(
    name: str, wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], *, is_quantity: bool
) -> bool:
    if isinstance(wanted, str) and wanted == live:
        return True
    if _is_left_out(name, wanted, live):
        return True
    if name in keys and isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        ours, theirs = index_items(wanted, keys[name]), index_items(live, keys[name])
        if ours is None or theirs is None:
            return list(wanted) == list(live)
        return all(_is_kept(item, theirs.get(key), keys, is_quantity=False) for key, item in ours.items())
    return _is_kept(wanted, live, keys, is_quantity=is_quantity or name in _QUANTITIES)


def _read_applied_hash(wanted: Manifest) -> str:
    return str((wanted["metadata"].get("annotations") or {}).get(APPLIED_ANNOTATION, ""))


def _locate(
    wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], path: str, *, is_quantity: bool
) -> Iterator[tuple[str, Any]]:
    """Yield path and value of what is not kept; only where something is not are paths written and looked along."""
    if not (isinstance(wanted, Mapping) and isinstance(live, Mapping)):
        yield path, live
        return
    for name, part in wanted.items():
        found = live.get(name)
        if not _is_field_kept(name, part, found, keys, is_quantity=is_quantity):
            at = f"{path}.{name}".lstrip(".")
            yield from _locate_in_field(name, part, found, keys, at, is_quantity=is_quantity)


def _locate_in_field(
    name: str, wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], path: str, *, is_quantity: bool
) -> Iterator[tuple[str, Any]]:
    if name in keys and isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        ours, theirs = index_items(wanted, keys[name]), index_items(live, keys[name])
        if ours is None or theirs is None:
            yield path, live
            return
        for key, item in ours.items():
            found = theirs.get(key)
            if not _is_kept(item, found, keys, is_quantity=False):
                yield from _locate(item, found, keys, f"{path}[{','.join(map(str, key))}]", is_quantity=False)
        return
    yield from _locate(wanted, live, keys, path, is_quantity=is_quantity or name in _QUANTITIES)


def _is_left_out(name: str, wanted: Any, live: Any) -> bool:
    """Return whether a field is not there because it is empty: the API server leaves that out."""
    return live is None and (wanted is None or wanted in ({}, [], "") or (name in _LEFT_OUT and not wanted))


def _satisfied_by(wanted: Any, live: Any, keys: Mapping[str, tuple[str, ...]], *, is_quantity: bool) -> bool:
    if isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        return len(wanted) == len(live) and all(
            _is_kept(part, found, keys, is_quantity=is_quantity) for part, found in zip(wanted, live, strict=True)
        )
    if is_quantity and wanted is not None and live is not None:
        return _is_same_quantity(wanted, live)
    return bool(wanted == live) and isinstance(wanted, bool) == isinstance(live, bool)


def _is_same_quantity(wanted: Any, live: Any) -> bool:
    try:
        return parse_quantity(str(wanted)) == parse_quantity(str(live))
    except ValueError:
        return bool(wanted == live)
