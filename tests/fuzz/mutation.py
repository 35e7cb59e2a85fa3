"""Inputs that are almost right: real ones with bytes changed, or with parts of a document put to something else."""

import json
from copy import deepcopy
from random import Random
from typing import Any

TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"\\",
        b"\n",
        b"\r\n",
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
    ),
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"9" * 5000, b"\\ud800", b"null", b"true", b"[" * 2000),
    *(
        b"0",
        b"4294967296",
        b"18446744073709551616",
        b"-0",
        b".5",
        b"+",
        b"\x1b[2J",
        "\u202e".encode(),
        b"FromEnv",
        b"*",
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 63, 2**31, 2**32 - 1, 2**53 + 1, 2**63, 10**400, 0.5, -1.5, 1e308, float("nan")),
    *(
        "",
        " ",
        "0",
        "x" * 300,
        "\x00",
        "\ud800",
        "\x1b[2J",
        "\u202e",
        "2026-11-23T23:20:35Z",
        "http://[::1",
        "1Gi",
        "*",
    ),
    *([], {}, [[]], [{}], {"": ""}, {"a": {"b": [1, 2]}}, ["x"] * 50, {str(n): n for n in range(50)}),
)
_MOST_BYTES = 40_000


def mutate_bytes(random: Random, seeds: tuple[bytes, ...]) -> bytes:
    """Change a seed in one to four places: bytes lost, put in, put to others, repeated, or taken from another seed."""
    body = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(body))
        end = min(len(body), start + random.choice((0, 1, 1, 2, 4, 16, 64)))
        match random.randint(0, 5):
            case 0:
                del body[start:end]
            case 1:
                body[start:end] = random.choice(TOKENS)
            case 2:
                body[start:end] = random.randbytes(random.randint(1, 8))
            case 3:
                body[start:start] = body[start:end] * random.choice((1, 2, 50))
            case 4:
                other = random.choice(seeds)
                cut = random.randint(0, len(other))
                body[start:] = other[cut:]
            case _:
                if start < len(body):
                    body[start] ^= 1 << random.randint(0, 7)
    return bytes(body[:_MOST_BYTES])


def mutate_document(random: Random, seeds: tuple[Any, ...]) -> Any:
    """Put one to three parts of a seed to something else, or take them away."""
    document = deepcopy(random.choice(seeds))
    for _ in range(random.randint(1, 3)):
        places = list_places(document)
        if not places:
            return random.choice(VALUES)
        inner, key = random.choice(places)
        if random.random() < 0.2 and isinstance(inner, dict):
            del inner[key]
        else:
            inner[key] = deepcopy(random.choice(VALUES))
    return document


def mutate_json(random: Random, seeds: tuple[bytes, ...], documents: tuple[Any, ...]) -> bytes:
    """Change a document as such or as bytes, one as often as the other."""
    if random.random() < 0.5:
        return mutate_bytes(random, seeds)
    return json.dumps(mutate_document(random, documents), ensure_ascii=False).encode("utf-8", "surrogatepass")


def list_places(document: Any) -> list[tuple[Any, Any]]:
    """List each container within a document with each of its keys or places."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        one = waiting.pop()
        inner = list(one.items()) if isinstance(one, dict) else list(enumerate(one)) if isinstance(one, list) else []
        found += [(one, key) for key, _ in inner]
        waiting += [value for _, value in inner]
    return found
