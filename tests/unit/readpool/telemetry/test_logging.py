"""No word of a node, a caller or a library forges a line of the log, or drives the terminal that shows it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
import structlog

from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging

HOSTILE = "x\x1b]0;title\x07\x1b[2J\u202e\x9b31m\r\n2026-01-01 [info] forged"


@contextmanager
def logging_as(log_format: LogFormat) -> Iterator[StringIO]:
    """Write lines to a stream during the block."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    stream = StringIO()
    configure_logging(log_format, LogLevel.INFO, stream)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.mark.parametrize("log_format", LogFormat)
def test_words_of_others_stay_within_their_line_and_are_printable(log_format: LogFormat) -> None:
    with logging_as(log_format) as stream:
        structlog.get_logger().warning("pollFailed", detail=HOSTILE, parts=[HOSTILE], known={HOSTILE: HOSTILE})
        logging.getLogger("library").warning("%s", HOSTILE)
        (first, second) = stream.getvalue().splitlines()
    assert first.isprintable()
    assert second.isprintable()


@pytest.mark.parametrize("log_format", LogFormat)
def test_those_of_an_exception_are_printable(log_format: LogFormat) -> None:
    with logging_as(log_format) as stream:
        for log in (structlog.get_logger(), logging.getLogger("library")):
            try:
                int(HOSTILE)
            except ValueError as error:
                error.add_note(HOSTILE)
                log.exception("taskFailed")
        shown = stream.getvalue()
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []
    assert shown.count("ValueError") >= 2
