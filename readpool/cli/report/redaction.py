"""What must not leave a cluster: seeds, keys, tokens, passwords, found in objects by name, in text by shape. Pure.

Secrets are never read in the first place (readpool.cli.report.collect). This is for what stands where it should not: in
a flag, an annotation, an environment variable, a URL, Core's configuration, a log line. In doubt it takes out too much.
"""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
_SENSITIVE = re.compile(
    r"(?:passw(?:or)?d|passwd|secret|token|credentials?|authorization|seed|cookie|dsn"
    r"|(?:api|access|client|private|account|signing|ssl|tls)[-_.]?(?:client)?[-_.]?key)$",
    re.IGNORECASE,
)
"""Names whose values are secrets; `secretName` and `tokenExpirationSeconds` are none."""
_NAMES = (
    r"[\w.-]{0,60}(?:passw(?:or)?d|secret|token|credentials?|seed|dsn|(?:api|access|client|private|account)[-_.]?key)"
)
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        f"{REDACTED} private key",
    ),
    (re.compile(r"S[A-Z2-7]{55}"), f"{REDACTED} seed"),
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), f"{REDACTED} token"),
    (re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}\b"), f"{REDACTED} key id"),
    (re.compile(r"(?:gh[pousr]_|glpat-|xox[abprs]-)[\w-]{10,}"), f"{REDACTED} token"),
    (re.compile(r"(?i)(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(?i)([?&](?:x-amz-[\w-]+|sig|signature|token|key|password|secret)=)[^&\s'\"]+"), rf"\1{REDACTED}"),
    (
        re.compile(rf"(?i)(\b{_NAMES}[\"']?\s*[:=]\s*)(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s,;}}\]\"']+)"),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)(--{_NAMES}\s+)(?!-)[^\s\"',]+"), rf"\1{REDACTED}"),
)
_DROPPED = frozenset({"managedFields"})
_DROPPED_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})


def redact_text(text: str) -> str:
    """Replace what looks like a secret, wherever it stands in a text."""
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def redact_object(value: Any, name: str = "") -> Any:
    """Replace values whose field or environment variable has a secret's name, and whatever looks like one."""
    if isinstance(value, Mapping):
        return _redact_mapping(value)
    if isinstance(value, list):
        return [redact_object(item, name) for item in _redact_pairs(value)]
    if isinstance(value, str):
        return REDACTED if value and _SENSITIVE.search(name) else redact_text(value)
    return value


def _redact_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: part for key, part in value.items() if key not in _DROPPED and key not in _DROPPED_ANNOTATIONS}
    if isinstance(kept.get("name"), str) and isinstance(kept.get("value"), str) and _SENSITIVE.search(kept["name"]):
        kept["value"] = REDACTED  # an environment variable, or a header
    return {redact_text(str(key)): redact_object(part, str(key)) for key, part in kept.items()}


def _redact_pairs(items: list[Any]) -> list[Any]:
    """Replace the argument after a flag such as --password in a command line."""
    texts = [item if isinstance(item, str) else "" for item in items]
    return [
        REDACTED
        if place
        and texts[place - 1].startswith("-")
        and "=" not in texts[place - 1]
        and _SENSITIVE.search(texts[place - 1])
        else item
        for place, item in enumerate(items)
    ]
