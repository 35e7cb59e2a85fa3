"""Catching up from an archive by real child processes: what was recorded of files, tries, texts and ends.

The archive is a folder; `get` is a script that notes what it is asked, and fails, hangs or copies. Pauses are
noted, not slept.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from simulator.core.archive import name_bucket, name_file, name_state
from simulator.core.bucket_levels import list_buckets
from simulator.core.catchup import CatchUpError, Replica, catch_up
from simulator.core.catchup_plan import COMPLETE, Target
from simulator.core.download import Downloads
from simulator.core.errors import CoreFailure
from simulator.core.get_command import Commands
from simulator.core.header_check import check_header
from simulator.core.model import GENESIS, ClosedLedger
from simulator.core.settings import CoreSettings, HistoryArchive
from simulator.core.store import Store
from tests.core_archive import ENTRY, changes_of, create, make_ledgers, make_settings, publish, replay

RECORDED = json.loads((Path(__file__).parents[1] / "recorded/core/archives.json").read_text())
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
        """Let `get` do this first; $3 is the file, $4 the target."""
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
        return list((self.folder / "buckets/tmp").iterdir())

    def find_child(self) -> Path | None:
        """Find the process that a hanging `get` has begun, once it noted its id."""
        noted = self.folder / "child"
        text = noted.read_text() if noted.exists() else ""
        return Path("/proc", text.strip()) if text.endswith("\n") else None

    def check(self, num: int) -> None:
        """See that the node is at a ledger, with the entries that belong to it."""
        assert self.store.header == LEDGERS[num - 2].header
        assert self.store.load_entries()[ENTRY] == str(num).encode()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with the checkpoints to 311."""
    folder = tmp_path_factory.mktemp("archive")
    asyncio.run(publish(folder / "history", folder, LEDGERS))
    return folder / "history"


