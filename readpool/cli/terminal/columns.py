"""Which columns of a table fit a terminal? The least telling give way first. Pure; every table of `readpool` asks."""

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
    """Choose from columns, the most telling first, those that fit; give them in the order in which they stand."""
    chosen: list[ColumnT] = []
    used = 0
    for column in columns:
        used += column.width + GAP
        if chosen and used > width:
            break
        chosen.append(column)
    return sorted(chosen, key=lambda column: column.position)
