"""Takes JSON apart without trusting any of it. Every probe reads its fields through here; nothing else parses answers.

Duplicate keys, NaN, nesting without end and numbers without end are refused: a node of the network sends none of them.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from readpool.text import SHOWN_CHARACTERS, make_printable, shorten
from scaler.probes.report import ProbeError

MAX_LEDGER = 2**32 - 1
"""A ledger's sequence number is a uint32 (Stellar-ledger.x, LedgerHeader.ledgerSeq)."""
_SHOWN_BITS = 128
"""More digits tell nothing."""
_MAX_WORDS = 200


def parse_object(body: bytes) -> Mapping[str, Any]:
    """Parse an answer that must be one JSON object.

    Raises:
        ProbeError: for anything else.
    """
    return expect_object(parse_document(body), "the answer")


def parse_document(body: bytes) -> Any:
    """Parse an answer that must be JSON.

    Raises:
        ProbeError: for anything else.
    """
    try:
        return json.loads(body, object_pairs_hook=_refuse_doubles, parse_constant=_refuse_constant)
    except ProbeError:
        raise
    except RecursionError:
        raise ProbeError("the answer is nested too deep") from None
    except ValueError as error:
        raise ProbeError(f"the answer is not JSON: {show(str(error))}") from None


def expect_object(value: object, name: str) -> Mapping[str, Any]:
    """Return `value` if it is an object; `name` is what the error calls it."""
    if not isinstance(value, dict):
        raise ProbeError(f"{name} is {show(value)}, not an object")
    return value


def get_object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at `key`, which must be there."""
    return expect_object(parent.get(key), key)


def find_object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at `key`, an empty one where there is none: it is not needed to class a node."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def get_ledger(parent: Mapping[str, Any], key: str) -> int:
    """Return the ledger sequence number at `key`, which must be there: 0 to 2^32 - 1."""
    value = parent.get(key)
    if type(value) is not int or not 0 <= value <= MAX_LEDGER:
        raise ProbeError(f"{key} is {show(value)}, not a ledger number from 0 to {MAX_LEDGER}")
    return value


def find_ledger(parent: Mapping[str, Any], key: str) -> int | None:
    """Return the ledger sequence number at `key`, None where none stands there."""
    return get_ledger(parent, key) if parent.get(key) is not None else None


def get_seconds(parent: Mapping[str, Any], key: str) -> float:
    """Return a number of seconds at `key`, which must be there: not negative, under 2^53."""
    value = parent.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise ProbeError(f"{key} is {show(value)}, not a number of seconds")
    return float(value)


def get_words(parent: Mapping[str, Any], key: str) -> str:
    """Return the text at `key`, which must be there, without control characters and cut to 200."""
    value = parent.get(key)
    if not isinstance(value, str):
        raise ProbeError(f"{key} is {show(value)}, not text")
    return clean(value)


def find_words(parent: Mapping[str, Any], key: str) -> str | None:
    """Return the text at `key`, None where none stands there."""
    return clean(parent[key]) if isinstance(parent.get(key), str) else None


def clean(words: str) -> str:
    """Keep what can be shown of a node's words: no control characters, at most 200."""
    return make_printable(words[:_MAX_WORDS], " ")


def show(value: object) -> str:
    """Show a value in an error, cut short; of what holds others only what it is, for it may be deep and long."""
    if value is None:
        return "missing"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return "an infinite number"
    words = repr(value[: SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return clean(shorten(words, SHOWN_CHARACTERS))


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ProbeError("the answer has a duplicate key")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ProbeError(f"the answer has the number {name}")
