"""One HTTP answer as a probe sees it: status, body, and the few headers that say something of the node.

Made by the fetchers; parsed here, in pure code. What is no answer to the question is a ProbeError with the
server's own words, as far as it has any.
"""

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from scaler.probes.fields import clean
from scaler.probes.report import ProbeError

OK = 200
TOO_MANY_REQUESTS = 429
RATE_LIMITED = "RateLimited"
"""Reason of a failure that says nothing of the node, but of how often it is asked."""
MAX_RETRY_SECONDS = 600.0
"""No server keeps the scaler away for longer than this."""
_MAX_HEADER = 64


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer; `date` and `retry_after` as the headers have them, None where they are missing."""

    status: int
    body: bytes
    date: bytes | None = None
    retry_after: bytes | None = None

    @property
    def at(self) -> float | None:
        """When the server says that it answered, in Unix seconds by its own clock."""
        if self.date is None:
            return None
        try:
            return parsedate_to_datetime(self.date[:_MAX_HEADER].decode("latin-1")).timestamp()
        except (ValueError, OverflowError, TypeError, IndexError):
            return None


class StatusError(ProbeError):
    """A status other than 200. `retry_after_seconds` is how long the server wants to be left alone, None if unsaid."""

    def __init__(self, message: str, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, reason)
        self.retry_after_seconds = retry_after_seconds


def take_body(answer: HttpAnswer) -> bytes:
    """Return the body of an answer with status 200.

    Raises:
        StatusError: for every other status, with the words of the body where it is a problem document (RFC 9457) or a
            JSON-RPC error; its reason is RateLimited for 429, else BadStatus.
    """
    if answer.status == OK:
        return answer.body
    words = find_problem(answer.body)
    told = f"status {answer.status}" + (f": {words}" if words else "")
    if answer.status == TOO_MANY_REQUESTS:
        raise StatusError(f"rate limited ({told})", RATE_LIMITED, find_retry_seconds(answer))
    raise StatusError(f"the node responded with {told}; expected 200", "BadStatus")


def find_problem(body: bytes) -> str:
    """Return what a refusal says: the title of a problem document, or an error's message; empty if it says nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    words = document.get("title") or (error.get("message") if isinstance(error, dict) else error)
    return clean(words).strip() if isinstance(words, str) else ""


def find_problem_type(body: bytes) -> str:
    """Return the last part of a problem document's type, such as stale_history; empty where it has none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    kind = document.get("type") if isinstance(document, dict) else None
    return clean(kind).rpartition("/")[2] if isinstance(kind, str) else ""


def find_retry_seconds(answer: HttpAnswer) -> float | None:
    """Return the seconds of Retry-After, a number or a date, at most MAX_RETRY_SECONDS; None where it says neither."""
    if answer.retry_after is None:
        return None
    words = answer.retry_after[:_MAX_HEADER].decode("latin-1").strip()
    if words.isascii() and words.isdigit():
        return min(float(words), MAX_RETRY_SECONDS)
    until, now = HttpAnswer(OK, b"", words.encode("latin-1")).at, answer.at
    return None if until is None or now is None else min(max(0.0, until - now), MAX_RETRY_SECONDS)
