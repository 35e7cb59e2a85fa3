"""Publishing a validator's checkpoints by real child processes: the recorded files in the recorded order."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from readpool.simulator.core import BUILD
from readpool.simulator.core.archive import STATE_FILE, name_state
from readpool.simulator.core.bucket_levels import list_buckets
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.get_command import Commands
from readpool.simulator.core.publish import Publisher
from readpool.simulator.core.settings import CoreSettings, HistoryArchive
from readpool.simulator.core.store import Store
from scaler.probes.archive import parse_archive
from tests.core_archive import PASSPHRASE, changes_of, create, make_ledgers, make_settings, replay

RECORDED = json.loads((Path(__file__).parents[3] / "recorded/core/archives.json").read_text())
LEDGERS = make_ledgers(40)
TMP = str(Path("buckets", "tmp"))

SCRIPT = """#!/bin/sh
echo "$2 $3 $4" | sed 's/ $//' >> asked
if [ -e spoiled ]; then . ./spoiled; fi
case $2 in
get) cp "$1/$3" "$4" ;;
put) cp "$3" "$1/$4" ;;
mkdir) mkdir -p "$1/$3" ;;
esac
"""


@dataclass
class Validator:
    """A node that publishes."""

    settings: CoreSettings
    store: Store

    def __post_init__(self) -> None:
        commands = Commands()
        self.publisher = Publisher(self.settings, Downloads(self.settings, commands), commands)

    async def close_ledgers(self, last: int) -> None:
        """Close ledgers, and publish with each what waits."""
        for ledger in LEDGERS:
            if self.store.header.num < ledger.header.num <= last:
                self.store.save(ledger, changes_of(ledger))
                await self.publisher.publish(self.store)

    @property
    def asked(self) -> list[str]:
        """What the commands were, with nothing in them that is another each time."""
        return [clean(line) for line in Path("asked").read_text().splitlines()]


def clean(line: str) -> str:
    """Put words in the place of what is another each time, as in the recordings."""
    line = re.sub(r"[0-9a-f]{64}", "HEX64", line.replace(TMP, "TMP"))
    line = re.sub(r"bucket/\w\w/\w\w/\w\w", "bucket/xx/xx/xx", line)
    return re.sub(r"(?<=[-/])[0-9a-f]{16}(?=[-/])", "RANDOM16", line)


@pytest.fixture
def validator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Validator]:
    """A validator at genesis with an archive in the folder `archive`, which is not made yet."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "archive.sh"
    script.write_text(SCRIPT)
    run = f"sh {script} {tmp_path}/archive"
    archive = HistoryArchive("local", f"{run} get {{0}} {{1}}", f"{run} put {{0}} {{1}}", f"{run} mkdir {{0}}")
    settings = make_settings(Path(), [archive])
    store = create(settings)
    yield Validator(settings, store)
    store.close()


def split(commands: list[str]) -> list[list[str]]:
    """Cut commands where an archive is asked for its state, which begins each part."""
    parts: list[list[str]] = []
    for command in commands:
        if command.startswith(f"get {STATE_FILE}"):
            parts.append([])
        parts[-1].append(command)
    return parts


async def test_two_checkpoints_are_published_by_the_recorded_commands(validator: Validator) -> None:
    assert await validator.publisher.initialize("local")
    assert not await validator.publisher.initialize("local")
    assert not await validator.publisher.initialize("nosuch")
    await validator.close_ledgers(22)
    mine = split(validator.asked)
    new_hist, probed_again, _at_the_start, first, second = split(RECORDED["published"])
    assert mine[0] == new_hist
    assert mine[1] == probed_again
    for part, recorded in zip(mine[2:], (first, second), strict=True):
        # after the second one the recorded validator went on to check its first header
        expected = [command for command in recorded if "check-single-ledger-header" not in command]
        assert Counter(part) == Counter(expected)
        assert set(part[-4:]) == set(expected[-4:])
        for command in part:
            if command.startswith("put "):
                folder = command.split()[2].rpartition("/")[0]
                assert part.index(f"mkdir {folder}") < part.index(command)


async def test_the_archive_then_holds_the_recorded_files_and_nothing_is_left_behind(validator: Validator) -> None:
    await validator.publisher.initialize("local")
    await validator.close_ledgers(16)
    root = Path("archive")
    files = sorted({clean(str(path.relative_to(root))) for path in list_files(root)})
    assert files == RECORDED["archive_files"]
    assert [path for path in list_files(Path("buckets")) if path.name.endswith((".gz", ".json", ".tmp"))] == []


def list_files(root: Path) -> list[Path]:
    """List the files below a folder."""
    return [path for path in root.rglob("*") if path.is_file()]


