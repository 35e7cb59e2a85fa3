"""The tables of docs/readonlypool.md, built from the schema: fields with defaults, allowed values and meaning; rules.

`python -m readpool.pool.crd --docs` writes them into the page; a test fails if the page is out of date.
"""

import json
from collections.abc import Iterator
from typing import Any

from readpool.pool.rules import VALIDATIONS

_RULES, _PARTS = "Validation", ("spec", "status")
_HEADS = {_RULES: ("field", "rule"), **dict.fromkeys(_PARTS, ("field", "default", "allowed", "meaning"))}


def replace_tables(page: str, properties: dict[str, Any]) -> str:
    """Return the page with current tables under its headings Validation, spec and status.

    `properties` are those of the resource's schema: spec and status.

    Raises:
        ValueError: if the page lacks such a heading, or a table below it.
    """
    page = _replace(page, _RULES, [f"| {path} | {rule} |" for path, rule in _list_rules(properties["spec"])])
    for part in _PARTS:
        page = _replace(page, part, list(_build_rows(properties[part])))
    return page


def _replace(page: str, heading: str, rows: list[str]) -> str:
    """Replace the first table below a heading."""
    before, mark, section = page.partition(f"\n## {heading}\n")
    text, _, table = section.partition("\n| field |")
    _, end, after = table.partition("\n\n")
    if not (mark and end) or "\n## " in text:
        raise ValueError(f"the page has no table | field | … below the heading ## {heading}")
    head = _HEADS[heading]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows]
    return before + mark + text + "\n" + "\n".join(lines) + end + after


def _build_rows(schema: dict[str, Any]) -> Iterator[str]:
    for path, field, is_required in _list_fields(schema):
        default = "required" if is_required else _show_default(field)
        yield f"| `{path}` | {default} | {_show_allowed(field)} | {field['description']} |"


def _list_fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """List the fields of an object or list: path, schema, and whether the field is required."""
    inner = schema["items"] if schema["type"] == "array" else schema
    mark = "[]" if schema["type"] == "array" else ""
    for name, field in inner.get("properties", {}).items():
        below = f"{path}{mark}.{name}".lstrip(".")
        yield below, field, name in inner.get("required", ())
        yield from _list_fields(field, below) if "type" in field else ()


def _show_default(field: dict[str, Any]) -> str:
    if "default" not in field or "properties" in field:
        return ""
    return f"`{json.dumps(field['default'])}`".replace('"', "")


def _show_allowed(field: dict[str, Any]) -> str:
    """Return the allowed values as far as the schema lists or bounds them, without alternative spellings."""
    words = field.get("enum", ())
    if words:
        return ", ".join(f"`{word}`" for word in words if word[0].upper() + word[1:] not in {*words} - {word})
    if "maximum" in field:
        return f"{field['minimum']} to {field['maximum']}"
    kind = field.get("type", "quantity" if "pattern" in field else "number or name")
    return f"at most {field['maxItems']}" if kind == "array" else {"object": "", "string": "text"}.get(kind, kind)


def _list_rules(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """List the rules that span several fields, or the previous value: the field at fault, and the message."""
    for rule in schema.get(VALIDATIONS, ()):
        if "fieldPath" in rule:
            yield f"`{path}{rule['fieldPath']}`".replace("`.", "`"), rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _list_rules(field, f"{path}.{name}")
