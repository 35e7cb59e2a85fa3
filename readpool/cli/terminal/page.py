"""Prints something once: as wide as the terminal, or for a pipe, wide enough for every column and without colours."""

from typing import Protocol

import click
from rich.console import Console, RenderableType

PIPE_WIDTH = 200


class Build(Protocol):
    """Builds what is to be printed for a width, in ASCII alone where nothing else is known."""

    def __call__(self, *, width: int, ascii_only: bool) -> RenderableType:
        """Build it."""


def print_page(console: Console, build: Build) -> None:
    """Print what `build` makes of the width that there is."""
    width = console.width if console.is_terminal else PIPE_WIDTH
    page = Console(width=width, no_color=not console.is_terminal, highlight=False)
    with page.capture() as drawn:
        page.print(build(width=width, ascii_only=page.options.ascii_only))
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())  # a table fills its width with blanks, which are in the way of grep and cut
