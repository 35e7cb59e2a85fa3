"""Which columns of a table fit a terminal, and how wide is each? The least telling give way first. Pure.

Every table of `readpool` asks. A column is never narrower than it needs to be read, however long another's text is.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

GAP = 2
"""Blanks between two columns."""


class Column(Protocol):
    """What is asked of a column here."""

    @property
    def width(self) -> int:
        """Characters that it needs."""

    @property
    def position(self) -> int:
        """Where it stands from the left."""


ColumnT = TypeVar("ColumnT", bound=Column)


def choose_columns(columns: Sequence[ColumnT], width: int) -> list[ColumnT]:
    """Choose from columns, the most telling first, those that fit; return them in the order in which they stand."""
    chosen: list[ColumnT] = []
    used = 0
    for column in columns:
        used += column.width + GAP
        if chosen and used > width:
            break
        chosen.append(column)
    return sorted(chosen, key=lambda column: column.position)


def fit_widths(
    columns: Sequence[ColumnT], natural: Sequence[int], priority: Sequence[ColumnT], width: int
) -> list[int]:
    """Return the width of each chosen column, in characters; together with their gaps they fit `width`.

    Each gets what it needs (at most its own `width`); what is left goes to the most telling that would use it.
    `natural` is how wide each column's text is, in the order of `columns`; `priority` has the most telling first.
    """
    widths = [min(longest, column.width) for column, longest in zip(columns, natural, strict=True)]
    left = width - sum(widths) - GAP * len(columns)
    for column in priority:
        if column in columns and left > 0:
            place = columns.index(column)
            more = min(left, natural[place] - widths[place])
            widths[place] += more
            left -= more
    return [max(1, min(each, width)) for each in widths]
