"""The commands of a history archive (get, put, mkdir): templates that are filled, and run as child processes.

No shell comes between: the text is cut at white space, so that a pipe or quotes need a script, as with Stellar Core.
"""

import asyncio
import contextlib
import os
import re
import signal
from asyncio.subprocess import Process
from typing import Protocol

from readpool.simulator.core.errors import abort
from readpool.simulator.core.log import log

CONCURRENT = 16
"""How many commands run at once, as MAX_CONCURRENT_SUBPROCESSES has it by default."""
NOT_FOUND = 127
_FIELD = re.compile(r"\{\{|\}\}|\{(\d+)\}|[{}]")


def fill(template: str, *words: str) -> str:
    """Put words in the place of {0} and {1}; {{ is a brace.

    Raises:
        CoreFailure: (134) for braces that are wrong, after the lines that Stellar Core logs.
    """

    def replace(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        return words[int(found[1])]

    try:
        return _FIELD.sub(replace, template)
    except (TypeError, IndexError) as error:
        log("History", "ERROR", f'Failed to format string "{template}":invalid format string')
        log("History", "ERROR", "Check your HISTORY entry in configuration file")
        raise abort("failed to format command string") from error


class RunsCommands(Protocol):
    """What runs the commands of archives."""

    async def run(self, line: str) -> bool:
        """Run a command and say whether it went well; a failure is logged."""
        ...


class Commands:
    """The child processes of one node, 16 at once; others wait. One that hangs ends when its caller is cancelled."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(CONCURRENT)

    async def run(self, line: str) -> bool:
        """Run a command and say whether it went well; a failure is logged."""
        async with self._places:
            process = await _start(line)
            if process is None:
                return False
            code = await _wait(process)
        if code != 0:
            log("Process", "WARNING", f"process {process.pid} exited {code}: {line}")
        return code == 0


async def _start(line: str) -> Process | None:
    """Start a command; None when it cannot be."""
    try:
        return await asyncio.create_subprocess_exec(*line.split(), process_group=0)
    except (OSError, TypeError) as error:  # an empty line has no program
        log("Process", "WARNING", f"process exited {NOT_FOUND}: {line} ({error})")
        return None


async def _wait(process: Process) -> int:
    """Wait for a command, and let nothing of it live on when that is cancelled."""
    try:
        return await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()  # else the loop may end before it has heard of it
        raise