@pytest.fixture
async def node(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """A node with a new database."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "get.sh"
    script.write_text(GET)
    get = f"sh {script} {archive} {tmp_path} {{0}} {{1}}"
    settings = make_settings(Path(), [HistoryArchive("local", get=get)])
    store = create(settings)
    yield Node(settings, store, tmp_path, archive)
    store.close()


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
    """Give the files of a recorded catch-up, in the order of their kinds."""
    return [
        *(name_state(one) for one in recorded["states"]),
        *(name_file("ledger", one) for one in recorded["ledgers"]),
        *["bucket/"] * recorded["buckets"],
        *(name_file("transactions", one) for one in recorded["transactions"]),
    ]


COMPARED = ("start-recent0-noquery", "start-recent0-query", "start-recent16", "start-default", "start-complete")
STARTS = [one for one in RECORDED["catch_ups"] if one["recording"] in COMPARED]


@pytest.mark.parametrize("recorded", STARTS, ids=[one["recording"] for one in STARTS])
async def test_a_newcomer_asks_for_the_recorded_files_and_is_at_its_target(
    node: Node, recorded: dict[str, Any]
) -> None:
    await node.catch_up(recorded["to"], recorded["count"], LEDGERS[recorded["to"] - 2].header.hash)
    assert by_kind(node.asked) == by_kind(recorded_names(recorded))
    node.check(recorded["to"])
    assert node.statuses[-1] == f"Catching up to ledger {recorded['to']}: Succeeded: catchup-seq"
    assert node.list_unfinished() == []


async def test_targets_lie_where_they_were_recorded(node: Node) -> None:
    await node.catch_up(23)
    random16 = "[0-9a-f]{16}"
    for line in node.read_asked():
        name, target = line.removeprefix("get ").split(" -> ")
        if name.startswith("history/"):
            assert re.fullmatch(f"buckets/tmp/history-{random16}/{random16}-stellar-history.json", target)
        else:
            assert re.fullmatch(f"buckets/tmp/catchup-{random16}/{re.escape(name)}.tmp", target)


async def test_who_has_a_database_replays_and_never_takes_buckets(node: Node) -> None:
    replay(node.store, LEDGERS[: 38 - 1])
    await node.catch_up(63)
    assert node.applied == list(range(39, 64))
    assert {name.split("/")[0] for name in node.asked} == {"history", "ledger", "transactions"}
    node.check(63)
    again = Store.open  # what was replayed is what is there after a restart
    node.store.close()
    node.store = again(node.settings)
    node.check(63)


def clean(text: str) -> list[str]:
    """Take off what is another each time, as in the recordings."""
    return [clean_line(line) for line in re.findall(r"\[(?:History|Process) .*", text)]


def clean_line(line: str) -> str:
    """Take off what is another each time from one line."""
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


async def test_current_with_a_new_database_is_logged_as_recorded(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    await node.catch_up(None)
    recorded = story("(no trust given)")
    log = moved(recorded["log"], ("271", "311"), ("272", "312"), ("0000010f", "00000137"), ("00000117", "0000013f"))
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")  # the start asks once more
    assert compared(clean(capsys.readouterr().err)) == compared(log)
    assert by_kind(node.asked)[-2:] == [("ledger", [name_file("ledger", LAST)]), ("bucket", ["bucket"] * 9)]
    assert Counter(name.split("/")[0] for name in node.asked) == Counter(
        name.split("/")[0] for name in recorded["asked"][1:]
    )
    node.check(LAST)


def earlier(line: str) -> str:
    """Take 240 from the numbers of ledgers from 270 on, so that fewer ledgers have to be made."""
    line = re.sub(r"\b(2[7-9]\d|30\d)\b", lambda found: str(int(found[0]) - 240), line)
    return re.sub(r"\b(000001[0-9a-f]{2})\b", lambda found: f"{int(found[0], 16) - 240:08x}", line)


async def test_current_with_a_database_is_logged_as_recorded(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    replay(node.store, LEDGERS[: 38 - 1])
    node.spoil(f'if [ "$3" = {STATE} ]; then cp "$1/{name_state(63)}" "$4"; exit 0; fi')  # the archive as it was at 63
    capsys.readouterr()
    await node.catch_up(None)
    log = [earlier(line) for line in story("database 25 ledgers behind, catchup")["log"]]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    assert compared(clean(capsys.readouterr().err)) == compared(log)


async def test_recent_16_is_logged_as_recorded(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    await node.catch_up(223, 16, LEDGERS[223 - 2].header.hash)
    log = RECORDED["recent16"]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    mine = [line for line in clean(capsys.readouterr().err) if "catchup-seq" not in line]
    assert compared(mine) == compared(log)


async def test_who_has_the_newest_checkpoint_already_has_nothing_to_do(node: Node) -> None:
    replay(node.store, LEDGERS[: 20 - 1])
    await node.catch_up(15)
    assert node.asked == [name_state(15)]
    node.check(20)


async def test_a_wrong_trusted_hash_fails_for_good(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = story("wrong --trusted-hash")
    with pytest.raises(CatchUpError):
        await node.catch_up(39, 0, recorded["argv"][-1])
    log = recorded["log"]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    assert compared(clean(capsys.readouterr().err)) == compared(log)
    assert node.store.header == GENESIS
    assert Counter(node.asked) == Counter(name for name in recorded["asked"] if name != STATE)
    assert node.pauses == []


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


@pytest.mark.parametrize(
    ("ledger", "words", "spoiled"),
    [
        pytest.param(100_000, "ahead of the archive", "", id="ahead-of-the-archive"),
        pytest.param(None, "archive away", "exit 1", id="archive-away"),
    ],
)
async def test_a_catch_up_without_a_state_file_never_ends(
    node: Node, capsys: pytest.CaptureFixture[str], ledger: int | None, words: str, spoiled: str
) -> None:
    recorded = story(words)
    node.spoil(spoiled)
    await give_up(node.catch_up(ledger), lambda: len(node.pauses) >= 5)
    assert set(node.asked) == set(recorded["asked"]) - ({STATE} if ledger else set())
    assert node.store.header == GENESIS
    assert node.pauses[:2] == [1, 2]
    log = [line for line in compared(clean(capsys.readouterr().err)) if "Process" not in line]
    begin = {f"[History INFO] Downloading history archive state: {STATE}"} if ledger else set()
    assert {*log, *begin} == {
        line for line in compared(recorded["log"]) if "Process" not in line and "Failed to obtain" not in line
    }


async def test_a_start_asks_an_archive_once_and_only_logs_a_failure(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await node.downloads.probe() is not None
    assert clean(capsys.readouterr().err)[-1].startswith("[History INFO] Archive information: [name: local, server: v")
    node.spoil("exit 1")
    assert await node.downloads.probe() is None
    assert compared(clean(capsys.readouterr().err)) == compared(RECORDED["archive_fails"])[:5]
    assert node.asked == [STATE, STATE]
    assert node.pauses == []


async def test_an_archive_that_fails_is_asked_for_the_state_file_again_and_again(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    node.spoil("exit 1")
    await give_up(node.catch_up(303), lambda: len(node.pauses) >= 7)
    assert set(node.asked) == {name_state(303)}
    recorded = moved(RECORDED["archive_fails"], ("359", "303"), ("00000167", "0000012f"))
    log = compared(clean(capsys.readouterr().err))
    expected = compared(recorded)[5:]
    assert len(expected) > 4
    assert log[: len(expected)] == expected


async def test_a_catch_up_goes_on_at_the_next_try_once_the_archive_heals(node: Node) -> None:
    node.spoil("exit 1")
    node.heals_after = 5
    await node.catch_up(303)
    assert node.asked[:6] == [name_state(303)] * 6
    assert node.asked[6] == name_file("ledger", 303)
    node.check(303)


@pytest.mark.parametrize(
    ("kind", "last_closed"),
    [("bucket", 1), ("transactions", 182), ("ledger", 182)],
    ids=["buckets", "transactions", "ledgers"],
)
async def test_each_file_that_is_missing_is_tried_by_itself_until_it_is_there(
    node: Node, kind: str, last_closed: int
) -> None:
    replay(node.store, LEDGERS[: last_closed - 1])
    node.spoil(f'case "$3" in {kind}/*) exit 1;; esac')
    node.heals_after = 12
    await node.catch_up(207)
    tries = Counter(name for name in node.asked if name.startswith(kind))
    assert len(tries) == (8 if kind == "bucket" else 4)
    assert min(tries.values()) >= 2
    node.check(207)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('echo nonsense > "$4"; exit 0', id="nonsense"),
        pytest.param('head -c 40 "$1/$3" > "$4"; exit 0', id="cut"),
        pytest.param('gzip -c "$2/errors" > "$4"; exit 0', id="another-content"),
        pytest.param("exit 0", id="nothing"),
    ],
)
async def test_a_bucket_that_is_wrong_is_got_again(node: Node, script: str) -> None:
    (node.folder / "errors").write_text("")
    node.spoil(f'case "$3" in bucket/*) {script};; esac')
    node.heals_after = 9
    await node.catch_up(303)
    assert len(node.pauses) >= 9
    node.check(303)


async def test_at_most_16_files_are_got_at_once(node: Node) -> None:
    node.spoil('touch "$2/on-$$"; ls "$2" | grep -c on- >> "$2/counts"; sleep 0.05; rm "$2/on-$$"')
    await node.catch_up(159, COMPLETE)
    counts = [int(line) for line in (node.folder / "counts").read_text().splitlines()]
    assert 2 <= max(counts) <= 16
    node.check(159)


async def test_transactions_are_asked_for_at_most_16_checkpoints_ahead(node: Node) -> None:
    node.spoil(f'case "$3" in {name_file("transactions", 7)}) exit 1;; esac')
    await give_up(
        node.catch_up(303, COMPLETE),
        lambda: len(node.pauses) >= 3 and len({name for name in node.asked if name.startswith("trans")}) >= 16,
    )
    transactions = {name for name in node.asked if name.startswith("transactions")}
    assert transactions == {name_file("transactions", num) for num in range(7, 16 * 8, 8)}
    assert node.applied == []


async def test_a_get_that_hangs_is_waited_for_and_ends_with_the_catch_up(node: Node) -> None:
    node.spoil('sleep 600 & echo $! > "$2/child"; wait')
    await give_up(node.catch_up(303), lambda: node.find_child() is not None)
    child = node.find_child()
    assert child is not None
    assert node.asked == [name_state(303)]
    await until(lambda: has_ended(child))


def has_ended(process: Path) -> bool:
    """Say whether a process, by its folder in /proc, has ended; its parent may not have looked yet."""
    try:
        return "State:\tZ" in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_two_archives_are_drawn_from_for_each_file_and_again_at_each_try(
    node: Node, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = HistoryArchive("archive-1", get="false {0} {1}")
    good = HistoryArchive("archive-2", get=f"cp {archive}/{{0}} {{1}}")
    node.settings = replace(node.settings, archives=(bad, good))
    node.downloads = Downloads(node.settings, Commands(), node.pause, node.draw)
    await node.catch_up(127, COMPLETE)
    log = capsys.readouterr().err
    drawn = Counter(re.findall(r"Selected archive (archive-\d) to download", log))
    assert drawn["archive-1"] > 10
    assert drawn["archive-2"] == 1 + 16 + 16
    assert len(node.pauses) == drawn["archive-1"]
    assert "Could not download file: archive archive-1 maybe missing file" in log
    node.check(127)


async def test_an_archive_of_another_network_is_refused(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.settings = replace(node.settings, passphrase="Rec Z")  # noqa: S106  # public
    with pytest.raises(CatchUpError):
        await node.catch_up(303)
    assert "does not match that of this application" in capsys.readouterr().err


async def test_braces_that_are_wrong_abort(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = HistoryArchive("local", get="cp DIR/history/{0} {1")
    downloads = Downloads(replace(node.settings, archives=(wrong,)), Commands())
    with pytest.raises(CoreFailure) as failure:
        await downloads.probe()
    assert failure.value.lines[0] == 'std::runtime_error("failed to format command string")'
    assert failure.value.exit_code == 134
    assert 'Failed to format string "cp DIR/history/{0} {1":invalid format string' in capsys.readouterr().err


async def test_a_get_whose_program_is_not_there_fails_like_any_other(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = HistoryArchive("local", get="/nosuch/program {0} {1}")
    downloads = Downloads(replace(node.settings, archives=(absent,)), Commands())
    assert await downloads.probe() is None
    assert "maybe missing file .well-known/stellar-history.json" in capsys.readouterr().err


async def test_the_header_check_asks_for_one_ledger_file(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    await check_header(node.downloads, LEDGERS[81 - 2].header, 8)
    assert node.asked == [name_file("ledger", 87)]
    assert "[History INFO] Local ledger header 81 matches archive local" in capsys.readouterr().err
    target = (node.folder / "asked").read_text().split(" -> ")[1]
    assert re.match(r"buckets/tmp/check-single-ledger-header-81-[0-9a-f]{16}/ledger/", target)


async def test_buckets_that_are_there_already_are_not_got_again(node: Node) -> None:
    await node.catch_up(303)
    levels = node.store.levels
    kept = {name: node.store.folder.locate(name).read_bytes() for name in list_buckets(levels)[:3]}
    node.store.begin({})
    for name, content in kept.items():
        node.store.folder.put(name, content)
    (node.folder / "asked").unlink()
    await node.catch_up(303)
    buckets = [name for name in node.asked if name.startswith("bucket")]
    assert sorted(buckets) == sorted(map(name_bucket, set(list_buckets(levels)) - set(kept)))
    node.check(303)
