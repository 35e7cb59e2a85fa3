"""How far was each replica behind over the last quarter of an hour? A bounded record for the page, decides nothing.

Rows are times, columns are replicas. While the record is young its rows are a second apart; whenever it is full,
neighbours merge into one row that keeps the worse lag, until rows are four seconds apart; then the oldest rows go.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

ROWS = 240
FINEST_SECONDS = 1.0
COARSEST_SECONDS = 4.0
"""240 rows, four seconds apart: 16 minutes."""
MAX_REPLICAS = 512
"""Columns of one fleet, replicas that are gone but still in the record included."""

_ROWS_AT_ONCE = 8
"""Room is made for several rows at once, so that looking for columns to drop is rare."""
_UNKNOWN = -1
_LARGEST = 2**31 - 1
"""A column is an array of 32-bit integers: 10,000 replicas take 10 MB."""


@dataclass(frozen=True, slots=True)
class LagSeries:
    """The record: `lags` has a column for each replica, with a value for each time; None where it was not known."""

    times: tuple[float, ...]
    lags: dict[str, tuple[int | None, ...]]


class LagHistory:
    """The lag of each replica of one fleet over the last minutes."""

    __slots__ = ("_columns", "_seconds", "_times")

    def __init__(self) -> None:
        self._seconds = FINEST_SECONDS
        self._times = array("d")
        self._columns: dict[str, array[int]] = {}

    def record(self, at: float, lags: Mapping[str, int | None]) -> None:
        """Record the lags (ledgers; None: not known) at time `at` (Unix seconds), which must not run backwards.

        Within a row's time the worse lag stays. Replicas over MAX_REPLICAS are left out.
        """
        if not self._times or at - self._times[-1] >= self._seconds:
            self._begin_row(at)
        for name, lag in lags.items():
            value = _UNKNOWN if lag is None else min(max(lag, 0), _LARGEST)
            column = self._columns.get(name) or self._add_column(name)
            if column is not None and value > column[-1]:
                column[-1] = value

    def series(self) -> LagSeries:
        """Return the whole record, oldest first."""
        lags = {
            name: tuple(None if value == _UNKNOWN else value for value in column)
            for name, column in self._columns.items()
        }
        return LagSeries(tuple(self._times), lags)

    def _begin_row(self, at: float) -> None:
        if len(self._times) >= ROWS:
            self._make_room()
        self._times.append(at)
        for column in self._columns.values():
            column.append(_UNKNOWN)

    def _make_room(self) -> None:
        if self._seconds < COARSEST_SECONDS:
            self._seconds *= 2
            self._times = self._times[::2]
            self._columns = {name: _merge_pairs(column) for name, column in self._columns.items()}
        else:
            del self._times[:_ROWS_AT_ONCE]
            for column in self._columns.values():
                del column[:_ROWS_AT_ONCE]
        self._columns = {name: column for name, column in self._columns.items() if _knows_anything(column)}

    def _add_column(self, name: str) -> "array[int] | None":
        if len(self._columns) >= MAX_REPLICAS:
            return None
        column = array("i", [_UNKNOWN]) * len(self._times)
        self._columns[name] = column
        return column


def _merge_pairs(column: "array[int]") -> "array[int]":
    return array("i", map(max, column[::2], column[1::2]))


def _knows_anything(column: "array[int]") -> bool:
    return max(column, default=_UNKNOWN) > _UNKNOWN
