"""`kubectl readpool`: the same commands as a plugin of kubectl, which runs `kubectl-readpool` with all that follows.

Like other plugins it takes kubectl's -n, --context and --kubeconfig before the command too; $KUBECONFIG counts anyway.
"""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import ShellComplete

from readpool.cli.__main__ import main

NAME = "kubectl readpool"
_FLAGS = frozenset({"-n", "--namespace", "--context", "--kubeconfig"})
_NO_FILES, _FILES = 4, 0
"""Directives of Cobra's completion, which kubectl reads from the last line."""


def move_flags(arguments: Sequence[str]) -> list[str]:
    """Move kubectl's flags from before the command to behind it, where our commands take them."""
    moved, place = list[str](), 0
    while place < len(arguments):
        name, equals, _ = arguments[place].partition("=")
        if name not in _FLAGS:
            break
        width = 1 if equals else 2
        moved += arguments[place : place + width]
        place += width
    rest = list(arguments[place:])
    return [*rest[:1], *moved, *rest[1:]] if rest else moved


def plugin() -> None:
    """Run a command: what `kubectl readpool` starts."""
    main(args=move_flags(sys.argv[1:]), prog_name=NAME)


def complete() -> None:
    """Complete a command line: what kubectl starts as `kubectl_complete-readpool` with what was typed so far."""
    *arguments, incomplete = sys.argv[1:] or [""]
    items = ShellComplete(main, {}, NAME, "_UNUSED").get_completions(move_flags(arguments), incomplete)
    for item in items:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(f":{_FILES if any(item.type in {'file', 'dir'} for item in items) else _NO_FILES}")


if __name__ == "__main__":
    plugin()
