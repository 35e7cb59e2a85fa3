"""Whether a transaction can be taken into the queue: what Core checks before, in its order. Pure."""

from collections.abc import Callable

from readpool.simulator.core.applying import Find, check_operation
from readpool.simulator.core.entries import account_key, decode_account
from readpool.simulator.core.model import Header
from readpool.simulator.core.transactions import (
    TX_BAD_AUTH,
    TX_BAD_AUTH_EXTRA,
    TX_BAD_SEQ,
    TX_FAILED,
    TX_INSUFFICIENT_BALANCE,
    TX_INSUFFICIENT_FEE,
    TX_MISSING_OPERATION,
    TX_NO_ACCOUNT,
    TX_TOO_EARLY,
    TX_TOO_LATE,
    Envelope,
    encode_operation_result,
    encode_result,
)

Verify = Callable[[bytes, bytes, bytes], bool]
"""Says whether a public key signed a message with a signature."""


def check_envelope(envelope: Envelope, find: Find, header: Header, network_id: bytes, verify: Verify) -> bytes | None:
    """Check a transaction against the ledger closed last. None when it is good, otherwise its result as XDR."""
    fee = header.base_fee * len(envelope.operations)
    code = _check_without_account(envelope, fee, header)
    if code is None:
        code = _check_account(envelope, fee, find, network_id, verify)
    if code is not None:
        return encode_result(fee, code)
    codes = [check_operation(one) for one in envelope.operations]
    if any(codes):
        results = [
            encode_operation_result(one.kind, code) for one, code in zip(envelope.operations, codes, strict=True)
        ]
        return encode_result(fee, TX_FAILED, tuple(results))
    return None


def _check_without_account(envelope: Envelope, fee: int, header: Header) -> int | None:
    if not envelope.operations:
        return TX_MISSING_OPERATION
    if envelope.earliest > header.close_time:
        return TX_TOO_EARLY
    if envelope.latest and envelope.latest < header.close_time:
        return TX_TOO_LATE
    return TX_INSUFFICIENT_FEE if envelope.fee < fee else None


def _check_account(envelope: Envelope, fee: int, find: Find, network_id: bytes, verify: Verify) -> int | None:
    entry = find(account_key(envelope.source))
    if entry is None:
        return TX_NO_ACCOUNT
    account = decode_account(entry)
    if envelope.sequence != account.sequence + 1:
        return TX_BAD_SEQ
    if (code := _check_signatures(envelope, network_id, verify)) is not None:
        return code
    return TX_INSUFFICIENT_BALANCE if account.balance < fee else None


def _check_signatures(envelope: Envelope, network_id: bytes, verify: Verify) -> int | None:
    wanted = {envelope.source, *(one.source for one in envelope.operations if one.source is not None)}
    message = envelope.payload_hash(network_id)
    used = 0
    for hint, signature in envelope.signatures:
        signer = next((key for key in wanted if key[-4:] == hint and verify(key, message, signature)), None)
        if signer is not None:
            wanted.discard(signer)
            used += 1
    if wanted:
        return TX_BAD_AUTH
    return None if used == len(envelope.signatures) else TX_BAD_AUTH_EXTRA
