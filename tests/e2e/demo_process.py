"""Starts the demo as a user would, for its tests: a process of its own, headless, with a report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEMO = (sys.executable, "-m", "readpool.cli", "demo")


def run_demo(report: Path, *flags: str, seconds: float) -> tuple[int, str, Mapping[str, Any]]:
    """Run it to its end within `seconds`; return its exit code, what it said, and its report."""
    command = (*DEMO, "--headless", "--report", str(report), *flags)
    environment = {**os.environ, "TMPDIR": str(report.parent)}  # so that what it leaves behind is found
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())


@contextmanager
def start_demo(report: Path) -> Iterator[subprocess.Popen[str]]:
    """Start it, and yield its process once the pool is at its target; the story then goes on."""
    command = (*DEMO, "--headless", "--report", str(report))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        while "at its target" not in (line := demo.stdout.readline()):
            assert line, "it ended by itself"
        yield demo


def find_current(report: Mapping[str, Any]) -> Sequence[int]:
    """Return the sizes that the pool had, each change once."""
    sizes = [moment["current"] for moment in report["timeline"]]
    return [size for turn, size in enumerate(sizes) if turn == 0 or size != sizes[turn - 1]]
