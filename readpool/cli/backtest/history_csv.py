"""A pool's history as a CSV file: one row a sample, one column a replica's lag."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from math import isfinite

from readpool.cli.backtest.history import HistoryError, Sample

TIME, REQUESTS, REPLICAS, HALTED, LAG = "time", "requests_per_second", "replicas", "halted", "lag:"
_NEEDED = (TIME, REQUESTS, REPLICAS)
COLUMNS = (
    f"{TIME} (Unix seconds or RFC 3339), {REQUESTS}, {REPLICAS}, {HALTED} (0 or 1; optional), and {LAG}NAME for each"
    " replica, empty where it did not answer"
)


def parse_csv(text: str) -> list[Sample]:
    """Parse a history.

    Raises:
        HistoryError: names the line, the column and what is wrong there.
    """
    reader = csv.DictReader(StringIO(text))
    names = reader.fieldnames or ()
    if missing := [name for name in _NEEDED if name not in names]:
        raise HistoryError(f"no column {', '.join(missing)}. The columns are: {COLUMNS}")
    if unknown := [name for name in names if name not in (*_NEEDED, HALTED) and not name.startswith(LAG)]:
        raise HistoryError(f"unknown column {unknown[0]!r}. The columns are: {COLUMNS}")
    lags = [name for name in names if name.startswith(LAG)]
    try:
        return [_parse_row(row, lags, reader.line_num) for row in reader]
    except csv.Error as error:
        raise HistoryError(f"line {reader.line_num}: {error}") from error


def _parse_row(row: Mapping[str | None, str | None], lags: Sequence[str], line: int) -> Sample:
    if None in row or any(value is None for value in row.values()):
        raise HistoryError(f"line {line}: not as many fields as there are columns")

    def read(name: str) -> float | None:
        value = (row.get(name) or "").strip()
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not isfinite(number) or number < 0:
            raise HistoryError(f"line {line}: {name} is {value[:40]!r}; it must be a number, 0 or more, or empty")
        return number

    replicas = read(REPLICAS)
    return Sample(
        at=_parse_time(row[TIME] or "", line),
        requests=read(REQUESTS),
        replicas=None if replicas is None else int(replicas),
        lags={name.removeprefix(LAG): int(lag) for name in lags if (lag := read(name)) is not None},
        is_halted=bool(read(HALTED)),
    )


def _parse_time(value: str, line: int) -> float:
    try:
        at = float(value)
    except ValueError:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            at = -1.0
        else:
            at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not isfinite(at) or at < 0:
        raise HistoryError(f"line {line}: {TIME} is {value[:40]!r}; it must be Unix seconds or RFC 3339")
    return at


def format_csv(samples: Iterable[Sample]) -> Iterator[str]:
    """Format samples as lines that `parse_csv` reads, the header first."""
    samples = list(samples)
    names = sorted({name for sample in samples for name in sample.lags})
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in _build_rows(samples, names):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _build_rows(samples: Sequence[Sample], names: Sequence[str]) -> Iterator[list[object]]:
    yield [TIME, REQUESTS, REPLICAS, HALTED, *(LAG + name for name in names)]
    for sample in samples:
        yield [
            f"{sample.at:.0f}",
            "" if sample.requests is None else f"{sample.requests:.3f}",
            "" if sample.replicas is None else sample.replicas,
            int(sample.is_halted),
            *(sample.lags.get(name, "") for name in names),
        ]
