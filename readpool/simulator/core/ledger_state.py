"""The state of a ledger: its header, its entries, and the transactions that wait to change it."""

from collections.abc import Iterable
from typing import Self

from readpool.simulator.core import keys
from readpool.simulator.core.applying import apply_transactions
from readpool.simulator.core.checking import check_envelope
from readpool.simulator.core.entries import ROOT_BALANCE_STROOPS, Account, account_key
from readpool.simulator.core.model import GENESIS, ClosedLedger, Header
from readpool.simulator.core.node_view import Submission
from readpool.simulator.core.snapshots import Snapshots
from readpool.simulator.core.transaction_queue import TransactionQueue
from readpool.simulator.core.transactions import Envelope, parse_envelope


class LedgerState:
    """What one node has applied. To be used from one thread; `snapshots` may be read from any.

    Args:
        passphrase: of the network.
        header: of the ledger that `entries` are of.
        entries: by their LedgerKeys; belongs to the state from now on.
        kept: how many ledgers before the last one the query port can be asked for.
    """

    def __init__(self, passphrase: str, header: Header, entries: dict[bytes, bytes], kept: int = 5) -> None:
        self.header = header
        self.snapshots = Snapshots(header.num, entries, kept)
        self.results: tuple[bytes, ...] = ()
        """TransactionResults of the last ledger, as XDR."""
        self._kept = kept
        self._network_id = keys.network_id(passphrase)
        self._queue = TransactionQueue(self._check, self._network_id)

    @classmethod
    def genesis(cls, passphrase: str, kept: int = 5) -> Self:
        """Return the first state of a network."""
        return cls(passphrase, GENESIS, genesis_entries(passphrase), kept)

    def apply(self, ledger: ClosedLedger) -> dict[bytes, bytes | None]:
        """Apply the next ledger and return what changed; signatures are not looked at.

        Raises:
            ValueError: it is not the next one, or holds what is no transaction.
        """
        header = ledger.header
        if header.num != self.header.num + 1:
            raise ValueError(f"ledger {header.num} does not follow ledger {self.header.num}")
        envelopes = [parse_envelope(one) for one in ledger.transactions]
        changes, results = apply_transactions(self.snapshots.get, header, envelopes)
        self.header, self.results = header, tuple(results)
        self.snapshots.put(header.num, changes)
        self._queue.close_ledger(envelopes)
        return changes

    def replace(self, header: Header, entries: dict[bytes, bytes]) -> None:
        """Go to another ledger at once, as after its buckets were applied. The object `snapshots` stays the same."""
        self.header, self.results = header, ()
        self.snapshots.reset(header.num, entries)

    def entries(self) -> dict[bytes, bytes]:
        """Return all entries, a copy."""
        return self.snapshots.entries()

    def submit(self, data: bytes) -> Submission:
        """Check a TransactionEnvelope and queue it. Raises xdr.XdrError when it is none."""
        return self._queue.submit(parse_envelope(data), self.header.max_tx_set_size)

    def pick(self) -> tuple[bytes, ...]:
        """Choose transactions for the next ledger. Nothing is taken out of the queue until they are applied."""
        return self._queue.pick(self.header.max_tx_set_size)

    def _check(self, envelope: Envelope) -> bytes | None:
        return check_envelope(envelope, self.snapshots.get, self.header, self._network_id, keys.verify)


def genesis_entries(passphrase: str) -> dict[bytes, bytes]:
    """Return the entries of a network's first ledger: its root account, whose seed is the hash of the passphrase."""
    root = keys.public_key_of(keys.network_id(passphrase))
    return {account_key(root): Account(root, ROOT_BALANCE_STROOPS, 0).encode(GENESIS.num)}


def count_operations(transactions: Iterable[bytes]) -> int:
    """Count the operations of a ledger's transactions, which is what applying it costs."""
    return sum(len(parse_envelope(one).operations) for one in transactions)
