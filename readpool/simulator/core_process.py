"""One real stellar-core process: prepared, started, signalled, asked, ended. Under core_network, which knows the fleet.

Each process leads a process group of its own, so that Ctrl-C reaches us and not it: we end it, by its id.
"""

import asyncio
import atexit
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from readpool.simulator.core_config import NodeKey

COMMAND_SECONDS = 60.0
END_SECONDS = 5.0
"""From TERM to KILL; Core takes one or two to end."""
ASK_SECONDS = 5.0
LOG_TAIL_LINES = 5

_running: set[int] = set()


class CoreError(OSError):
    """A stellar-core binary or process that does not do what it should. The message says which, and what it printed."""


@dataclass(frozen=True, slots=True)
class CoreBinary:
    """A stellar-core that has been checked: where it is, and the newest protocol it knows."""

    path: Path
    version: str
    protocol: int


async def check_binary(path: Path | str) -> CoreBinary:
    """Check that `path` is a stellar-core, by its `version` command.

    Raises:
        CoreError: when it is missing, not executable or something else.
    """
    binary = await asyncio.to_thread(_find_executable, path)
    output = await run_command(binary, "version")
    protocol = re.search(r"ledger protocol version: (\d+)", output)
    if protocol is None:
        raise CoreError(f"{binary} is not stellar-core: its `version` printed {output[:200]!r}")
    return CoreBinary(binary, output.split("\n", 1)[0].strip(), int(protocol[1]))


async def generate_key(binary: CoreBinary) -> NodeKey:
    """Make a validator's key with `gen-seed`."""
    output = await run_command(binary.path, "gen-seed")
    seed = re.search(r"Secret seed: (S[A-Z2-7]{55})", output)
    account = re.search(r"Public: (G[A-Z2-7]{55})", output)
    if seed is None or account is None:
        raise CoreError(f"{binary.path}: `gen-seed` printed no key")
    return NodeKey(seed[1], account[1])


async def run_command(binary: Path, *arguments: str, folder: Path | None = None) -> str:
    """Run a command of stellar-core to its end and return what it printed.

    Raises:
        CoreError: when it cannot be run, fails, or is not done within a minute.
    """
    what = f"{binary} {' '.join(arguments)}"
    try:
        process = await asyncio.create_subprocess_exec(
            binary, *arguments, cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, process_group=0
        )
    except OSError as error:
        raise CoreError(f"{what}: cannot be run: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        raise CoreError(f"{what}: not done within {COMMAND_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        raise CoreError(f"{what}: ended with {process.returncode}: {(errors or output).decode(errors='replace')[:500]}")
    return output.decode(errors="replace")


class CoreProcess:
    """A node in a folder of its own: its configuration, its database, its log, and its process while it runs."""

    def __init__(self, binary: Path, folder: Path, config: str, http_port: int) -> None:
        self.folder = folder
        self.http_port = http_port
        self._binary = binary
        self._config = config
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process is there, stopped or not."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The id of its process, None while there is none."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def prepare(self) -> None:
        """Make its folder, its configuration and an empty database."""
        await asyncio.to_thread(self._write_config)
        await self.command("new-db")

    async def command(self, *arguments: str) -> None:
        """Run a command of stellar-core on its configuration while it does not run."""
        await run_command(self._binary, "--conf", "node.cfg", *arguments, folder=self.folder)

    async def start(self) -> None:
        """Start its process with the database it has. One that runs is left alone."""
        if self.is_running:
            return
        with (self.folder / "node.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binary, "--conf", "node.cfg", "run",
                cwd=self.folder, stdin=DEVNULL, stdout=log, stderr=STDOUT, process_group=0,
            )  # fmt: skip
        _running.add(self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process, if it is there."""
        if self._process is not None and self.is_running:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def end(self, grace_seconds: float = END_SECONDS) -> None:
        """End its process: CONT, TERM, and KILL after `grace_seconds`. Returns when it is gone."""
        process = self._process
        if process is None:
            return
        try:
            self.signal(signal.SIGCONT)  # one that is stopped would never see TERM
            self.signal(signal.SIGTERM)
            async with asyncio.timeout(grace_seconds):
                await process.wait()
        except TimeoutError:
            pass  # KILL follows
        finally:
            _signal_group(process.pid, signal.SIGKILL)  # it, or what it left: cp, gzip
        await process.wait()
        _running.discard(process.pid)
        self._process = None

    async def ask(self, target: str) -> bytes:
        """Ask its command port for `target`, such as `/info`, and return the body.

        Raises:
            OSError: when it refuses or resets; TimeoutError is one too.
        """
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
            try:
                writer.write(f"GET {target} HTTP/1.0\r\n\r\n".encode())
                return (await reader.read()).partition(b"\r\n\r\n")[2]
            finally:
                writer.close()

    def log_tail(self) -> str:
        """Read the last lines of its log."""
        try:
            lines = (self.folder / "node.log").read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _write_config(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "node.cfg").write_text(self._config)


def _find_executable(path: Path | str) -> Path:
    binary = Path(path).absolute()
    if not binary.is_file():
        raise CoreError(f"{binary}: there is no such file; give the path of a stellar-core binary")
    if not os.access(binary, os.X_OK):
        raise CoreError(f"{binary} is not executable")
    return binary


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone already
        os.killpg(pid, number)


@atexit.register
def _end_what_is_left() -> None:
    """End what a second Ctrl-C left running."""
    for pid in _running:
        _signal_group(pid, signal.SIGKILL)
