"""What transactions do to a ledger's entries: fees, sequence numbers and operations, in a ledger's order. Pure."""

from collections.abc import Callable, Iterable

from readpool.simulator.core.entries import Account, account_key, data_key, decode_account, encode_data
from readpool.simulator.core.model import Header
from readpool.simulator.core.transactions import (
    BUMP_SEQUENCE,
    CREATE_ACCOUNT,
    MANAGE_DATA,
    PAYMENT,
    TX_BAD_SEQ,
    TX_FAILED,
    TX_NO_ACCOUNT,
    TX_SUCCESS,
    Envelope,
    Operation,
    encode_operation_result,
    encode_result,
)

SUCCESS = 0
MALFORMED, UNDERFUNDED = -1, -2
CREATE_LOW_RESERVE, CREATE_ALREADY_EXIST = -3, -4
PAY_SOURCE_NO_TRUST, PAY_NO_DESTINATION = -3, -5
DATA_NAME_NOT_FOUND, DATA_LOW_RESERVE, DATA_INVALID_NAME = -2, -3, -4
BUMP_BAD_SEQUENCE = -1
_OPERATION_NO_ACCOUNT = b"\xff\xff\xff\xfe"

Find = Callable[[bytes], bytes | None]
"""Gives the entry of a LedgerKey, None where there is none."""


def apply_transactions(
    find: Find, header: Header, envelopes: Iterable[Envelope]
) -> tuple[dict[bytes, bytes | None], list[bytes]]:
    """Apply the transactions of a ledger. Give what changed (None is gone) and the result of each as XDR."""
    ledger, envelopes = _Ledger(find, header), list(envelopes)
    fees = [ledger.charge(one) for one in envelopes]
    results = [ledger.apply(one, fee) for one, fee in zip(envelopes, fees, strict=True)]
    return ledger.changes(), results


def check_operation(operation: Operation) -> int:
    """Return what is wrong with an operation whatever the ledger is; 0 is nothing."""
    if operation.kind in (CREATE_ACCOUNT, PAYMENT):
        return SUCCESS if operation.amount > 0 else MALFORMED
    if operation.kind == MANAGE_DATA:
        return SUCCESS if operation.name else DATA_INVALID_NAME
    return SUCCESS if operation.amount >= 0 else BUMP_BAD_SEQUENCE


