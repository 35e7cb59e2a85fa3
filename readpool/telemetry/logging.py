"""One log line an event, as JSON for machines or coloured for people; set up once, when a program starts.

Lines of libraries that use the standard logging module come out in the same form, so that a log is never of two kinds.
"""

import logging
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from readpool.telemetry.line_limits import LineLimits


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The minimum level to log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure_logging(log_format: LogFormat, level: LogLevel, stream: TextIO = sys.stdout) -> None:
    """Send structlog's events and the standard library's records to `stream`, one line each, flushed each."""
    number = logging.getLevelNamesMapping()[level.upper()]
    limits = LineLimits(time.monotonic)
    opening: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    closing = _build_closing(log_format, is_terminal=stream.isatty())
    structlog.configure(
        processors=[limits, *opening, *closing],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(limits.filter)
    handler.setFormatter(_build_formatter(opening, closing))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def _build_closing(log_format: LogFormat, *, is_terminal: bool) -> list[Processor]:
    if log_format is LogFormat.JSON:
        return [
            structlog.processors.dict_tracebacks,
            _lead_with_event,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.processors.format_exc_info,
        _escape_unprintable,
        structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback),
    ]


def _build_formatter(opening: Sequence[Processor], closing: Sequence[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *opening],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *closing],
    )


def _lead_with_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put what a reader looks for first at the front of the line."""
    leading = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    return {**leading, **event}


def _escape_unprintable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what a node could put into its answers to forge lines or drive a terminal; JSON does so by itself."""
    return {key: _escape_lines(value) if key == "exception" else _escape(value) for key, value in event.items()}


def _escape_lines(value: object) -> object:
    return "\n".join(str(_escape(line)) for line in str(value).split("\n"))


def _escape(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        return value.encode("unicode_escape").decode("ascii")
    return value
