"""Programs of an installation, each in a control group where it has one, ended with whoever has started them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.hostile.memory_group import MemoryGroup

_END_SECONDS = 10.0
_WITH_US = ("setpriv", "--pdeathsig=KILL", "--")
"""Before each command: nothing is left, whatever becomes of whoever has started it."""
_SAYS_SECONDS = 120.0


@contextlib.asynccontextmanager
async def run_program(
    command: Sequence[str], log: Path, memory: MemoryGroup | None = None, *, is_read: bool = True
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program for the block; what it says on stdout can be read, if it `is_read`, and the rest is in the log."""
    place = () if memory is None else memory.place
    with log.open("wb") as rest:
        process = await asyncio.create_subprocess_exec(
            *place, *_WITH_US, *command, stdout=asyncio.subprocess.PIPE if is_read else rest, stderr=rest
        )
    try:
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """End it by SIGTERM, or by SIGKILL when it stays."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def read_line(process: asyncio.subprocess.Process, log: Path) -> str:
    """Read what it says next.

    Raises:
        RuntimeError: when it ends instead, or says nothing.
    """
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SAYS_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        said = await asyncio.to_thread(log.read_text, errors="replace")
        raise RuntimeError(f"{log.stem} has said nothing: {said[-2000:]}")
    return line.decode().strip()