class _Ledger:
    """A ledger that is being applied: entries that were touched, and what undoes the transaction at hand."""

    def __init__(self, find: Find, header: Header) -> None:
        self._find = find
        self._header = header
        self._accounts: dict[bytes, Account | None] = {}
        self._data: dict[bytes, tuple[bytes, bytes, bytes | None]] = {}
        self._undo: list[Callable[[], object]] = []

    def charge(self, envelope: Envelope) -> int:
        """Charge the fee of a transaction; return what was charged."""
        source = self._account(envelope.source)
        fee = min(envelope.fee, self._header.base_fee * max(len(envelope.operations), 1))
        if source is not None:
            fee = min(fee, source.balance)
            source.balance -= fee
        return fee

    def apply(self, envelope: Envelope, fee_stroops: int) -> bytes:
        """Apply a transaction, all of it or nothing but its fee and sequence number; return its result."""
        source = self._account(envelope.source)
        if source is None:
            return encode_result(fee_stroops, TX_NO_ACCOUNT)
        if envelope.sequence != source.sequence + 1:
            return encode_result(fee_stroops, TX_BAD_SEQ)
        source.sequence = envelope.sequence
        source.sequence_ledger, source.sequence_time = self._header.num, self._header.close_time
        self._undo.clear()
        results = [self._operate(envelope, one) for one in envelope.operations]
        is_good = all(good for good, _ in results)
        if not is_good:
            for undo in reversed(self._undo):
                undo()
        return encode_result(fee_stroops, TX_SUCCESS if is_good else TX_FAILED, tuple(one for _, one in results))

    def changes(self) -> dict[bytes, bytes | None]:
        """Return every entry that is another than before, by its key."""
        num = self._header.num
        changed: dict[bytes, bytes | None] = {}
        for public_key, account in self._accounts.items():
            key = account_key(public_key)
            if account is not None and (entry := account.encode(num))[4:] != (self._find(key) or b"")[4:]:
                changed[key] = entry
        for key, (owner, name, value) in self._data.items():
            changed[key] = None if value is None else encode_data(owner, name, value, num)
        return changed

    def _operate(self, envelope: Envelope, operation: Operation) -> tuple[bool, bytes]:
        source = self._account(operation.source or envelope.source)
        if source is None:
            return False, _OPERATION_NO_ACCOUNT
        code = check_operation(operation) or _OPERATIONS[operation.kind](self, source, operation)
        return code == SUCCESS, encode_operation_result(operation.kind, code)

    def _create_account(self, source: Account, operation: Operation) -> int:
        if self._account(operation.target) is not None:
            return CREATE_ALREADY_EXIST
        if operation.amount < 2 * self._header.base_reserve:
            return CREATE_LOW_RESERVE
        if self._spendable(source) < operation.amount:
            return UNDERFUNDED
        self._add(source, -operation.amount)
        created = Account(operation.target, operation.amount, self._header.num << 32)
        self._accounts[operation.target] = created
        self._undo.append(lambda: self._accounts.__setitem__(operation.target, None))
        return SUCCESS

    def _pay(self, source: Account, operation: Operation) -> int:
        if not operation.is_native:
            return PAY_SOURCE_NO_TRUST
        target = self._account(operation.target)
        if target is None:
            return PAY_NO_DESTINATION
        if self._spendable(source) < operation.amount:
            return UNDERFUNDED
        self._add(source, -operation.amount)
        self._add(target, operation.amount)
        return SUCCESS

    def _bump_sequence(self, source: Account, operation: Operation) -> int:
        before = source.sequence
        source.sequence = max(before, operation.amount)
        self._undo.append(lambda: setattr(source, "sequence", before))
        return SUCCESS

    def _manage_data(self, source: Account, operation: Operation) -> int:
        key = data_key(source.public_key, operation.name)
        known = self._data.get(key)
        is_there = self._find(key) is not None if known is None else known[2] is not None
        if operation.value is None and not is_there:
            return DATA_NAME_NOT_FOUND
        added = int(operation.value is not None) - int(is_there)
        if added > 0 and self._spendable(source) < self._header.base_reserve:
            return DATA_LOW_RESERVE
        source.subentries += added
        self._data[key] = (source.public_key, operation.name, operation.value)
        self._undo.append(lambda: self._restore_data(source, key, known, added))
        return SUCCESS

    def _restore_data(
        self, source: Account, key: bytes, known: tuple[bytes, bytes, bytes | None] | None, added: int
    ) -> None:
        source.subentries -= added
        if known is None:
            del self._data[key]
        else:
            self._data[key] = known

    def _spendable(self, account: Account) -> int:
        return account.balance - (2 + account.subentries) * self._header.base_reserve

    def _add(self, account: Account, stroops: int) -> None:
        account.balance += stroops
        self._undo.append(lambda: setattr(account, "balance", account.balance - stroops))

    def _account(self, public_key: bytes) -> Account | None:
        if public_key not in self._accounts:
            entry = self._find(account_key(public_key))
            self._accounts[public_key] = None if entry is None else decode_account(entry)
        return self._accounts[public_key]


_OPERATIONS: dict[int, Callable[[_Ledger, Account, Operation], int]] = {
    CREATE_ACCOUNT: _Ledger._create_account,  # noqa: SLF001 - a table of its own methods
    PAYMENT: _Ledger._pay,  # noqa: SLF001
    BUMP_SEQUENCE: _Ledger._bump_sequence,  # noqa: SLF001
    MANAGE_DATA: _Ledger._manage_data,  # noqa: SLF001
}
