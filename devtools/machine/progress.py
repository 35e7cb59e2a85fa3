"""Long commands that report progress: a line when one starts, one every 15 s, one when it ends.

What builds or installs something for the cluster runs its programs through `run_reported`.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Progress = Callable[[str], None]

BEAT_SECONDS = 15.0
LINES_KEPT = 15
# Put before a program that mounts: whatever becomes of it, its mounts go with it.
OWN_MOUNTS = ("unshare", "--mount")


class CommandError(RuntimeError):
    """A program that ended with an error; the message holds its last lines."""


def run_reported(
    command: Sequence[str | Path],
    what: str,
    progress: Progress,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    beat_seconds: float = BEAT_SECONDS,
) -> str:
    """Run a program to its end and return what it printed on stdout; `what` names it in the lines of progress.

    `environment` comes on top of that of this process.

    Raises:
        CommandError: when it ends with an error.
    """
    progress(f"{what} …")
    began = time.monotonic()
    child = subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with child:
        try:
            printed, complaint = _wait(child, lambda: progress(f"{what}: {_elapsed(began)} so far"), beat_seconds)
        except BaseException:
            child.terminate()
            raise
    if child.returncode:
        raise CommandError(f"{what} failed (exit {child.returncode}):\n{_last_lines(complaint or printed)}")
    progress(f"{what}: done in {_elapsed(began)}")
    return printed


def _wait(child: subprocess.Popen[str], beat: Callable[[], None], seconds: float) -> tuple[str, str]:
    while True:
        try:
            return child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            beat()


def _elapsed(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"


def _last_lines(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-LINES_KEPT:])
