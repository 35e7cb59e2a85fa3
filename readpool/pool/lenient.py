"""What can be understood of something that cannot be understood as a whole? Field by field, without those at fault.

Under readpool.pool.spec: for a status that another version has written, and for readers whose pool has a bad spec.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from readpool.pool.rules import BROKEN_RULE, Part

_MOST_ROUNDS = 50
"""Each leaves out all that is found at fault; rules over several fields are looked at once each of those is right."""
_PartT = TypeVar("_PartT", bound=Part)


def parse_leniently(kind: type[_PartT], written: Any, required: Mapping[str, Any] | None = None) -> _PartT | None:
    """Parse as much as can be understood; `required` stands for fields that have to be given. None: nothing can be."""
    known = required or {}
    kept = {**known, **json.loads(json.dumps(written))} if isinstance(written, Mapping) else dict(known)
    for _ in range(_MOST_ROUNDS):
        try:
            return kind.model_validate_json(json.dumps(kept), strict=True)
        except ValidationError as error:
            before = json.dumps(kept)
            faults = {_find_fault(details) for details in error.errors(include_url=False)}
        for fault in sorted(faults, reverse=True):  # of a list the last member first, and what is within one before it
            _leave_out(kept, fault)
        kept = {**known, **kept}
        if json.dumps(kept) == before:  # a rule that the defaults break with what is left: only whole parts can stay
            kept = {**{name: part for name, part in kept.items() if isinstance(part, dict)}, **known}
    return None


def _find_fault(details: ErrorDetails) -> tuple[Any, ...]:
    """Find the path of what is at fault; where something is missing, that is the whole that lacks it."""
    path = tuple(details["loc"])
    if details["type"] == BROKEN_RULE:
        return (*path, *filter(None, details["ctx"]["path"].split(".")))
    return path[:-1] if details["type"] == "missing" and len(path) > 1 else path


def _leave_out(written: Any, path: Sequence[int | str]) -> None:
    """Remove the value at a path, or its nearest parent that exists."""
    for depth, step in enumerate(path):
        below = _get(written, step)
        if depth == len(path) - 1 or not isinstance(below, dict | list):
            _drop(written, step)
            return
        written = below


def _get(written: Any, step: int | str) -> Any:
    if isinstance(written, dict):
        return written.get(step)
    return written[step] if isinstance(step, int) and step < len(written) else None


def _drop(written: Any, step: Any) -> None:
    if isinstance(written, dict):
        written.pop(step, None)
    elif isinstance(step, int) and step < len(written):
        del written[step]
