"""What a ledger holds: keys and entries as XDR, accounts among them that can be read, changed and written. Pure."""

import struct
from dataclasses import dataclass

from readpool.simulator.core.xdr import Reader, XdrError, pack_bounded

ACCOUNT, TRUSTLINE, OFFER, DATA, CLAIMABLE_BALANCE, LIQUIDITY_POOL = range(6)
CONTRACT_DATA, CONTRACT_CODE, CONFIG_SETTING, TTL = range(6, 10)
ROOT_BALANCE_STROOPS = 10**18
"""All that there is on a network, which its root account has at genesis."""
NAME_BYTES = 64
VALUE_BYTES = 64
_DEEPEST = 32
_LONGEST = 1 << 20
_SC_SIZES = {0: 4, 1: 0, 2: 8, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 8: 8, 9: 16, 10: 16, 11: 32, 12: 32, 20: 0, 21: 8}
"""Bytes of those values of a contract that always are of one size."""
_SC_LONGEST = {13: _LONGEST, 14: _LONGEST, 15: 32}
_SC_VECTOR, _SC_ADDRESS, _SC_INSTANCE = 16, 18, 19
_ACCOUNT = struct.Struct(">IIi32sqqIIII4sI")
_EXTENSION = struct.Struct(">IqqIIIIIIIQI")
"""What an account has from its first transaction on: liabilities, sponsorships, and when it sent the last one."""


def check_key(data: bytes) -> bytes:
    """Return the key back if it is a whole LedgerKey. Raises XdrError with Core's words."""
    reader = Reader(data)
    kind = reader.one_of(range(10), "LedgerKey")
    if kind in (ACCOUNT, TRUSTLINE, OFFER, DATA):
        _read_account_key(reader, kind)
    elif kind == CLAIMABLE_BALANCE:
        reader.one_of(range(1), "ClaimableBalanceID")
        reader.take(32)
    elif kind == CONTRACT_DATA:
        _skip_address(reader)
        _skip_contract_value(reader, _DEEPEST)
        reader.one_of(range(2), "ContractDataDurability")
    elif kind == CONFIG_SETTING:
        reader.int32()
    else:
        reader.take(32)
    reader.end()
    return data


def account_key(account: bytes) -> bytes:
    """Return the LedgerKey of an account, by its public key of 32 bytes."""
    return b"\0\0\0\0\0\0\0\0" + account


def data_key(account: bytes, name: bytes) -> bytes:
    """Return the LedgerKey of an account's data entry."""
    return b"\0\0\0\3\0\0\0\0" + account + pack_bounded(name)


def encode_data(account: bytes, name: bytes, value: bytes, num: int) -> bytes:
    """Write a data entry that ledger `num` changed."""
    owned = b"\0\0\0\3\0\0\0\0" + account
    return struct.pack(">I", num) + owned + pack_bounded(name) + pack_bounded(value) + b"\0" * 8


@dataclass(slots=True)
class Account:
    """An account, to be changed while a ledger is applied: no signers, no sponsors, thresholds as a new one has them.

    `sequence_ledger` and `sequence_time` are those of its last transaction, 0 before its first.
    """

    public_key: bytes
    balance: int
    sequence: int
    subentries: int = 0
    sequence_ledger: int = 0
    sequence_time: int = 0

    def encode(self, num: int) -> bytes:
        """Write it as a LedgerEntry that ledger `num` changed."""
        body = _ACCOUNT.pack(
            *(num, ACCOUNT, 0, self.public_key, self.balance, self.sequence),
            *(self.subentries, 0, 0, 0, b"\1\0\0\0", 0),
        )
        if not self.sequence_ledger:
            return body + b"\0" * 8
        return body + _EXTENSION.pack(1, 0, 0, 2, 0, 0, 0, 3, 0, self.sequence_ledger, self.sequence_time, 0)


def decode_account(entry: bytes) -> Account:
    """Read an account that `Account.encode` wrote. Raises XdrError for anything else."""
    if len(entry) < _ACCOUNT.size + 8:
        raise XdrError("insufficient buffer space in xdr_generic_get")
    _, kind, _, public_key, balance, sequence, subentries, *_ = _ACCOUNT.unpack_from(entry)
    if kind != ACCOUNT:
        raise XdrError("bad value of type in LedgerEntry")
    account = Account(public_key, balance, sequence, subentries)
    if len(entry) > _ACCOUNT.size + 8:
        account.sequence_ledger, account.sequence_time = struct.unpack_from(">IQ", entry, len(entry) - 16)
    return account


def _read_account_key(reader: Reader, kind: int) -> None:
    reader.one_of(range(1), "PublicKey")
    reader.take(32)
    if kind == TRUSTLINE:
        asset = reader.one_of(range(4), "TrustLineAsset")
        if asset in (1, 2):
            reader.take(4 if asset == 1 else 12)
            reader.one_of(range(1), "PublicKey")
        reader.take(32 if asset else 0)
    elif kind == OFFER:
        reader.int64()
    elif kind == DATA:
        reader.bounded(NAME_BYTES)


def _skip_address(reader: Reader) -> None:
    if reader.one_of(range(2), "SCAddress") == 0:
        reader.one_of(range(1), "PublicKey")
    reader.take(32)


def _skip_contract_value(reader: Reader, deepest: int) -> None:
    kind = reader.one_of(range(22), "SCVal")
    if not deepest:
        raise XdrError("recursion limit exceeded in xdr_generic_get")
    if kind in _SC_SIZES:
        reader.take(_SC_SIZES[kind])
    elif kind in _SC_LONGEST:
        reader.bounded(_SC_LONGEST[kind])
    elif kind == _SC_ADDRESS:
        _skip_address(reader)
    else:
        if kind == _SC_INSTANCE and reader.one_of(range(2), "ContractExecutable") == 0:
            reader.take(32)
        if reader.is_there():
            for _ in range(reader.length(_LONGEST) * (1 if kind == _SC_VECTOR else 2)):
                _skip_contract_value(reader, deepest - 1)
