"""Getting files from history archives: one drawn at random for each try, with pauses between tries that grow."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from readpool.simulator.core.archive import STATE_FILE, ArchiveFileError, ArchiveState, name_state, parse_state
from readpool.simulator.core.get_command import RunsCommands, fill
from readpool.simulator.core.log import log
from readpool.simulator.core.settings import CoreSettings, HistoryArchive

T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]
Draw = Callable[[int, int], int]

LONGEST_PAUSE_EXPONENT = 12


def draw_pause_seconds(tries: int, draw: Draw) -> int:
    """Draw the pause after the `tries`-th failure (from 1): 1, 2, 3-4, 5-8, 9-16 s and so on, as was recorded."""
    longest = 2 ** min(tries - 1, LONGEST_PAUSE_EXPONENT)
    return draw(longest // 2 + 1, longest)


class Downloads:
    """What one node gets from its archives.

    Args:
        settings: whose archives with a `get` are asked.
        commands: that run them.
        pause: waits so many seconds.
        draw: an integer from `a` to `b`, both included.
    """

    def __init__(
        self, settings: CoreSettings, commands: RunsCommands, pause: Pause = asyncio.sleep, draw: Draw = random.randint
    ) -> None:
        self.archives = tuple(archive for archive in settings.archives if archive.get)
        self._folder = Path(settings.buckets, "tmp")
        self._commands = commands
        self._pause = pause
        self._draw = draw
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def open_folder(self, name: str) -> AsyncIterator[Path]:
        """Make a folder NAME-RANDOM16 for files under way; it is gone afterwards."""
        folder = self._folder / f"{name}-{draw_digits()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def probe(self) -> ArchiveState | None:
        """Ask an archive once for its state, as at each start; a failure is only logged, and is None."""
        archive = self._draw_archive()
        state = await self.get_state_once(archive)
        if state is None:
            log("History", "ERROR", f"Failed to obtain archive information: {archive.name}")
            return None
        text = f"[name: {archive.name}, server: {state.server}, currentLedger: {state.ledger}]"
        log("History", "INFO", f"Archive information: {text}")
        return state

    async def get_state_once(self, archive: HistoryArchive) -> ArchiveState | None:
        """Ask an archive for its newest state; None after a failure that is logged."""
        log("History", "INFO", f"Downloading history archive state: {STATE_FILE}")
        async with self.open_folder("history") as folder:
            return await self._try_state(archive, STATE_FILE, _name_target(folder), _complain_of_newest(archive))

    async def get_state(self, ledger: int | None) -> ArchiveState:
        """Download the state of a checkpoint, None for the newest; tries until it has it."""
        remote = STATE_FILE if ledger is None else name_state(ledger)
        async with self.open_folder("history") as folder:
            target = _name_target(folder)

            async def once() -> ArchiveState | None:
                log("History", "INFO", f"Downloading history archive state: {remote}")
                archive = self._select(remote)
                return await self._try_state(archive, remote, target, _complain(archive, ledger))

            return await self._repeat(once)

    async def get_file(self, folder: Path, remote: str, read: Callable[[bytes], T]) -> T:
        """Download a file and return what `read` makes of it; tries again when that raises ArchiveFileError."""

        async def once() -> T | None:
            return await self.get_file_once(self._select(remote), folder, remote, read)

        return await self._repeat(once)

    async def get_file_once(
        self, archive: HistoryArchive, folder: Path, remote: str, read: Callable[[bytes], T]
    ) -> T | None:
        """Try once to get a file from one archive; None after a failure that is logged."""
        target = folder / f"{remote}.tmp"
        target.parent.mkdir(parents=True, exist_ok=True)
        return await self._try_file(archive, remote, target, read)

    async def _repeat(self, once: Callable[[], Awaitable[T | None]]) -> T:
        tries = 0
        while (result := await once()) is None:
            tries += 1
            await self._pause(draw_pause_seconds(tries, self._draw))
        return result

    async def _try_state(
        self, archive: HistoryArchive, remote: str, target: Path, complaint: str
    ) -> ArchiveState | None:
        state = await self._try_file(archive, remote, target, parse_state)
        if state is None:
            log("History", "ERROR", complaint)
        return state

    async def _try_file(
        self, archive: HistoryArchive, remote: str, target: Path, read: Callable[[bytes], T]
    ) -> T | None:
        is_done = await self._commands.run(fill(archive.get, remote, str(target)))
        content = _take(target) if is_done else None
        if content is None:
            log("History", "WARNING", f"Could not download file: archive {archive.name} maybe missing file {remote}")
            return None
        try:
            return read(content)
        except ArchiveFileError as error:
            log("History", "WARNING", f"Archive {archive.name} has a file {remote} that is damaged: {error}")
            return None

    def _select(self, remote: str) -> HistoryArchive:
        archive = self._draw_archive()
        log("History", "INFO", f"Selected archive {archive.name} to download {remote.rpartition('/')[2]}")
        return archive

    def _draw_archive(self) -> HistoryArchive:
        return self.archives[self._draw(0, len(self.archives) - 1)]


def draw_digits() -> str:
    """Draw 16 hexadecimal digits for a name."""
    return f"{random.getrandbits(64):016x}"


def _take(target: Path) -> bytes | None:
    """Read a file and remove it; None when it is not there, whatever its command said."""
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        return None
    target.unlink()
    return content


def _name_target(folder: Path) -> Path:
    return folder / f"{draw_digits()}-stellar-history.json"


def _complain(archive: HistoryArchive, ledger: int | None) -> str:
    if ledger is None:
        return _complain_of_newest(archive)
    return f"Missing HAS for ledger {ledger}: maybe stale archive {archive.name}"


def _complain_of_newest(archive: HistoryArchive) -> str:
    return f"Could not download {STATE_FILE} file: corrupt archive {archive.name}"
