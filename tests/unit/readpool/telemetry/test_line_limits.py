"""A log stays readable whoever writes into it: short lines, and not too many of one kind."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from readpool.telemetry.line_limits import BURST, EVENT_BURST, MOST_CHARACTERS, PER_SECOND, LineLimits
from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """Write lines as JSON to a stream, and set everything back afterwards."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    stream = StringIO()
    configure_logging(LogFormat.JSON, LogLevel.INFO, stream)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def read_lines(stream: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_value_without_end_is_cut_and_the_line_says_so(stream: StringIO) -> None:
    structlog.get_logger().warning("triggerRefused", namespace="\x01" * 200_000, message="short")
    (line,) = read_lines(stream)
    assert len(str(line["namespace"])) < MOST_CHARACTERS + 50
    assert str(line["namespace"]).endswith("(and 198000 characters more)")
    assert line["message"] == "short"


def test_lines_of_one_namespace_without_end_are_withheld_and_those_of_others_are_not(stream: StringIO) -> None:
    log = structlog.get_logger()
    for number in range(2 * BURST):
        log.info("fleetWatched", fleet=f"evil/{number}")
    log.info("fleetWatched", fleet="victim/core")
    log.info("fleetDropped", fleet="evil/1")
    lines = read_lines(stream)
    assert BURST <= len(lines) - 2 < 1.5 * BURST
    assert [line["fleet"] for line in lines[-2:]] == ["victim/core", "evil/1"]


def test_a_line_says_how_many_were_withheld_before_it() -> None:
    now = 0.0
    limits = LineLimits(lambda: now)
    assert [limits.take("event", "evil") for _ in range(BURST + 3)] == [0] * BURST + [None] * 3
    now = 1 / PER_SECOND
    assert limits(None, "info", {"event": "event", "namespace": "evil"})["suppressed"] == 3


def test_namespaces_without_end_bring_no_lines_without_end_and_silence_nothing_else() -> None:
    limits = LineLimits(lambda: 0.0)
    assert sum(limits.take("event", str(number)) is not None for number in range(3 * EVENT_BURST)) == EVENT_BURST
    assert limits.take("another", "victim") == 0


def test_lines_of_libraries_are_held_to_the_same(stream: StringIO) -> None:
    for _ in range(2 * BURST):
        logging.getLogger("grpc").error("no %s", "x" * 10_000)
    lines = read_lines(stream)
    assert BURST <= len(lines) < 1.5 * BURST
    assert max(len(str(line["event"])) for line in lines) < MOST_CHARACTERS + 50
