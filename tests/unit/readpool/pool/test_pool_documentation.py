"""docs/readonlypool.md says what the resource does: each field with its default, what is allowed, what it means."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readpool.pool.crd import build_crd
from readpool.pool.rules import VALIDATIONS

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "readonlypool.md").read_text(encoding="utf-8")
SCHEMA = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def list_fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """List the fields of an object: path, schema, and whether it has to be given."""
    inner = schema["items"] if schema["type"] == "array" else schema
    mark = "[]" if schema["type"] == "array" else ""
    for name, field in inner.get("properties", {}).items():
        below = f"{path}{mark}.{name}".lstrip(".")
        yield below, field, name in inner.get("required", ())
        yield from list_fields(field, below) if "type" in field else ()


def show_default(field: dict[str, Any], is_required: bool) -> str:
    """Say what holds when the field is left out."""
    if is_required:
        return "required"
    if "default" not in field or "properties" in field:
        return ""
    return f"`{json.dumps(field['default'])}`".replace('"', "")


def show_allowed(field: dict[str, Any]) -> str:
    """Say what may stand there, where the schema alone says it; other spellings of a word are left out."""
    words = field.get("enum", ())
    if words:
        return ", ".join(f"`{word}`" for word in words if word[0].upper() + word[1:] not in {*words} - {word})
    if "maximum" in field:
        return f"{field['minimum']} to {field['maximum']}"
    kind = field.get("type", "quantity")
    return f"at most {field['maxItems']}" if kind == "array" else {"object": "", "string": "text"}.get(kind, kind)


def build_rows(part: str) -> list[str]:
    """Build the rows of the table of `spec` or `status`."""
    return [
        f"| `{path}` | {show_default(field, is_required)} | {show_allowed(field)} | {field['description']} |"
        for path, field, is_required in list_fields(SCHEMA[part])
    ]


def list_rules(schema: dict[str, Any] = SCHEMA["spec"], path: str = "") -> Iterator[tuple[str, str]]:
    """List the rules that an object is held to as a whole: the field at fault, and the sentence."""
    for rule in schema.get(VALIDATIONS, ()):
        if "fieldPath" in rule:
            yield f"`{path}{rule['fieldPath']}`".replace("`.", "`"), rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from list_rules(field, f"{path}.{name}")


def list_rows(heading: str) -> list[str]:
    """List the rows that stand under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_stands_in_the_guide_with_its_default_and_what_the_definition_says(part: str) -> None:
    assert list_rows(part) == build_rows(part)


def test_every_rule_over_several_fields_stands_in_the_guide() -> None:
    assert [f"| {path} | {sentence} |" for path, sentence in list_rules()] == list_rows("How it is refused")
