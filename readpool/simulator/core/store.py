"""The data folder of a node: its database, and the buckets that hold the entries of its last closed ledger.

A ledger is saved in this order: bucket files, then one commit of the database; then the files that nothing needs
any more are removed. So a process that is killed at any moment starts again with the ledger before or with this one.
"""

import json
import sqlite3
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from readpool.simulator.core.bucket_levels import BucketList, Level, list_buckets
from readpool.simulator.core.buckets import BucketFolder, begin
from readpool.simulator.core.errors import CoreFailure, abort
from readpool.simulator.core.log import log
from readpool.simulator.core.model import GENESIS, ClosedLedger, Header, hash_transactions
from readpool.simulator.core.settings import CoreSettings

SCHEMA = "24"
LEDGERS_KEPT = 3 * 64
"""How many closed ledgers the database keeps: what two checkpoints of 64 and one under way hold."""
_TABLES = """
DROP TABLE IF EXISTS storestate;
DROP TABLE IF EXISTS ledgerheaders;
CREATE TABLE storestate (statename TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID;
CREATE TABLE ledgerheaders (ledgerseq INTEGER PRIMARY KEY, ledgerhash TEXT NOT NULL, data TEXT NOT NULL);
"""


class Store:
    """The open data folder. Begin with `Store.create` (new-db) or `Store.open`; `upgrade-db` takes single steps.

    Attributes:
        header: of the last closed ledger.
        levels: the buckets that belong to it.
    """

    header: Header
    levels: BucketList

    def __init__(self, settings: CoreSettings) -> None:
        """Lock the folder of buckets. Raises CoreFailure when it cannot be made or is another's."""
        self._settings = settings
        self.folder = BucketFolder(settings.buckets)
        self._database: sqlite3.Connection | None = None
        self._dropped: deque[list[str]] = deque()
        self._queued: set[int] = set()

    @classmethod
    def create(cls, settings: CoreSettings, entries: Mapping[bytes, bytes], header: Header = GENESIS) -> "Store":
        """Begin at genesis, whatever the folder held before (new-db). Raises CoreFailure."""
        store = cls(settings)
        try:
            store.connect()
            store.begin(entries, header)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, settings: CoreSettings) -> "Store":
        """Open what `new-db` made. Raises CoreFailure in the words and with the exit code of Stellar Core."""
        store = cls(settings)
        try:
            store.connect()
            store.check_schema()
            store.check_network()
            store.check_buckets()
        except BaseException:
            store.close()
            raise
        return store

    def connect(self) -> None:
        """Open the database file; one that is not there is made, empty. Raises CoreFailure."""
        try:
            self._database = sqlite3.connect(self._settings.database, isolation_level=None, check_same_thread=False)
            self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._database.execute("PRAGMA synchronous = NORMAL")  # survives the process, if not a power cut
        except sqlite3.OperationalError as error:
            raise CoreFailure(f"Cannot establish connection to the database. {error}") from error
        except sqlite3.DatabaseError as error:
            raise CoreFailure(f"sqlite3_statement_backend::prepare: {error}") from error

    def check_schema(self) -> None:
        """Read the last closed ledger. Raises CoreFailure for a database that no `new-db` made."""
        try:
            state = dict(self._get_database().execute("SELECT statename, state FROM storestate"))
            self._read(state)
        except (sqlite3.Error, LookupError, TypeError, ValueError) as error:
            raise CoreFailure("No DB schema version found, try stellar-core new-db") from error

    def check_network(self) -> None:
        """Compare the passphrase. Raises CoreFailure for a database of another network."""
        if self._passphrase != self._settings.passphrase:
            text = (
                f'NETWORK_PASSPHRASE "{self._settings.passphrase}" does not match previous '
                f'NETWORK_PASSPHRASE "{self._passphrase}"'
            )
            raise CoreFailure(text)

    def check_buckets(self) -> None:
        """See that all buckets are there, and remove what nothing needs. Raises CoreFailure (134) for missing ones."""
        if missing := self.folder.find_missing(self.levels):
            text = f"{len(missing)} buckets are missing from bucket directory '{self.folder.path}'"
            log("Ledger", "ERROR", text)
            raise abort("Bucket directory is corrupt")
        self._queued = {int(path.stem, 16) for path in self._queue_folder.glob("*.json")}
        self.folder.remove_others(self._list_needed())

    def begin(self, entries: Mapping[bytes, bytes], header: Header = GENESIS) -> None:
        """Throw away what there is, and begin with the first ledger and its entries."""
        self.folder.clear()
        self._queued.clear()
        self._dropped.clear()
        database = self._get_database()
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_TABLES)
        levels = begin(self.folder, entries)
        state = {"databaseschema": SCHEMA, "networkpassphrase": self._settings.passphrase}
        self._commit(ClosedLedger(header), levels, state)
        self._passphrase = self._settings.passphrase

    def load_entries(self) -> dict[bytes, bytes]:
        """Read all entries of the last closed ledger. Raises CoreFailure (134) when a bucket is damaged."""
        return self.folder.load(self.levels)

    def save(self, ledger: ClosedLedger, changes: Mapping[bytes, bytes | None]) -> None:
        """Save the next ledger and the entries that it changed; None for one that it removed."""
        before = self.levels
        levels = self.folder.advance(before, ledger.header.num, changes)
        if self._is_writer and (ledger.header.num + 1) % self._settings.checkpoint_ledgers == 0:
            self._queue(ledger.header.num, levels)
        self._commit(ledger, levels, {})
        self._drop(before)

    def assume(self, header: Header, levels: BucketList) -> None:
        """Continue from a ledger whose buckets were put into the folder: the end of a download."""
        before = self.levels
        self._commit(ClosedLedger(header), levels, {})
        self._drop(before)

    def ledgers(self, first: int, last: int) -> list[ClosedLedger]:
        """Return the closed ledgers from `first` to `last` that are kept with their transactions, in order."""
        return [ledger for ledger in self._read_ledgers(first, last) if _is_whole(ledger)]

    def list_queued(self) -> list[int]:
        """List the checkpoints that wait to be published, the oldest first."""
        return sorted(self._queued)

    def read_queued(self, checkpoint: int) -> BucketList:
        """Return the buckets of a checkpoint that waits to be published."""
        return _parse_levels(self._locate_queued(checkpoint).read_text())

    def unqueue(self, checkpoint: int) -> None:
        """Forget a checkpoint that is published."""
        names = list_buckets(self.read_queued(checkpoint))
        self._queued.discard(checkpoint)
        self._locate_queued(checkpoint).unlink()
        self._remove_unneeded(names)

    def close(self) -> None:
        """Close the database and let another process have the folder."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self.folder.close()

    @property
    def _is_writer(self) -> bool:
        return any(archive.put for archive in self._settings.archives)

    @property
    def _queue_folder(self) -> Path:
        return Path(self.folder.path, "publishqueue")

    def _locate_queued(self, checkpoint: int) -> Path:
        return self._queue_folder / f"{checkpoint:08x}.json"

    def _queue(self, checkpoint: int, levels: BucketList) -> None:
        self._queue_folder.mkdir(exist_ok=True)
        self._locate_queued(checkpoint).write_text(_format_levels(levels))
        self._queued.add(checkpoint)

    def _commit(self, ledger: ClosedLedger, levels: BucketList, more: Mapping[str, str]) -> None:
        header = ledger.header
        state = {**more, "lastclosedledger": str(header.num), "historyarchivestate": _format_levels(levels)}
        row = (header.num, header.hash, json.dumps(ledger.to_json()))
        oldest = min([header.num - LEDGERS_KEPT, *(one - 64 for one in self._queued)])
        with self._get_database() as database:
            database.execute("BEGIN")
            database.execute("INSERT OR REPLACE INTO ledgerheaders VALUES (?, ?, ?)", row)
            database.executemany("INSERT OR REPLACE INTO storestate VALUES (?, ?)", state.items())
            database.execute("DELETE FROM ledgerheaders WHERE ledgerseq < ?", (oldest,))
        self.header, self.levels = header, levels

    def _drop(self, before: BucketList) -> None:
        """Remove the buckets that were replaced so many ledgers ago that no snapshot reads them any more."""
        self._dropped.append(list_buckets(before))
        if len(self._dropped) > self._settings.query_snapshot_ledgers:
            self._remove_unneeded(self._dropped.popleft())

    def _remove_unneeded(self, names: list[str]) -> None:
        for name in set(names).difference(self._list_needed()):
            self.folder.locate(name).unlink(missing_ok=True)

    def _list_needed(self) -> set[str]:
        queued = [name for one in self._queued for name in list_buckets(self.read_queued(one))]
        recent = [name for names in self._dropped for name in names]
        return {*list_buckets(self.levels), *queued, *recent}

    def _read(self, state: Mapping[str, str]) -> None:
        self._passphrase = state["networkpassphrase"]
        num = int(state["lastclosedledger"])
        self.levels = _parse_levels(state["historyarchivestate"])
        self.header = self._read_ledgers(num, num)[0].header

    def _read_ledgers(self, first: int, last: int) -> list[ClosedLedger]:
        rows = self._get_database().execute(
            "SELECT data FROM ledgerheaders WHERE ledgerseq BETWEEN ? AND ? ORDER BY ledgerseq", (first, last)
        )
        return [ClosedLedger.from_json(json.loads(data)) for (data,) in rows]

    def _get_database(self) -> sqlite3.Connection:
        if self._database is None:
            raise ValueError("the store is not connected to its database")
        return self._database


def _is_whole(ledger: ClosedLedger) -> bool:
    """Return whether its transactions are known; of a ledger that buckets were taken of only the header is."""
    return hash_transactions(ledger.transactions) == ledger.header.transactions_hash


def _format_levels(levels: BucketList) -> str:
    return json.dumps([[level.curr, level.snap] for level in levels])


def _parse_levels(text: str) -> BucketList:
    pairs: list[Any] = json.loads(text)
    return tuple(Level(curr, snap) for curr, snap in pairs)
