"""From pydantic's JSON schema to the structural one that the API server takes: no references, no unions, no nulls.

The rules of structural schemas: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/. Under
readpool.pool.crd.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_LARGEST_INT32 = 2**31 - 1
_DROPPED = frozenset({"title", "$ref", "anyOf", "$defs", "const"})
_ORDER = ("description", "type", "format", "default", "enum")


def build_structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Build the structural schema of a model, its descriptions, defaults and x-kubernetes-… extensions included.

    Raises:
        ValueError: for a type that a structural schema cannot say, such as a union of two.
    """
    written = json.loads(json.dumps(model.model_json_schema(by_alias=True)))  # members of enums become plain text
    return _translate(written, written.get("$defs", {}))


def _translate(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    plain = _resolve(schema, definitions)
    translated = {key: value for key, value in plain.items() if key not in _DROPPED}
    if "description" in plain:
        translated["description"] = " ".join(plain["description"].split())
    if "properties" in plain:
        translated["properties"] = {name: _translate(field, definitions) for name, field in plain["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            translated[key] = _translate(plain[key], definitions)
    if translated.get("type") == "integer":
        translated.setdefault("format", "int32" if plain.get("maximum", 0) <= _LARGEST_INT32 else "int64")
    return _put_in_order(_settle_default(translated))


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a reference, or a choice of something or null, by what it stands for; what stands beside it wins."""
    beside = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _resolve(definitions[name], definitions) | beside
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        if len(choices) != 1:
            raise ValueError(f"a structural schema has no union: {schema['anyOf']}")
        return _resolve(choices[0], definitions) | beside
    return dict(schema)


def _settle_default(schema: dict[str, Any]) -> dict[str, Any]:
    """Default an object to its fields' defaults, since rules are evaluated against it, and empty values to nothing."""
    if schema.get("default") in (None, "", [], {}):
        return {key: value for key, value in schema.items() if key != "default"}
    if "properties" in schema:
        fields = schema["properties"].items()
        return schema | {"default": {name: field["default"] for name, field in fields if "default" in field}}
    return schema


def _put_in_order(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in _ORDER if key in schema} | dict(schema)
