"""What the query port answers: entries by key as of a ledger. Pure but for the CPU time that it costs."""

import binascii
import os
import re
import time

from readpool.simulator.core.cpu import cost_of_query, costing
from readpool.simulator.core.http import Head, answer, answer_not_found
from readpool.simulator.core.query_keys import read_account_keys, read_form, read_keys
from readpool.simulator.core.snapshots import Snapshots
from readpool.simulator.core.xdr import XdrError

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
    began = time.thread_time()
    keys = read_account_keys(body)
    wanted, numbers = ([], []) if keys is not None else read_form(body)
    path = head.path
    is_raw = path == b"getledgerentryraw"
    if not is_raw and not (path == b"getledgerentry" and path.decode() in os.environ.get(HAS_VARIABLE, "").split(",")):
        return answer_not_found(NOT_FOUND)
    with costing(cost_of_query(len(wanted if keys is None else keys)), began):
        try:
            num = _parse_number(numbers)
            return _look_up(_parse_keys(wanted) if keys is None else keys, num, snapshots, is_raw=is_raw)
        except (QueryError, XdrError) as error:
            return answer_not_found(b"exception: " + str(error).encode())


def _look_up(keys: list[bytes], num: int | None, snapshots: Snapshots, *, is_raw: bool) -> bytes:
    looked_up = snapshots.find(keys, num)
    if looked_up is None:
        return answer_not_found(b"LedgerSeq not found")
    num, found = looked_up
    if is_raw:
        listed = [b'{"le":"%b"}' % _encode(found[key]) for key in sorted(found)]
    else:
        listed = [
            b'{"entry":"%b","state":"live"}' % _encode(found[key]) if key in found else b'{"state":"not-found"}'
            for key in sorted(set(keys))
        ]
    entries = b'"entries":[%b],' % b",".join(listed) if listed else b""
    return answer(b'{%b"ledgerSeq":%d}\n' % (entries, num))


def _parse_keys(values: list[bytes]) -> list[bytes]:
    if not values:
        raise QueryError("Must specify ledger key in POST body: key=<LedgerKey in base64 XDR format>")
    return read_keys(values)


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


def _encode(entry: bytes) -> bytes:
    return binascii.b2a_base64(entry, newline=False)
