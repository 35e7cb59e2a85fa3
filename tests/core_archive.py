"""A simulated Core's history archive for tests: a folder that a store of a validator published its checkpoints into."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from readpool.simulator.core.download import Downloads
from readpool.simulator.core.ledger_state import genesis_entries
from readpool.simulator.core.model import GENESIS, ClosedLedger, Header, hash_transactions
from readpool.simulator.core.publish import Publisher
from readpool.simulator.core.settings import CoreSettings, HistoryArchive, QuorumSet
from readpool.simulator.core.store import Store

PASSPHRASE = "Rec A"  # noqa: S105  # public
ENTRY = b"an account"


@dataclass(frozen=True)
class Copying:
    """Runs `put FROM TO` and `get FROM TO` by copying, with no child process."""

    folder: Path

    async def run(self, line: str) -> bool:
        """Copy; False for a file that is not there."""
        verb, source, target = line.split()
        paths = (Path(source), self.folder / target) if verb == "put" else (self.folder / source, Path(target))
        if not paths[0].exists():
            return False
        paths[1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(*paths)
        return True


def make_settings(folder: Path, archives: Sequence[HistoryArchive] = ()) -> CoreSettings:
    """Return the settings of a node whose data are in a folder; `buckets` is relative when the folder is `.`."""
    return CoreSettings(
        passphrase=PASSPHRASE,
        is_validator=False,
        account="G",
        quorum=QuorumSet(1, ()),
        database=str(folder / "stellar.db"),
        buckets=str(folder / "buckets"),
        is_accelerated=True,
        archives=tuple(archives),
    )


def make_ledgers(last: int, transactions: tuple[bytes, ...] = ()) -> list[ClosedLedger]:
    """Make the ledgers from 2 to `last`; `transactions` are in each."""
    ledgers: list[ClosedLedger] = []
    before = GENESIS
    for num in range(2, last + 1):
        before = Header(num, 1_796_000_000 + num, before.hash, hash_transactions(transactions), 22)
        ledgers.append(ClosedLedger(before, transactions))
    return ledgers


def changes_of(ledger: ClosedLedger) -> dict[bytes, bytes | None]:
    """Return what a ledger of these tests changes: one entry that holds its number, and some that come and go."""
    num = ledger.header.num
    return {ENTRY: str(num).encode(), f"key {num % 7}".encode(): None if num % 3 == 0 else f"value {num}".encode()}


def create(settings: CoreSettings) -> Store:
    """Make a new database with the network's first ledger."""
    return Store.create(settings, genesis_entries(PASSPHRASE))


def replay(store: Store, ledgers: Sequence[ClosedLedger]) -> None:
    """Apply those ledgers that follow the last closed one."""
    for ledger in ledgers:
        if ledger.header.num > store.header.num:
            store.save(ledger, changes_of(ledger))


async def publish(folder: Path, work: Path, ledgers: Sequence[ClosedLedger]) -> None:
    """Publish the checkpoints of these ledgers into a folder."""
    settings = make_settings(work, [HistoryArchive("local", get="get {0} {1}", put="put {0} {1}")])
    commands = Copying(folder)
    publisher = Publisher(settings, Downloads(settings, commands), commands)
    await publisher.initialize("local")
    store = create(settings)
    try:
        for ledger in ledgers:
            store.save(ledger, changes_of(ledger))
            await publisher.publish(store)
    finally:
        store.close()
