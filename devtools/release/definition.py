"""The definition of ReadOnlyPool as files: for `kubectl apply`, and as JSON schema for editors and CI. Pure."""

import json
from typing import Any

import yaml

from readpool.pool.crd import build_crd

_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
_DIALECT = "https://json-schema.org/draft-07/schema#"


def build_definition() -> str:
    """Build the CustomResourceDefinition as YAML."""
    return yaml.safe_dump(build_crd(), sort_keys=False, width=120)


def build_json_schema() -> str:
    """Build the JSON schema of a ReadOnlyPool: strict, as the API server is with fields that it does not know."""
    crd = build_crd()
    version, names = crd["spec"]["versions"][0], crd["spec"]["names"]
    schema = _close(version["schema"]["openAPIV3Schema"])
    told = {"apiVersion": f"{crd['spec']['group']}/{version['name']}", "kind": names["kind"]}
    schema["properties"] |= {name: {"type": "string", "enum": [value]} for name, value in told.items()}
    schema["properties"]["metadata"] = {"type": "object"}
    schema["required"] = sorted({"apiVersion", "kind", "metadata", "spec", *schema.get("required", ())})
    return json.dumps({"$schema": _DIALECT, "title": names["kind"], **schema}, indent=2) + "\n"


def _close(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove what only the API server understands, and close objects whose fields are all named."""
    kept = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if schema.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
    if "properties" in schema:
        kept["properties"] = {name: _close(field) for name, field in schema["properties"].items()}
        if not schema.get(_UNKNOWN):
            kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = _close(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        kept["items"] = _close(schema["items"])
    return kept
