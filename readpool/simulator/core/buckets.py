"""The folder of buckets: its lock, and bucket files that are named by the hash of their content.

A file is a row of records, sorted by key: the key, and an entry or the mark of one that was removed. The first one,
with an empty key, is the number of the ledger, so that level 0 changes with each ledger as it does in Stellar Core.
"""

import fcntl
import hashlib
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from readpool.simulator.core.bucket_levels import (
    EMPTY,
    NO_BUCKETS,
    BucketList,
    list_buckets,
    list_spilling,
    replace_level,
)
from readpool.simulator.core.errors import CoreFailure, abort

Record = tuple[bytes, bytes | None]

LOCK = "stellar-core.lock"
_LENGTHS = struct.Struct(">Ii")


class DamagedBucketError(Exception):
    """A bucket file whose content is not what its name says."""


class BucketFolder:
    """The folder of one node, locked while this is open.

    Raises:
        CoreFailure: in the constructor, when the folder cannot be made or another process holds it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        _make(path)
        self._lock: int | None = _lock(f"{path}/{LOCK}")

    def close(self) -> None:
        """Release the folder to other processes; may be called again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def locate(self, name: str) -> Path:
        """Return where a bucket is kept."""
        return Path(self.path, f"bucket-{name}.xdr")

    def clear(self) -> None:
        """Remove all but the lock, and begin again with the folders that a node needs."""
        for path in Path(self.path).iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        for name in ("history", "publishqueue"):
            Path(self.path, name).mkdir()

    def find_missing(self, levels: BucketList) -> list[str]:
        """Find the buckets of a list that have no file."""
        return [name for name in list_buckets(levels) if not self.locate(name).exists()]

    def remove_others(self, needed: Iterable[str]) -> None:
        """Remove all bucket files but those named."""
        kept = {self.locate(name).name for name in needed}
        for path in Path(self.path).glob("bucket-*.xdr"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def advance(self, levels: BucketList, num: int, changes: Mapping[bytes, bytes | None]) -> BucketList:
        """Write what ledger `num` changed, and return the list that belongs to it. No file that was there changes."""
        for index in list_spilling(num):
            levels = self._spill(levels, index)
        batch = {**changes, b"": num.to_bytes(4, "big")}
        curr = self.write(_merge(batch.items(), self.read(levels[0].curr)))
        return replace_level(levels, 0, curr=curr, snap=levels[0].snap)

    def _spill(self, levels: BucketList, index: int) -> BucketList:
        """Merge what waited at a level into the next one, and let what grew wait."""
        this, following = levels[index], levels[index + 1]
        merged = self._join(this.snap, following.curr)
        levels = replace_level(levels, index + 1, curr=merged, snap=following.snap)
        return replace_level(levels, index, curr=EMPTY, snap=this.curr)

    def _join(self, newer: str, older: str) -> str:
        """Return the bucket that two make together; where one is empty, that is the other."""
        if EMPTY in (newer, older):
            return older if newer == EMPTY else newer
        return self.write(_merge(self.read(newer), self.read(older)))

    def load(self, levels: BucketList) -> dict[bytes, bytes]:
        """Read the entries of a list.

        Raises:
            CoreFailure: when a file is empty, cut or altered; Stellar Core aborts with these words.
        """
        entries: dict[bytes, bytes] = {}
        for name in reversed(list_buckets(levels)):
            try:
                self.verify(name)
            except DamagedBucketError as error:
                raise abort(str(error)) from error
            _update(entries, self.read(name))
        entries.pop(b"", None)
        return entries

    def count_entries(self, levels: BucketList) -> int:
        """Count the entries of all buckets of a list; one that several have counts in each."""
        return sum(bool(key) for name in list_buckets(levels) for key, _ in self.read(name))

    def verify(self, name: str) -> None:
        """Check a file against its name.

        Raises:
            DamagedBucketError: in the words that Stellar Core finds for it.
        """
        content = self.locate(name).read_bytes()
        if not content:
            raise DamagedBucketError("ConstLedgerTxnEntry not active")
        if hash_content(content) != name:
            raise DamagedBucketError("mApp.isStopping()")

    def put(self, name: str, content: bytes) -> None:
        """Put the content of a bucket into the folder, as that of its name. It was verified before."""
        unfinished = Path(self.path, "bucket.tmp")
        unfinished.write_bytes(content)
        unfinished.replace(self.locate(name))

    def read(self, name: str) -> Iterator[Record]:
        """Read the records of a bucket in the order of their keys."""
        if name == EMPTY:
            return
        content, at = self.locate(name).read_bytes(), 0
        while at < len(content):
            key_size, entry_size = _LENGTHS.unpack_from(content, at)
            start = at + _LENGTHS.size + key_size
            at = start + max(entry_size, 0)
            yield content[start - key_size : start], None if entry_size < 0 else content[start:at]

    def write(self, records: Iterable[Record]) -> str:
        """Write a bucket and return its name; one without records has no file."""
        content = b"".join(
            _LENGTHS.pack(len(key), -1 if entry is None else len(entry)) + key + (entry or b"")
            for key, entry in records
        )
        if not content:
            return EMPTY
        name = hash_content(content)
        self.put(name, content)
        return name


def hash_content(content: bytes) -> str:
    """Return the name of a bucket with this content."""
    return hashlib.sha256(content).hexdigest()


def begin(folder: BucketFolder, entries: Mapping[bytes, bytes]) -> BucketList:
    """Write the list of the first ledger."""
    return folder.advance(NO_BUCKETS, 1, entries)


def _merge(newer: Iterable[Record], older: Iterable[Record]) -> list[Record]:
    """Merge records into a sorted row; of two with one key the newer counts."""
    merged = dict(older)
    merged.update(newer)
    return sorted(merged.items())


def _update(entries: dict[bytes, bytes], records: Iterable[Record]) -> None:
    for key, entry in records:
        if entry is None:
            entries.pop(key, None)
        else:
            entries[key] = entry


def _make(path: str) -> None:
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"filesystem error: cannot create directories: {error.strerror} [{path}]"
        raise CoreFailure(text) from error


def _lock(path: str) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CoreFailure(_refuse(path, error)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise CoreFailure(_refuse(path, error)) from error
    return file


def _refuse(path: str, error: OSError) -> str:
    return (
        f"unable to flock file: {path} ({error.strerror}). This can be caused by access rights issues or another "
        "stellar-core process already running"
    )
