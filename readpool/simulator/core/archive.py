"""A history archive: the names of its files, its state file that lists buckets, and what other files hold. Pure.

Names, state file and compression are those of Stellar Core. What a ledger or transactions file holds inside is
not its XDR, but a line of JSON for each ledger.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from readpool.history_archives import STATE_PATH
from readpool.simulator.core import BUILD
from readpool.simulator.core.bucket_levels import LEVELS, NO_BUCKETS, BucketList, Level
from readpool.simulator.core.model import ClosedLedger, Header

STATE_FILE = STATE_PATH.lstrip("/")
_BUCKET = re.compile(r"[0-9a-f]{64}")


class ArchiveFileError(Exception):
    """A file of an archive that is not what its name says."""


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """What a state file says: the last ledger of a checkpoint, its network and its buckets."""

    ledger: int
    passphrase: str
    levels: BucketList = NO_BUCKETS
    server: str = BUILD


def find_checkpoint(ledger: int, frequency: int) -> int:
    """Return the last ledger of the checkpoint that `ledger` belongs to."""
    return ledger // frequency * frequency + frequency - 1


def name_state(ledger: int) -> str:
    """Name the state file of a checkpoint."""
    return f"history/{_split(f'{ledger:08x}')}/history-{ledger:08x}.json"


def name_file(kind: str, ledger: int) -> str:
    """Name a file of a checkpoint; its kind is ledger, transactions, results or scp."""
    return f"{kind}/{_split(f'{ledger:08x}')}/{kind}-{ledger:08x}.xdr.gz"


def name_bucket(name: str) -> str:
    """Name the file of a bucket."""
    return f"bucket/{_split(name)}/bucket-{name}.xdr.gz"


def format_state(state: ArchiveState) -> str:
    """Write a state file."""
    levels = [{"curr": level.curr, "next": {"state": 0}, "snap": level.snap} for level in state.levels]
    value = {
        "version": 1,
        "server": state.server,
        "currentLedger": state.ledger,
        "networkPassphrase": state.passphrase,
        "currentBuckets": levels,
    }
    return json.dumps(value, indent=4)


def parse_state(content: bytes) -> ArchiveState:
    """Read a state file. Raises ArchiveFileError."""
    try:
        value = json.loads(content)
        levels = _read_levels(value["currentBuckets"])
        passphrase, server = str(value["networkPassphrase"]), str(value["server"])
        return ArchiveState(int(value["currentLedger"]), passphrase, levels, server)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ArchiveFileError(f"no history archive state: {error}") from error


def format_headers(ledgers: Iterable[ClosedLedger]) -> bytes:
    """Write a ledger file."""
    return _pack(ledger.header.to_json() for ledger in ledgers)


def parse_headers(content: bytes) -> list[Header]:
    """Read a ledger file. Raises ArchiveFileError."""
    try:
        return [_read_header(line) for line in _unpack(content)]
    except (TypeError, KeyError) as error:
        raise ArchiveFileError(f"no ledger header: {error}") from error


def format_transactions(ledgers: Iterable[ClosedLedger]) -> bytes:
    """Write a transactions file; ledgers without transactions have no line."""
    lines = ((ledger.header.num, [one.hex() for one in ledger.transactions]) for ledger in ledgers)
    return _pack({"ledger": num, "transactions": transactions} for num, transactions in lines if transactions)


def parse_transactions(content: bytes) -> dict[int, tuple[bytes, ...]]:
    """Read a transactions file: the envelopes by ledger. Raises ArchiveFileError."""
    try:
        lines = _unpack(content)
        return {int(line["ledger"]): tuple(map(bytes.fromhex, line["transactions"])) for line in lines}
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ArchiveFileError(f"no transactions: {error}") from error


def format_others(ledgers: Sequence[ClosedLedger]) -> bytes:
    """Write a results or scp file, which nothing reads: the numbers of its ledgers."""
    return _pack({"ledger": ledger.header.num} for ledger in ledgers)


def compress(content: bytes) -> bytes:
    """Compress a file, always to the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def decompress(content: bytes) -> bytes:
    """Decompress a file. Raises ArchiveFileError."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveFileError(f"no gzip file: {error}") from error


def _split(digits: str) -> str:
    return f"{digits[:2]}/{digits[2:4]}/{digits[4:6]}"


def _read_levels(value: Any) -> BucketList:
    if len(value) != LEVELS:
        raise ValueError(f"{len(value)} levels of buckets, not {LEVELS}")
    return tuple(Level(_check_name(level["curr"]), _check_name(level["snap"])) for level in value)


def _read_header(line: Any) -> Header:
    header = Header.from_json(line)
    if not isinstance(header.num, int):
        raise TypeError(f"the number of a ledger is {header.num!r}")
    return header


def _check_name(name: object) -> str:
    """Return the name of a bucket. Raises ValueError: it becomes the name of a file, and is not taken on trust."""
    if not isinstance(name, str) or not _BUCKET.fullmatch(name):
        raise ValueError(f"a bucket has the name {name!r}, not 64 hexadecimal digits")
    return name


def _pack(values: Iterable[Any]) -> bytes:
    return compress("".join(f"{json.dumps(value)}\n" for value in values).encode())


def _unpack(content: bytes) -> list[Any]:
    try:
        return [json.loads(line) for line in decompress(content).splitlines()]
    except ValueError as error:
        raise ArchiveFileError(f"no JSON: {error}") from error
