"""A node that catches up from a history archive by real child processes, and how its log is compared to recordings.

The archive is a folder; `get` is a script that notes what it is asked, and fails, hangs or copies. Pauses are noted,
not slept.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from readpool.simulator.core.archive import name_file, name_state
from readpool.simulator.core.catchup import Replica, catch_up
from readpool.simulator.core.catchup_plan import Target
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.get_command import Commands
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store
from tests.core_archive import ENTRY, changes_of, make_ledgers

RECORDED = json.loads((Path(__file__).parent / "recorded/core/archives.json").read_text())
LAST = 311
LEDGERS = make_ledgers(LAST + 1)
STATE = ".well-known/stellar-history.json"

GET = """#!/bin/sh
echo "get $3 -> $4" >> "$2/asked"
if [ -e "$2/mode" ]; then . "$2/mode"; fi
cp "$1/$3" "$4" 2>> "$2/errors"
"""

DIFFERS = {
    r"downloading ledger files": "each start is told, Core tells some of them",
    r"verifying checkpoint": "headers are verified at once, Core tells each checkpoint",
    r"downloading and verifying buckets": "each one is told, Core tells some of them",
    r"Selected archive .* to download (ledger|bucket|transactions)": "16 at once come in no order",
    r"Verifying and indexing bucket": "16 at once come in no order",
    r"estimated \d+ ledger entries": "the entries of a simulated network are others",
    r"Applying buckets 0%": "Core tells level 11 once it is done",
    r"Archive information": "the start asks beside the catch-up, and comes in no order",
    r"^\[History INFO\] Verifying ledgers \[39,40\)$": "Core logs it once more after the failure",
    r"Catchup finished": "whoever asked for it logs it, after buffered ledgers",
    r"Herder state is set": "Core hears no network in `catchup`; it is logged there alone",
}
"""Lines of the log that differ on purpose, and why."""


CLEANED = [
    (r"process \d+", "process PID"),
    (r"exited 1: .*", "exited 1: COMMAND"),
    (r"[0-9a-f]{64}", "HEX64"),
    (r"hash=[0-9a-f]{6}", "hash=HEX6"),
    (r"closeTime=\d+", "closeTime=N"),
]


@dataclass
class Node:
    """A node in a folder of its own, and what it was told and asked for."""

    settings: CoreSettings
    store: Store
    folder: Path
    archive: Path
    pauses: list[float] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)
    heals_after: int | None = None

    def __post_init__(self) -> None:
        self.draw = random.Random(1).randint  # noqa: S311  # no secret
        self.downloads = Downloads(self.settings, Commands(), self.pause, self.draw)

    async def pause(self, seconds: float) -> None:
        """Note a pause; the archive heals after so many of them."""
        self.pauses.append(seconds)
        if self.heals_after is not None and len(self.pauses) >= self.heals_after:
            (self.folder / "mode").unlink(missing_ok=True)
        await asyncio.sleep(0)

    def apply(self, ledger: ClosedLedger) -> None:
        """Apply a ledger."""
        self.applied.append(ledger.header.num)
        self.store.save(ledger, changes_of(ledger))

    def spoil(self, script: str) -> None:
        """Make `get` do this first; $3 is the file, $4 the target."""
        (self.folder / "mode").write_text(script)

    async def catch_up(self, ledger: int | None, count: int = 0, trusted_hash: str | None = None) -> None:
        """Catch up."""
        replica = Replica(
            self.settings, self.store, self.downloads, self.apply, assumed=lambda: None, burn=lambda _: None
        )
        await catch_up(replica, Target(ledger, count, trusted_hash), self.statuses.append)

    @property
    def asked(self) -> list[str]:
        """The names of the files that were asked for, in order."""
        return [line.split()[1] for line in self.read_asked()]

    def read_asked(self) -> list[str]:
        """Read what `get` noted: `get FILE -> TARGET`."""
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def list_unfinished(self) -> list[Path]:
        """List what is left of files under way."""
        return list((self.folder / "buckets" / "tmp").iterdir())

    def find_child(self) -> Path | None:
        """Find the process that a hanging `get` has begun, once it noted its id."""
        noted = self.folder / "child"
        text = noted.read_text() if noted.exists() else ""
        return Path("/proc", text.strip()) if text.endswith("\n") else None

    def check(self, num: int) -> None:
        """See that the node is at a ledger, with the entries that belong to it."""
        assert self.store.header == LEDGERS[num - 2].header
        assert self.store.load_entries()[ENTRY] == str(num).encode()


def by_kind(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Order names within each row of one kind: 16 at once come in no order. Buckets are counted by names of x."""
    rows: list[tuple[str, list[str]]] = []
    for name in names:
        kind = name.split("/")[0]
        if not rows or rows[-1][0] != kind:
            rows.append((kind, []))
        rows[-1][1].append("bucket" if kind == "bucket" else name)
    return [(kind, sorted(row)) for kind, row in rows]


def recorded_names(recorded: dict[str, Any]) -> list[str]:
    """Return the files of a recorded catch-up, in the order of their kinds."""
    return [
        *(name_state(one) for one in recorded["states"]),
        *(name_file("ledger", one) for one in recorded["ledgers"]),
        *["bucket/"] * recorded["buckets"],
        *(name_file("transactions", one) for one in recorded["transactions"]),
    ]


def clean(text: str) -> list[str]:
    """Remove what is another each time, as in the recordings."""
    return [clean_line(line) for line in re.findall(r"\[(?:History|Process) .*", text)]


def clean_line(line: str) -> str:
    """Remove what is another each time from one line."""
    for pattern, word in CLEANED:
        line = re.sub(pattern, word, line)
    return line


def compared(lines: Iterable[str]) -> list[str]:
    """Leave out what differs on purpose, and lines of the start."""
    skipped = "|".join(
        [*DIFFERS, "Archive 'local' has", "No writable archives", "Starting catchup after", "Running: catchup"]
    )
    shortened = [re.sub(r"exited 1: .*", "exited 1: COMMAND", line) for line in lines]
    return [line for line in shortened if not re.search(skipped, line)]


def story(words: str) -> dict[str, Any]:
    """Find a recorded story by its words."""
    found: dict[str, Any] = next(one for one in RECORDED["stories"] if words in one["story"])
    return found


def moved(lines: Iterable[str], *pairs: tuple[str, str]) -> list[str]:
    """Put numbers in the place of recorded ones."""
    moved_lines = list(lines)
    for old, new in pairs:
        moved_lines = [line.replace(old, new) for line in moved_lines]
    return moved_lines


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition for up to 20 s, while others have the loop."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # files and processes set no event
            await asyncio.sleep(0.005)


async def give_up(catch_up: Coroutine[Any, Any, None], once: Callable[[], bool]) -> None:
    """Catch up until a condition holds, then cancel it."""
    task = asyncio.get_running_loop().create_task(catch_up)
    await until(lambda: once() or task.done())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def has_ended(process: Path) -> bool:
    """Return whether a process, by its folder in /proc, has ended; its parent may not have looked yet."""
    try:
        return "State:\tZ" in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
