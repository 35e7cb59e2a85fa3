"""The table of the chart's values, which its README gets when it is packaged: registries of charts show it. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 60


def build_values_table(values: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Build the table of all values that can be set: name, default, and what the schema says of it."""
    rows = [f"| `{path}` | {_show(value)} | {_escape(text)} |" for path, value, text in _list_leaves(values, schema)]
    return "\n".join(["## Values", "", "| value | default | |", "|---|---|---|", *rows, ""])


def _list_leaves(
    values: Mapping[str, Any], schema: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Any, str]]:
    for name, value in values.items():
        described = schema["properties"][name]
        if isinstance(value, dict) and value and "properties" in described:
            yield from _list_leaves(value, described, f"{path}{name}.")
        else:
            yield f"{path}{name}", value, described.get("description", "")


def _show(value: object) -> str:
    shown = json.dumps(value)
    return f"`{shown}`" if len(shown) <= _LONGEST else "see values.yaml"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
