"""Prints a view once: as wide as the terminal, or for a pipe wide enough for every column and without colours.

NO_COLOR is honoured, and TERM=dumb gets neither colours nor other escape sequences.
"""

from typing import Protocol

import click
from rich.console import Console, RenderableType

PIPE_WIDTH = 200
WIDE = 400
"""Room for every column and for long sentences in them: a terminal wraps such lines."""


class Build(Protocol):
    """Builds the view for a width, in ASCII alone where the terminal knows nothing else."""

    def __call__(self, *, width: int, ascii_only: bool) -> RenderableType:
        """Build it."""


def print_page(console: Console, build: Build, *, wide: bool = False) -> None:
    """Print the view for the width of the terminal; with `wide`, all columns, however wide the terminal is."""
    width = WIDE if wide else console.width if console.is_terminal else PIPE_WIDTH
    # None leaves NO_COLOR to decide, as no-color.org asks.
    page = Console(width=width, no_color=None if console.is_terminal else True, highlight=False)
    with page.capture() as drawn:
        page.print(build(width=width, ascii_only=page.options.ascii_only), soft_wrap=wide)
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())  # a table fills its width with blanks, which are in the way of grep and cut
