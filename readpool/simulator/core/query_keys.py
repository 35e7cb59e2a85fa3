"""The keys that a query asks for, out of its form. Pure.

Thousands of keys of accounts are what readers ask for, and Core needs some 2 microseconds for each. So a form of
nothing else is taken apart as a whole; every other one goes value by value, with the words for what is wrong.
"""

import binascii
import re

from readpool.simulator.core.entries import check_key
from readpool.simulator.core.http import parse_form
from readpool.simulator.core.xdr import decode_base64

_ACCOUNT_CHARACTERS, _ACCOUNT_BYTES = 54, 40
_ONE = rb"key=[A-Za-z0-9+/]{%d}" % _ACCOUNT_CHARACTERS
_ONLY_ACCOUNTS = re.compile(rb"%b(?:&%b)*" % (_ONE, _ONE))
_ESCAPES = ((b"%3D", b"="), (b"%3d", b"="), (b"%2B", b"+"), (b"%2b", b"+"), (b"%2F", b"/"), (b"%2f", b"/"))
_PADDED = re.compile(rb"==(?=&|$)")
_STRIDE = 42
"""Bytes of a key and of the two characters that fill it up to a multiple of 4."""


def read_account_keys(body: bytes) -> list[bytes] | None:
    """Return the keys of a form that asks for accounts and nothing else; None for every other form."""
    count = body.count(b"key=")
    if b"+" in body or b"%" in body[:4]:
        return None
    for escape, character in _ESCAPES:
        body = body.replace(escape, character)
    body = _PADDED.sub(b"", body)
    if body.count(b"key=") != count or not _ONLY_ACCOUNTS.fullmatch(body):
        return None
    filled = binascii.a2b_base64(b"AA".join(body[4:].split(b"&key=")) + b"AA")
    keys = [filled[start : start + _ACCOUNT_BYTES] for start in range(0, len(filled), _STRIDE)]
    return keys if {key[:8] for key in keys} == {bytes(8)} else None


def read_form(body: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the values of `key` and of `ledgerSeq`, as they were sent. Raises BadRequestError."""
    form = parse_form(body)
    return [value for name, value in form if name == b"key"], [value for name, value in form if name == b"ledgerSeq"]


def read_keys(values: list[bytes]) -> list[bytes]:
    """Read any keys. Raises XdrError."""
    return [check_key(decode_base64(value)) for value in values]
