"""The log: `TIME NODE5 [Partition LEVEL] text`, to standard error or to one file, as Core writes it."""

import sys
import time
from dataclasses import dataclass
from typing import TextIO

from readpool.simulator.core.errors import CoreFailure

LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "FATAL")


@dataclass(slots=True)
class _Sink:
    """Where the log goes, and what stands before each line."""

    stream: TextIO | None = None
    node: str = ""
    threshold: int = LEVELS.index("INFO")


_sink = _Sink()


def log(partition: str, level: str, text: str) -> None:
    """Write a line. `level` is one of LEVELS; lines below the threshold are left out."""
    if LEVELS.index(level) < _sink.threshold:
        return
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
    print(
        f"{stamp}.{int(now % 1 * 1000):03d} {_sink.node}[{partition} {level}] {text}",
        file=_sink.stream or sys.stderr,
        flush=True,
    )


def name_node(account: str) -> None:
    """Write the first five characters of the node's account into each line from now on."""
    _sink.node = f"{account[:5]} "


def set_level(name: str) -> bool:
    """Leave out what is below this level, in any case of letters. False for a level that there is not."""
    level = name.upper()
    if level in LEVELS:
        _sink.threshold = LEVELS.index(level)
    return level in LEVELS


def open_file(path: str) -> None:
    """Write to this file from now on, and no more to standard error. Raises CoreFailure where it can't be opened."""
    started = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime())
    name = path.replace("{datetime:%Y-%m-%d_%H-%M-%S}", started)
    try:
        _sink.stream = open(name, "a", encoding="utf-8")  # noqa: SIM115, PTH123  # open until the process ends
    except OSError as error:
        raise CoreFailure(f"Could not open log file {name}, check access rights") from error
