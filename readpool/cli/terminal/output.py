"""What a command prints: a table for people, or JSON, YAML and names for programs. The same flag on every command.

The documents that are not the API server's own have an apiVersion and a kind: docs/cli.md names their fields, which
stay as they are within that version.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
API_VERSION = "cli.readpool/v1alpha1"


class Output(StrEnum):
    """The formats."""

    TABLE = "table"
    WIDE = "wide"
    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"

    @property
    def is_data(self) -> bool:
        """Whether a program reads it."""
        return self in {Output.JSON, Output.YAML}


READING = (Output.TABLE, Output.WIDE, Output.JSON, Output.YAML, Output.NAME)
ANSWERING = (Output.TEXT, Output.JSON, Output.YAML)


def output_option(formats: tuple[Output, ...] = READING) -> Callable[[Command], Command]:
    """Add the flag -o to a command, which gets an Output; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice([str(one) for one in formats]),
        default=str(formats[0]),
        show_default=True,
        callback=lambda _context, _option, value: Output(value),
        help="Output format.",
    )


def build_document(kind: str, **fields: Any) -> dict[str, Any]:
    """Build one of our own documents."""
    return {"apiVersion": API_VERSION, "kind": kind, **fields}


def print_data(document: Mapping[str, Any], output: Output) -> None:
    """Print a document as JSON or YAML; what a terminal would obey or hide is escaped."""
    if output is Output.JSON:
        click.echo(_escape_json(json.dumps(document, indent=2, ensure_ascii=False)))
        return
    import yaml  # noqa: PLC0415  # for this one format

    plain = json.loads(json.dumps(document))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    if not _is_shown(text):
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=False)
    click.echo(text, nl=False)


def _escape_json(text: str) -> str:
    """Escape what is not printable; only within strings can there be any beside the ends of lines."""
    if _is_shown(text):
        return text
    return "".join(one if _is_shown(one) else json.dumps(one)[1:-1] for one in text)


def _is_shown(text: str) -> bool:
    return text.replace("\n", "").isprintable()