async def test_the_state_file_is_that_of_stellar_core_to_those_who_read_it(validator: Validator) -> None:
    await validator.publisher.initialize("local")
    assert parse_archive(read(STATE_FILE)).ledger == 0
    await validator.close_ledgers(16)
    value, recorded = json.loads(read(STATE_FILE)), RECORDED["state_file"]
    assert list(value) == list(recorded)
    assert value["server"] == BUILD
    assert [list(level) for level in value["currentBuckets"]] == [list(level) for level in recorded["currentBuckets"]]
    assert shape(value) == shape(recorded)
    report = parse_archive(read(STATE_FILE))
    assert (report.ledger, report.network) == (15, PASSPHRASE)
    assert read(name_state(15)) == read(STATE_FILE)


def spoil(script: str) -> None:
    """Make the commands do this first; $2 is the verb, $3 and $4 what it is given."""
    Path("spoiled").write_text(script)


def read(name: str, folder: str = "archive") -> bytes:
    """Read a file of an archive."""
    return Path(folder, name).read_bytes()


def shape(state: dict[str, object]) -> list[list[bool]]:
    """Return which of the buckets of a state are empty."""
    levels = state["currentBuckets"]
    assert isinstance(levels, list)
    return [[int(level[name], 16) == 0 for name in ("curr", "snap")] for level in levels]


async def test_new_hist_is_logged_as_recorded(validator: Validator, capsys: pytest.CaptureFixture[str]) -> None:
    for name, recorded in zip(("local", "local", "nosuch"), RECORDED["new_hist"], strict=True):
        await validator.publisher.initialize(name)
        log = re.findall(r"\[(?:History|Process) .*", capsys.readouterr().err)
        assert [shorten(line) for line in log] == [shorten(line) for line in recorded]


def shorten(line: str) -> str:
    """Remove which command it was."""
    return re.sub(r"process \S+ exited 1: .*", "process exited 1", line)


def test_the_status_says_what_waits_as_recorded(validator: Validator) -> None:
    replay(validator.store, LEDGERS[:5])
    assert validator.publisher.describe(validator.store) is None
    replay(validator.store, LEDGERS[:6])
    waiting = "Publishing 1 queued checkpoints [7-7]: Waiting before starting Ready to run: resolve-snapshot"
    assert validator.publisher.describe(validator.store) == waiting
    replay(validator.store, LEDGERS[:7])
    assert (
        validator.publisher.describe(validator.store)
        == "Publishing 1 queued checkpoints [7-7]: Waiting: resolve-snapshot"
    )
    replay(validator.store, LEDGERS[:14])
    assert (validator.publisher.describe(validator.store) or "").startswith("Publishing 2 queued checkpoints [7-15]: ")


async def test_a_checkpoint_waits_for_the_ledger_after_it(validator: Validator) -> None:
    await validator.publisher.initialize("local")
    await validator.close_ledgers(7)
    assert parse_archive(read(STATE_FILE)).ledger == 0
    await validator.close_ledgers(8)
    assert parse_archive(read(STATE_FILE)).ledger == 7


async def test_what_an_archive_does_not_take_is_published_later_even_after_a_restart(validator: Validator) -> None:
    await validator.publisher.initialize("local")
    spoil('case "$2 $4" in "put ledger"*) exit 1;; esac')
    await validator.close_ledgers(24)
    assert parse_archive(read(STATE_FILE)).ledger == 0
    assert validator.store.list_queued() == [7, 15, 23]
    assert validator.store.folder.find_missing(validator.store.read_queued(7)) == []
    spoil("")
    validator.store.close()
    validator = Validator(validator.settings, Store.open(validator.settings))
    await validator.publisher.publish(validator.store)
    assert parse_archive(read(STATE_FILE)).ledger == 23
    assert validator.store.list_queued() == []
    needed = {validator.store.folder.locate(name).name for name in list_buckets(validator.store.levels)}
    assert {path.name for path in list_files(Path("buckets")) if path.name.startswith("bucket-")} == needed
    validator.store.close()


async def test_publishing_goes_into_every_archive_that_has_a_put(validator: Validator) -> None:
    archives = [
        HistoryArchive(name, get=f"cp {name}/{{0}} {{1}}", put=f"cp {{0}} {name}/{{1}}", mkdir=f"mkdir -p {name}/{{0}}")
        for name in ("one", "two")
    ]
    reader = HistoryArchive("reader", get="cp one/{0} {1}")
    both = Validator(replace(validator.settings, archives=(*archives, reader)), validator.store)
    for name in ("one", "two"):
        assert await both.publisher.initialize(name)
    await both.close_ledgers(16)
    await asyncio.sleep(0)
    assert {path.relative_to("one") for path in list_files(Path("one"))} == {
        path.relative_to("two") for path in list_files(Path("two"))
    }
    assert parse_archive(read(STATE_FILE, "two")).ledger == 15
