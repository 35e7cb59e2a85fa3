"""What a schema alone knows of a manifest: fields that it does not have, and list items given twice. Pure.

The words are those of the API server: `kubectl apply` refuses unknown fields and duplicate items with them.
"""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from readpool.cli.validation.findings import Finding

_OPEN = "x-kubernetes-preserve-unknown-fields"


def walk_schema(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    """Find what the schema has no place for in a value; `path` is where the value stands, as in spec.storage."""
    if isinstance(value, Mapping) and schema.get("type") == "object":
        yield from _walk_object(schema, value, path)
    elif isinstance(value, list) and "items" in schema:
        yield from _find_twice(schema, value, path)
        for place, item in enumerate(value):
            yield from walk_schema(schema["items"], item, f"{path}[{place}]")


def _walk_object(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[Finding]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for key, part in value.items():
        where = f"{path}.{key}" if path else str(key)
        if key in properties:
            yield from walk_schema(properties[key], part, where)
        elif isinstance(others, Mapping):
            yield from walk_schema(others, part, where)
        elif properties and not schema.get(_OPEN) and not others:
            near = get_close_matches(str(key), properties, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield Finding(where, f'unknown field "{where}"{meant}')


def _find_twice(schema: Mapping[str, Any], items: list[Any], path: str) -> Iterator[Finding]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", ())
    if kind not in {"set", "map"}:
        return
    seen: list[Any] = []
    for place, item in enumerate(items):
        if kind == "map" and not isinstance(item, Mapping):
            continue
        identity = [item.get(key) for key in keys] if kind == "map" else item
        if identity in seen:
            yield Finding(f"{path}[{place}]", f"{path}[{place}]: Duplicate value: {json.dumps(identity)}")
        seen.append(identity)
