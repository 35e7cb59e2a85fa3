"""What the query port answers: entries by key as of a ledger. Pure but for the CPU time that it costs."""

import binascii
import json
import os
import re

from simulator.core.cpu import cost_of_query, costing
from simulator.core.entries import check_key
from simulator.core.http import Head, answer, answer_not_found, parse_form
from simulator.core.snapshots import Snapshots
from simulator.core.xdr import XdrError, decode_base64

LARGEST_BODY_BYTES = 10 * 1024 * 1024
HAS_VARIABLE = "SIMULATED_CORE_HAS"
"""`getledgerentry` in this environment variable adds that endpoint, which Core has from 23.0 on."""
NOT_FOUND = (
    b"<b>Welcome to stellar-core!</b><p>Supported HTTP queries are listed in the "
    b'<a href="https://github.com/stellar/stellar-core/blob/master/docs/software/commands.md#http-commands">docs</a> '
    b"as well as in the man pages.</p><p>Note that this port is for HTTP queries only, not commands.</p>"
    b"<p>Have fun!</p>"
)
_NUMBER = re.compile(rb"[ \t\v\f]*([+-]?)(\d+)")
_HIGHEST = 2**32 - 1


class QueryError(Exception):
    """A query that is refused; the message is what follows `exception: `."""


def answer_query(head: Head, body: bytes, snapshots: Snapshots) -> bytes:
    """Answer a whole request. Raises BadRequestError."""
    form = parse_form(body)
    path = head.path
    is_raw = path == b"getledgerentryraw"
    if not is_raw and not (path == b"getledgerentry" and path.decode() in os.environ.get(HAS_VARIABLE, "").split(",")):
        return answer_not_found(NOT_FOUND)
    wanted = [value for name, value in form if name == b"key"] if head.method != b"GET" else []
    with costing(cost_of_query(len(wanted))):
        try:
            return _look_up(wanted, [value for name, value in form if name == b"ledgerSeq"], snapshots, is_raw=is_raw)
        except (QueryError, XdrError) as error:
            return answer_not_found(b"exception: " + str(error).encode())


def _look_up(wanted: list[bytes], numbers: list[bytes], snapshots: Snapshots, *, is_raw: bool) -> bytes:
    num = _parse_number(numbers)
    if not wanted:
        raise QueryError("Must specify ledger key in POST body: key=<LedgerKey in base64 XDR format>")
    keys = [check_key(decode_base64(text)) for text in wanted]
    found = snapshots.find(sorted(set(keys)) if is_raw else keys, num)
    if found is None:
        return answer_not_found(b"LedgerSeq not found")
    num, entries = found
    if is_raw:
        listed: list[dict[str, str]] = [{"le": _encode(entry)} for entry in entries if entry is not None]
    else:
        listed = [
            {"state": "not-found"} if entry is None else {"entry": _encode(entry), "state": "live"} for entry in entries
        ]
    said: dict[str, object] = {"entries": listed} if listed else {}
    return answer(json.dumps(said | {"ledgerSeq": num}, separators=(",", ":")).encode() + b"\n")


def _parse_number(texts: list[bytes]) -> int | None:
    """Read ledgerSeq as C++ does for an unsigned int: a minus sign counts down from 2^32."""
    if not texts:
        return None
    if len(texts) > 1:
        raise QueryError("Expected exactly one 'ledgerSeq' argument")
    number = _NUMBER.fullmatch(texts[0])
    if number is None or len(number[2]) > 10 or int(number[2]) > _HIGHEST:  # noqa: PLR2004 - digits of the highest
        raise QueryError("Failed to parse 'ledgerSeq' argument")
    return -int(number[2]) % 2**32 if number[1] == b"-" else int(number[2])


def _encode(entry: bytes) -> str:
    return binascii.b2a_base64(entry, newline=False).decode()
