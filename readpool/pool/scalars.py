"""The simple types of the resource's fields: URLs, quantities, images, times; each with the rule that guards it.

Under readpool.pool.spec and readpool.pool.status.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from readpool.pool.quantity import QUANTITY_PATTERN, parse_quantity
from readpool.pool.rules import VALIDATIONS, Rule
from readpool.timestamps import format_time

INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"
MAX_URL_CHARACTERS = 2048
MAX_REPLICAS = 5000
"""As many as the scaler observes in one fleet."""
MAX_WEIGHT = 1000

_URL = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%+=@,:/-]*)?$"
_REPOSITORY = r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"
_TAG = r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[a-f0-9]{64})?)?$"
_IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"
_HOST_PORT = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"
_SCHEME = r"^(dns:///|passthrough:///)?"
_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


def matches(pattern: str, message: str) -> Rule:
    """Build the rule that a text matches a pattern, which RE2 (CEL) and Python have to read the same."""
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return Rule(f"self.matches('{quoted}')", message, _matcher(pattern))


def _matcher(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z", re.ASCII)
    return lambda text: compiled.match(text) is not None


def list_of(*keys: str, kind: str = "map") -> dict[str, Any]:
    """Return how server-side apply merges a list: by these keys, or by `kind` as a set or atomically."""
    return {LIST_TYPE: kind} | ({LIST_MAP_KEYS: list(keys)} if keys else {})


Url = Annotated[
    str,
    Field(max_length=MAX_URL_CHARACTERS),
    matches(
        _URL,
        "must be an http or https URL such as https://history.example.com/core, of letters, digits and ._~%+=@,:/-"
        " only: no user, query or fragment",
    ),
]
Repository = Annotated[
    str,
    Field(max_length=255),
    matches(_REPOSITORY, "must be an image repository without a tag, such as stellar/stellar-core; version is its tag"),
]
ImageTag = Annotated[
    str,
    Field(max_length=200),
    matches(_TAG, "must be an image tag such as 30, which may be followed by @sha256:DIGEST"),
]
Image = Annotated[
    str,
    Field(max_length=512),
    matches(_IMAGE, "must be an image such as envoyproxy/envoy:distroless-v1.40.0"),
]
Address = Annotated[
    str,
    Field(max_length=300),
    matches(_SCHEME + _HOST_PORT[1:], "must be HOST:PORT, such as readpool-scaler.readpool:9090"),
]
ObjectName = Annotated[
    str,
    Field(max_length=253),
    matches(_OBJECT_NAME, "must be an object's name: lower-case letters, digits, hyphens and dots"),
]


def _to_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True


_QUANTITY_RULE = Rule("isQuantity(string(self))", "must be a quantity such as 500m, 2 or 4Gi", _is_quantity)
Quantity = Annotated[
    str,
    BeforeValidator(_to_text),
    _QUANTITY_RULE,
    WithJsonSchema(
        {INT_OR_STRING: True, "maxLength": 32, "pattern": QUANTITY_PATTERN, VALIDATIONS: [_QUANTITY_RULE.to_schema()]}
    ),
]

_DURATION = r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
_DURATION_PARTS = re.compile(r"([0-9]+)([hms])", re.ASCII)
_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> int:
    """Parse a duration such as 90s, 30m or 1h30m into seconds.

    Raises:
        ValueError: for text that is no duration.
    """
    if not text or not re.fullmatch(_DURATION, text, re.ASCII):
        raise ValueError(f"{text!r} is not a duration, such as 30m, 6h or 1h30m")
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PARTS.findall(text))


def duration_between(least: str, most: str) -> Rule:
    """Build the rule that a text is a duration within these bounds, both included."""
    shortest, longest = parse_duration(least), parse_duration(most)
    return Rule(
        f"size(self) > 0 && self.matches('{_DURATION}')"
        f" && duration(self) >= duration('{least}') && duration(self) <= duration('{most}')",
        f"must be a duration from {least} to {most}, such as 30m, 6h or 1h30m",
        lambda text: _is_duration(text) and shortest <= parse_duration(text) <= longest,
    )


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def to_timestamp(now: float) -> datetime:
    """Turn Unix seconds into the time that is written to status: whole seconds, as it is read back."""
    return datetime.fromtimestamp(int(now), UTC)


Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(lambda at: format_time(at.timestamp()), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
