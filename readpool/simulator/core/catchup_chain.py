"""What holds ledgers together: each header names the one before it, and the transactions of its ledger. Pure."""

import itertools
from collections.abc import Callable, Mapping

from readpool.simulator.core.catchup_plan import Plan
from readpool.simulator.core.model import ClosedLedger, Header, hash_transactions

Headers = Mapping[int, Header]

LEDGER_SECONDS = 0.001
OPERATION_SECONDS = 0.0001
"""CPU time of a replayed ledger beside its applying; 22 ledgers of 200 to 500 operations were replayed in a second."""
_ENVELOPE_BYTES = 140
_PAYMENT_BYTES = 56


class ChainError(Exception):
    """Ledgers that do not belong together.

    Attributes:
        lines: what Stellar Core logs of it.
        is_logged: whether they have been.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines
        self.is_logged = False


def verify_chain(
    headers: Headers, plan: Plan, trusted_hash: str | None, before: Header | None, note: Callable[[str], None]
) -> None:
    """Verify the headers of a plan from its last ledger back to its first; `note` gets what is logged on the way.

    Of the last ledger `trusted_hash` is the hash, None believes the archive; `before` is the node's last closed ledger.

    Raises:
        ChainError: for the first thing that does not fit.
    """
    chain = [_find(headers, num) for num in range(plan.first_verified, plan.last + 1)]
    last = chain[-1]
    verb = "Skipping verification for" if trusted_hash is None else "Verifying"
    note(f"{verb} ledger {_name(last.num, last.hash)} against SCP hash")
    if trusted_hash is not None and last.hash != trusted_hash:
        raise _differ("ahead", last, trusted_hash)
    if before is not None and chain[0].num == before.num + 1:
        chain.insert(0, before)
    for earlier, later in itertools.pairwise(chain):
        if later.previous_hash != earlier.hash:
            raise _differ("behind", earlier, later.previous_hash)


def join_ledger(header: Header, transactions: tuple[bytes, ...]) -> ClosedLedger:
    """Put a header and its transactions together. Raises ChainError when they are not its own."""
    if hash_transactions(transactions) != header.transactions_hash:
        raise ChainError(f"Transactions of ledger {header.num} are not those of its header")
    return ClosedLedger(header, transactions)


def replay_seconds(ledger: ClosedLedger) -> float:
    """Return how much CPU time it takes to replay a ledger, beside applying it."""
    sizes = (len(envelope) for envelope in ledger.transactions)
    operations = sum(max(1, (size - _ENVELOPE_BYTES) // _PAYMENT_BYTES) for size in sizes)
    return LEDGER_SECONDS + OPERATION_SECONDS * operations


def _find(headers: Headers, num: int) -> Header:
    header = headers.get(num)
    if header is None:
        raise ChainError(f"History chain has no ledger {num}")
    return header


def _name(num: int, digits: str) -> str:
    return f"[seq={num}, hash={digits[:6]}]"


def _differ(where: str, current: Header, verified: str) -> ChainError:
    names = f"current {_name(current.num, current.hash)}, verified: {_name(current.num, verified)}"
    return ChainError(
        f"Checkpoint does not agree with checkpoint {where}: {names}",
        "Catchup material failed verification - hash mismatch, propagating failure",
        "One or more of history archives may be corrupted. "
        "Update HISTORY configuration entry to only contain valid ones.",
    )
