"""Draws a table of chosen columns with rich: each as wide as the rules on columns say, cut where its text is longer."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from readpool.cli.terminal.columns import GAP, Column, fit_widths


class HeadedColumn(Column, Protocol):
    """A column with a heading, and with its side: left or right."""

    @property
    def heading(self) -> str:
        """What stands over it."""

    @property
    def justify(self) -> str:
        """The side that its text keeps to."""


ColumnT = TypeVar("ColumnT", bound=HeadedColumn)


def draw_table(
    columns: Sequence[ColumnT],
    rows: Sequence[Sequence[Text]],
    priority: Sequence[ColumnT],
    *,
    width: int,
    ascii_only: bool,
) -> Table:
    """Draw rows of cells, one cell a column; no line is longer than `width` characters."""
    cells = [[column.heading, *(row[place].plain for row in rows)] for place, column in enumerate(columns)]
    natural = [max(map(cell_len, texts)) for texts in cells]
    widths = fit_widths(columns, natural, priority, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), show_edge=False, header_style="dim")
    overflow = "crop" if ascii_only else "ellipsis"
    for column, room in zip(columns, widths, strict=True):
        table.add_column(
            column.heading,
            justify=column.justify,  # type: ignore[arg-type]  # a literal that Column does not promise
            width=room,
            no_wrap=True,
            overflow=overflow,  # type: ignore[arg-type]
        )
    for row in rows:
        table.add_row(*row)
    return table
