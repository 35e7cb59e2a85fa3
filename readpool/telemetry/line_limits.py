"""Keeps a log readable: limits the length of a line, and the number of lines of one kind.

What callers, nodes and tenants say ends up in lines. Of each event about one fleet, namespace or caller so many come
out at once, then so many a second; the next that does says how many did not (`suppressed`).
"""

import logging
from collections.abc import Callable

import structlog
from structlog.types import EventDict, WrappedLogger

from readpool.line_budget import LineBudget

MOST_CHARACTERS = 2000
"""Of one value; no sentence of ours is as long."""
BURST, PER_SECOND = 500, 2.0
"""Lines of one event about one namespace or caller."""
EVENT_BURST, EVENTS_PER_SECOND = 5000, 20.0
"""Lines of one event, regardless of their subject."""
_ALL = 100
_SUBJECTS = ("namespace", "fleet", "caller", "pool", "node")


class LineLimits:
    """A processor of structlog's, the first that a line comes to, and a filter of the standard library's records.

    Args:
        now: gives the time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lines = LineBudget(BURST, PER_SECOND, _ALL)
        self._events = LineBudget(EVENT_BURST, EVENTS_PER_SECOND, _ALL)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Cut what is too long; drop the line where there are too many like it.

        Raises:
            structlog.DropEvent: the line is not to be written.
        """
        subject = next((str(event[key])[:MOST_CHARACTERS] for key in _SUBJECTS if key in event), "")
        withheld = self.take(str(event.get("event"))[:MOST_CHARACTERS], subject.partition("/")[0])
        if withheld is None:
            raise structlog.DropEvent
        shown = {key: cut(value) for key, value in event.items()}
        return shown | {"suppressed": withheld} if withheld else shown

    def filter(self, record: logging.LogRecord) -> bool:
        """Do the same for a line of a library, of which there are no fields; one logger's lines are of one kind."""
        if self.take(record.name, "") is None:
            return False
        record.msg, record.args = cut(record.getMessage()), None
        return True

    def take(self, event: str, subject: str) -> int | None:
        """Count a line; return how many like it were suppressed before, None if it is suppressed."""
        now = self._now()
        withheld = self._lines.take((event, subject), now)
        return withheld if withheld is not None and self._events.take(event, now) is not None else None


def cut(value: object) -> object:
    """Cut a text that is too long, and say by how much."""
    if not isinstance(value, str) or len(value) <= MOST_CHARACTERS:
        return value
    return f"{value[:MOST_CHARACTERS]}… (and {len(value) - MOST_CHARACTERS} characters more)"
