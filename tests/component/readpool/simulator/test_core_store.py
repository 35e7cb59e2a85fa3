"""The data folder of the simulated Core: what survives, what is refused, and how damage ends it, as was recorded."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from readpool.simulator.core.bucket_levels import list_buckets
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.settings import CoreSettings, HistoryArchive
from readpool.simulator.core.store import Store
from tests.core_archive import ENTRY, changes_of, create, make_ledgers, make_settings, replay

RECORDED = json.loads((Path(__file__).parents[3] / "recorded/core/archives.json").read_text())
CORRUPT = 'std::runtime_error("Bucket directory is corrupt")'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoreSettings:
    """The settings of a node in a folder of its own, with the paths of the recordings."""
    (tmp_path / "node").mkdir()
    monkeypatch.chdir(tmp_path / "node")
    return replace(make_settings(Path()), database="stellar.db")


@pytest.fixture
def store(settings: CoreSettings) -> Iterator[Store]:
    """A store at ledger 20."""
    store = create(settings)
    replay(store, make_ledgers(20))
    yield store
    store.close()


def refuse(settings: CoreSettings) -> tuple[str, int]:
    """Open a store that cannot be opened; return the first line and the exit code."""
    with pytest.raises(CoreFailure) as failure, contextlib.closing(Store.open(settings)) as store:
        store.load_entries()
    return failure.value.lines[0], failure.value.exit_code


def test_a_new_database_has_the_files_and_the_one_bucket_of_stellar_core(settings: CoreSettings) -> None:
    create(settings).close()
    names = sorted(path.name for path in Path("buckets").iterdir())
    assert names[1:] == ["history", "publishqueue", "stellar-core.lock"]
    assert names[0].startswith("bucket-")
    assert Path("stellar.db").exists()


def test_what_was_saved_is_there_again_after_a_restart(settings: CoreSettings, store: Store) -> None:
    header, entries = store.header, store.load_entries()
    store.close()
    again = Store.open(settings)
    assert (again.header, again.load_entries()) == (header, entries)
    assert entries[ENTRY] == b"20"
    assert [ledger.header.num for ledger in again.ledgers(5, 8)] == [5, 6, 7, 8]
    again.close()


def test_a_ledger_whose_buckets_were_taken_over_is_the_last_one_but_not_a_whole_one(settings: CoreSettings) -> None:
    store = create(settings)
    taken, following = make_ledgers(3, (b"a transaction",))
    store.assume(taken.header, store.levels)
    store.save(following, {})
    assert store.ledgers(1, 3)[1:] == [following]  # its transactions are not known, so that nobody is told of it
    store.close()
    store = Store.open(settings)
    assert store.header == following.header
    store.close()


def test_an_entry_is_what_the_last_ledger_that_changed_it_made_of_it(settings: CoreSettings) -> None:
    store = create(settings)
    expected = store.load_entries()
    for ledger in make_ledgers(150):
        store.save(ledger, changes_of(ledger))
        for key, entry in changes_of(ledger).items():
            if entry is None:
                expected.pop(key, None)
            else:
                expected[key] = entry
    assert store.load_entries() == expected
    store.close()


def test_a_ledger_has_as_many_buckets_as_were_recorded(settings: CoreSettings) -> None:
    recorded = {one["to"]: one["buckets"] for one in RECORDED["catch_ups"] if one["buckets"]}
    assert {63, 127, 207, 351} < set(recorded)
    store = create(settings)
    assert len(list_buckets(store.levels)) == 1  # "1 buckets are missing", with all of a new database's removed
    for ledger in make_ledgers(max(recorded)):
        store.save(ledger, {})
        if (num := ledger.header.num) in recorded and num != 223:  # the recorded ones are of 207, 16 ledgers before
            assert len(list_buckets(store.levels)) == recorded[num], num
    store.close()


SAVE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from tests.core_archive import create, make_ledgers, make_settings, replay
store = create(replace(make_settings(Path()), database="stellar.db"))
replay(store, make_ledgers(30))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_was_killed_starts_again_with_its_last_ledger(settings: CoreSettings) -> None:
    python_path = str(Path(__file__).parents[4])
    killed = subprocess.run(
        [sys.executable, "-c", SAVE_AND_DIE], check=False, env={**os.environ, "PYTHONPATH": python_path}
    )
    assert killed.returncode == -signal.SIGKILL
    store = Store.open(settings)
    assert store.header.num == 30
    assert store.load_entries()[ENTRY] == b"30"
    store.close()


def test_a_copy_of_the_folder_starts_while_the_first_one_goes_on(
    settings: CoreSettings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(".", "../copy")
    monkeypatch.chdir(tmp_path / "copy")
    copy = Store.open(settings)
    assert copy.load_entries() == store.load_entries()
    copy.close()


def test_a_copy_without_its_write_ahead_log_misses_buckets(
    settings: CoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(settings).close()  # what a process that ends has put into the database itself
    store = Store.open(settings)
    replay(store, make_ledgers(20))
    shutil.copytree(".", "../copy")
    store.close()
    monkeypatch.chdir("../copy")
    Path("stellar.db-wal").unlink()
    assert refuse(settings) == (CORRUPT, 134)


def test_buckets_that_were_replaced_stay_as_long_as_snapshots_need_them(settings: CoreSettings, store: Store) -> None:
    before = [store.folder.locate(name) for name in list_buckets(store.levels)]
    ledgers = make_ledgers(60)
    replay(store, ledgers[: 20 + settings.query_snapshot_ledgers - 1])
    assert all(path.exists() for path in before)
    replay(store, ledgers)
    assert not all(path.exists() for path in before)
    kept = set(list_buckets(store.levels))
    assert len(list(Path("buckets").glob("bucket-*.xdr"))) < len(kept) + 5 * 3


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = [
    pytest.param(damage_missing, CORRUPT, id="missing"),
    pytest.param(damage_empty, 'std::runtime_error("ConstLedgerTxnEntry not active")', id="of-size-0"),
    pytest.param(damage_cut, 'std::runtime_error("mApp.isStopping()")', id="cut-in-half"),
    pytest.param(damage_flipped, 'std::runtime_error("mApp.isStopping()")', id="one-bit-flipped"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_damaged_bucket_aborts_in_the_words_of_stellar_core_until_new_db(
    settings: CoreSettings, store: Store, damage: Callable[[Path], None], words: str
) -> None:
    damage(store.folder.locate(list_buckets(store.levels)[-1]))
    store.close()
    assert refuse(settings) == (words, 134)
    assert refuse(settings) == (words, 134)
    upgraded = Store(settings)
    upgraded.connect()
    upgraded.check_schema()  # upgrade-db looks no further
    upgraded.close()
    create(settings).close()
    again = Store.open(settings)
    assert again.header.num == 1
    again.close()


def test_missing_buckets_are_counted_in_the_log(
    settings: CoreSettings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list_buckets(store.levels)[:2]:
        store.folder.locate(name).unlink()
    store.close()
    refuse(settings)
    assert "[Ledger ERROR] 2 buckets are missing from bucket directory 'buckets'" in capsys.readouterr().err


def make_garbage() -> None:
    Path("stellar.db").write_bytes(b"garbage " * 1000)


def make_empty() -> None:
    Path("stellar.db").write_bytes(b"")


NO_SCHEMA = "No DB schema version found, try stellar-core new-db"
DATABASES = [
    pytest.param(lambda: None, {}, NO_SCHEMA, id="none"),
    pytest.param(make_empty, {}, NO_SCHEMA, id="empty"),
    pytest.param(make_garbage, {}, "sqlite3_statement_backend::prepare: file is not a database", id="garbage"),
    pytest.param(
        lambda: None,
        {"database": "nosuch/stellar.db"},
        "Cannot establish connection to the database. unable to open database file",
        id="in-a-folder-that-is-not-there",
    ),
    pytest.param(
        lambda: None,
        {"buckets": "/proc/nosuch/buckets"},
        "filesystem error: cannot create directories: No such file or directory [/proc/nosuch/buckets]",
        id="buckets-not-creatable",
    ),
]


@pytest.mark.parametrize(("prepare", "changes", "words"), DATABASES)
def test_a_folder_that_cannot_be_opened_is_refused_in_the_recorded_words(
    settings: CoreSettings, prepare: Callable[[], None], changes: dict[str, str], words: str
) -> None:
    prepare()
    assert refuse(replace(settings, **changes)) == (words, 1)  # type: ignore[arg-type]


def test_a_start_without_a_database_leaves_an_empty_one(settings: CoreSettings) -> None:
    refuse(settings)
    assert Path("stellar.db").stat().st_size == 0


def test_a_database_of_another_network_is_refused(settings: CoreSettings) -> None:
    create(settings).close()
    words = 'NETWORK_PASSPHRASE "Rec Z" does not match previous NETWORK_PASSPHRASE "Rec A"'
    other = replace(settings, passphrase="Rec Z")  # noqa: S106  # public
    assert refuse(other) == (words, 1)


def test_a_second_process_in_the_folder_is_refused_and_the_first_goes_on(settings: CoreSettings, store: Store) -> None:
    assert refuse(settings) == (RECORDED["locked"].removeprefix("Got an exception: "), 1)
    with pytest.raises(CoreFailure):
        create(settings)
    replay(store, make_ledgers(21))
    assert store.load_entries()[ENTRY] == b"21"


def test_only_a_node_that_can_write_queues_checkpoints_and_keeps_them_over_a_restart(settings: CoreSettings) -> None:
    writer = replace(settings, archives=(HistoryArchive("local", put="cp {0} {1}"),))
    store = create(writer)
    replay(store, make_ledgers(17))
    store.close()
    store = Store.open(writer)
    assert store.list_queued() == [7, 15]
    store.unqueue(7)
    store.close()
    store = Store.open(writer)
    assert store.list_queued() == [15]
    store.close()
