"""A pool that is not understood: which field, what stood there, what is allowed. Raised by readpool.pool.spec."""

import re
from typing import Any, Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from readpool.pool.rules import BROKEN_RULE
from readpool.text import SHOWN_CHARACTERS, shorten


class PoolError(ValueError):
    """A pool that is not understood; the text names all of what follows.

    Attributes:
        field: path of the first field at fault, as in `spec.storage.size`.
        value: what stands there, or counts there by default; None where it is missing.
        allowed: what is allowed, as a sentence without its subject.
    """

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        found = "missing" if value is None else f"{_show(value)} is invalid"
        super().__init__(f"{field}: {found}; it {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    @classmethod
    def from_validation(cls, error: ValidationError, top: str) -> Self:
        """Describe the first error that pydantic found in the part of the manifest named `top`."""
        return cls.list_all(error, top)[0]

    @classmethod
    def list_all(cls, error: ValidationError, top: str) -> list[Self]:
        """List all that pydantic found in the part of the manifest named `top`, in our words."""
        return [cls._from_details(details, top) for details in error.errors(include_url=False)]

    @classmethod
    def _from_details(cls, details: ErrorDetails, top: str) -> Self:
        field = top + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"])
        if details["type"] == BROKEN_RULE:
            broken = details["ctx"]
            return cls(field + broken["path"], broken["value"], broken["allowed"])
        return cls(field, None if details["type"] == "missing" else details["input"], _say_allowed(details))


def _say_allowed(details: ErrorDetails) -> str:
    if details["type"] == "missing":
        return "is required"
    return re.sub(r"^\w+ should ", "must ", details["msg"])


def _show(value: Any) -> str:
    return shorten(repr(value), SHOWN_CHARACTERS)
