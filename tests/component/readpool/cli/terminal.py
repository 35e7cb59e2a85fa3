"""A command in a terminal of a given width: a pseudo-terminal, read to its end."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress

READPOOL = (sys.executable, "-m", "readpool.cli")


async def run_in_terminal(*arguments: str, width: int = 100, **environment: str) -> tuple[int | None, str]:
    """Run `readpool` in a terminal; return its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    inherited = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = await asyncio.create_subprocess_exec(
        *READPOOL, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=_build(inherited, environment)
    )
    os.close(theirs)
    screen = bytearray()
    ended = asyncio.Event()

    def read() -> None:
        piece = b""
        with suppress(OSError):  # Linux says EIO at the end
            piece = os.read(ours, 65536)
        if piece:
            screen.extend(piece)
        else:
            asyncio.get_running_loop().remove_reader(ours)
            ended.set()

    asyncio.get_running_loop().add_reader(ours, read)
    try:
        async with asyncio.timeout(60):
            await ended.wait()
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
        os.close(ours)
    return code, screen.decode().replace("\r\n", "\n")


def _build(inherited: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {**inherited, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **given}
