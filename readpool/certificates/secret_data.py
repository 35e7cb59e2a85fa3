"""Secrets as the API has them, to bytes and back: the keys are those of cert-manager's. Pure."""

import base64
import binascii
from collections.abc import Collection, Mapping
from typing import Any

CERTIFICATE, KEY, AUTHORITIES = "tls.crt", "tls.key", "ca.crt"
NEXT_CERTIFICATE, NEXT_KEY = "next.crt", "next.key"


def read_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what a Secret holds; what is no base64 is left out, and an empty one has nothing."""
    found = {}
    for name, text in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            continue
    return found


def write_data(secret: Mapping[str, Any], data: Mapping[str, bytes], without: Collection[str] = ()) -> dict[str, Any]:
    """Return a Secret with these keys in place of its own, and without some; what else it has stays."""
    kept = {name: text for name, text in (secret.get("data") or {}).items() if name not in without}
    added = {name: base64.b64encode(content).decode() for name, content in data.items()}
    return {**secret, "data": {**kept, **added}}
