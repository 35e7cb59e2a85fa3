"""The commands' own help as docs/cli.md has it: `python -m readpool.cli.reference docs/cli.md` updates the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from readpool.cli.__main__ import COMMANDS, main

ELSEWHERE = frozenset({"scaler", "controller", "certificates"})
"""Programs with many flags: docs/configuration.md and docs/controller.md have those."""
BEGIN, END = "<!-- help: {} -->", "<!-- end of help -->"
WIDTH = 100


def list_commands() -> list[str]:
    """List the commands whose help is in docs/cli.md."""
    return [name for name in COMMANDS if name not in ELSEWHERE]


def build_help(name: str) -> str:
    """Build a command's help, as a terminal of WIDTH columns shows it."""
    assert isinstance(main, click.Group)  # noqa: S101  # ours
    parent = click.Context(main, info_name="readpool", **main.context_settings)
    command = main.get_command(parent, name)
    assert command is not None  # noqa: S101  # it is in COMMANDS
    context = click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH)
    return command.get_help(context)


def write_help(text: str) -> str:
    """Put the help of each command between its marks in the text of a page."""

    def replace(found: re.Match[str]) -> str:
        return f"{found[1]}\n```text\n{build_help(found[2])}\n```\n{END}"

    return re.sub(rf"({BEGIN.format(r'([a-z]+)')})\n.*?{END}", replace, text, flags=re.DOTALL)


def find_marked(text: str) -> Iterator[str]:
    """Find the commands that a page has marks for."""
    return (found[1] for found in re.finditer(BEGIN.format(r"([a-z]+)"), text))


@click.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def reference(page: Path) -> None:
    """Write the help of each command between its marks in a page."""
    page.write_text(write_help(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    reference()
