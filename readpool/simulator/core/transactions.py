"""Transactions as clients hand them in: envelopes of version 0 and 1, read from XDR, and the results as XDR. Pure.

Operations that create accounts, pay, bump a sequence number or keep data are read; envelopes with others, and those
that bump a fee, are refused with a message of this simulation's own.
"""

import hashlib
import struct
from typing import NamedTuple

from readpool.simulator.core.xdr import Reader, XdrError

CREATE_ACCOUNT, PAYMENT, MANAGE_DATA, BUMP_SEQUENCE = 0, 1, 10, 11
MOST_OPERATIONS = 100
MOST_SIGNATURES = 20

TX_SUCCESS, TX_FAILED, TX_TOO_EARLY, TX_TOO_LATE, TX_MISSING_OPERATION = 0, -1, -2, -3, -4
TX_BAD_SEQ, TX_BAD_AUTH, TX_INSUFFICIENT_BALANCE, TX_NO_ACCOUNT, TX_INSUFFICIENT_FEE, TX_BAD_AUTH_EXTRA = range(
    -5, -11, -1
)

_ENVELOPE_V0, _ENVELOPE_V1, _ENVELOPE_FEE_BUMP = 0, 2, 5
_MUXED = 0x100
_NO_CONDITIONS, _TIME_BOUNDS = 0, 1
_MEMO_BYTES = {0: 0, 2: 8, 3: 32, 4: 32}
_NETWORK_AND_TYPE = struct.Struct(">32sI")


class Operation(NamedTuple):
    """One operation. What its kind does not have is left at its default.

    Attributes:
        source: whose it is; None is the transaction's.
        target: who is created or paid.
        is_native: the asset paid is the network's own.
        amount: in stroops; of a bump the sequence number to bump to.
    """

    kind: int
    source: bytes | None
    target: bytes = b""
    amount: int = 0
    is_native: bool = True
    name: bytes = b""
    value: bytes | None = None


class Envelope(NamedTuple):
    """A transaction with its signatures (hint, signature). Times are Unix seconds, 0 is no bound."""

    source: bytes
    fee: int
    sequence: int
    earliest: int
    latest: int
    operations: tuple[Operation, ...]
    signatures: tuple[tuple[bytes, bytes], ...]
    hashed: bytes
    data: bytes

    def payload_hash(self, network_id: bytes) -> bytes:
        """Return what is signed on a network, which is also the transaction's name there."""
        return hashlib.sha256(_NETWORK_AND_TYPE.pack(network_id, _ENVELOPE_V1) + self.hashed).digest()


def parse_envelope(data: bytes) -> Envelope:
    """Read a TransactionEnvelope. Raises XdrError."""
    reader = Reader(data)
    version = reader.int32()
    if version == _ENVELOPE_FEE_BUMP:
        raise XdrError("this simulation does not take transactions that bump a fee")
    if version not in (_ENVELOPE_V0, _ENVELOPE_V1):
        raise XdrError("bad value of type in TransactionEnvelope")
    start = reader.at
    source = reader.take(32) if version == _ENVELOPE_V0 else _read_muxed(reader)
    fee, sequence = reader.uint32(), reader.int64()
    earliest, latest = _read_conditions(reader, 2 if version == _ENVELOPE_V0 else 3)
    _skip_memo(reader)
    operations = tuple([_read_operation(reader) for _ in range(reader.length(MOST_OPERATIONS))])
    if reader.int32():
        raise XdrError("this simulation does not take transactions of contracts")
    hashed = (b"\0\0\0\0" if version == _ENVELOPE_V0 else b"") + data[start : reader.at]
    signatures = tuple([(reader.take(4), reader.bounded(64)) for _ in range(reader.length(MOST_SIGNATURES))])
    reader.end()
    return Envelope(source, fee, sequence, earliest, latest, operations, signatures, hashed, data)


def encode_result(fee_stroops: int, code: int, operations: tuple[bytes, ...] = ()) -> bytes:
    """Write a TransactionResult; the operations' results only go with success and failure."""
    head = struct.pack(">qi", fee_stroops, code)
    if code in (TX_SUCCESS, TX_FAILED):
        head += struct.pack(">I", len(operations)) + b"".join(operations)
    return head + b"\0\0\0\0"


def encode_operation_result(kind: int, code: int) -> bytes:
    """Write an OperationResult of an operation that was tried."""
    return struct.pack(">iii", 0, kind, code)


def _read_muxed(reader: Reader) -> bytes:
    kind = reader.int32()
    if kind not in (0, _MUXED):
        raise XdrError("bad value of type in MuxedAccount")
    if kind:
        reader.uint64()
    return reader.take(32)


def _read_conditions(reader: Reader, kinds: int) -> tuple[int, int]:
    kind = reader.one_of(range(kinds), "Preconditions")
    if kind == _TIME_BOUNDS:
        return reader.uint64(), reader.uint64()
    if kind != _NO_CONDITIONS:
        raise XdrError("this simulation does not take preconditions beyond time bounds")
    return 0, 0


def _skip_memo(reader: Reader) -> None:
    kind = reader.one_of(range(5), "Memo")
    if kind in _MEMO_BYTES:
        reader.take(_MEMO_BYTES[kind])
    else:
        reader.bounded(28)


def _read_operation(reader: Reader) -> Operation:
    source = _read_muxed(reader) if reader.is_there() else None
    kind = reader.one_of(range(27), "Operation")
    if kind == PAYMENT:
        target = _read_muxed(reader)
        is_native = _read_asset(reader)
        return Operation(kind, source, target, reader.int64(), is_native)
    if kind == CREATE_ACCOUNT:
        reader.one_of(range(1), "PublicKey")
        return Operation(kind, source, reader.take(32), reader.int64())
    if kind == BUMP_SEQUENCE:
        return Operation(kind, source, amount=reader.int64())
    if kind == MANAGE_DATA:
        return Operation(kind, source, name=reader.bounded(64), value=reader.bounded(64) if reader.is_there() else None)
    raise XdrError(f"this simulation does not take operations of type {kind}")


def _read_asset(reader: Reader) -> bool:
    kind = reader.one_of(range(3), "Asset")
    if kind:
        reader.take(4 if kind == 1 else 12)
        reader.one_of(range(1), "PublicKey")
        reader.take(32)
    return not kind
