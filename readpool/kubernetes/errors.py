"""How the API server says no, and what a caller can do about it. Pure: from a status and a body."""

import json
from collections.abc import Iterator
from typing import Any

MOST_RETRY_AFTER_SECONDS = 120.0
_MOST_DIGITS = 10
_UNTYPED = "failed to create typed patch object"
"""Of sigs.k8s.io/structured-merge-diff, as kube-apiserver passes it on."""


class ApiError(Exception):
    """The API server refused or failed.

    Attributes:
        status: the HTTP status; 0 where no answer came at all.
        reason: CamelCase, as in metav1.Status: NotFound, Conflict, AlreadyExists, Invalid, Forbidden, Expired.
        retry_after_seconds: how long the server asks to be left alone, None where it does not say.
        causes: what the reason comes of, CamelCase, as in metav1.StatusCause.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        retry_after_seconds: float | None = None,
        causes: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.causes = causes

    @property
    def is_not_found(self) -> bool:
        """True where the object, or its whole kind, is not there."""
        return self.status == 404  # noqa: PLR2004 - Not Found

    @property
    def is_conflict(self) -> bool:
        """True where someone else was first: the object was changed, or there is one of this name already."""
        return self.status == 409  # noqa: PLR2004 - Conflict

    @property
    def is_of_ending_namespace(self) -> bool:
        """True where nothing can be made any more, since the whole namespace is being deleted."""
        return "NamespaceTerminating" in self.causes  # k8s.io/api/core/v1, NamespaceTerminatingCause

    @property
    def is_expired(self) -> bool:
        """True where a watch asks for changes older than the server remembers: list again."""
        return self.status == 410  # noqa: PLR2004 - Gone

    @property
    def is_permanent(self) -> bool:
        """True where the same request would be refused again: it is invalid or not allowed."""
        return self.status in (400, 403, 405, 413, 415, 422) or self.is_untyped

    @property
    def is_untyped(self) -> bool:
        """True where server-side apply cannot read what it is given: a field that the schema lacks, a key twice.

        The API server calls that an error of its own (500): https://github.com/kubernetes/kubernetes/issues/122480.
        """
        return self.status == 500 and _UNTYPED in self.message  # noqa: PLR2004 - Internal Server Error


def parse_error(status: int, body: bytes, retry_after: str | None) -> ApiError:
    """Parse an answer that is no success: a metav1.Status, or whatever a proxy in between has written."""
    causes: frozenset[str] = frozenset()
    reason, message = f"Http{status}", body[:500].decode(errors="replace").strip()
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and answer.get("kind") == "Status":
        reason, message = str(answer.get("reason") or reason), str(answer.get("message") or message)
        causes = frozenset(_read_causes(answer.get("details")))
    return ApiError(status, reason, message, _parse_seconds(retry_after), causes)


def _read_causes(details: Any) -> Iterator[str]:
    """Read metav1.StatusDetails, as far as it is that."""
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and isinstance(cause.get("reason"), str):
            yield cause["reason"]


def _parse_seconds(text: str | None) -> float | None:
    """Parse Retry-After where it is in seconds, as the API server says it; a date is not. A mistaken length is cut."""
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS
    return min(float(text), MOST_RETRY_AFTER_SECONDS) if text is not None and is_number else None
