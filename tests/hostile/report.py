"""The table of attacks: a row for each group of honest ones, and why what has not held has not. Pure."""

from collections import Counter
from collections.abc import Sequence

from tests.hostile.outcome import Asked, Group, Outcome, find_reasons, find_return, take_percentile

_MEBIBYTE = 1 << 20
_HEADINGS = (
    "part",
    "attack",
    "memory, MiB",
    "honest",
    "during: failed",
    "p50, p99 ms",
    "again",
    "after: failed",
    "p99 ms",
    "",
)
_OTHERS = 1


def build_table(outcomes: Sequence[Outcome]) -> str:
    """Build it as text in columns."""
    rows = [_HEADINGS, *(row for outcome in outcomes for row in _build_rows(outcome))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_list_reasons(outcomes)])


def _build_rows(outcome: Outcome) -> list[tuple[str, ...]]:
    limit = outcome.memory_limit
    memory = f"{outcome.memory_peak // _MEBIBYTE} of {limit // _MEBIBYTE}" if limit else ""
    verdict = "did NOT hold" if find_reasons(outcome) else "held"
    told = ", ".join(f"{name} {value}" for name, value in outcome.told.items())
    first = (outcome.part, outcome.attack, memory)
    rows = [
        (*(first if not number else ("", told if number == _OTHERS else "", "")), *_tell_group(outcome, group), verdict)
        for number, group in enumerate(outcome.groups)
    ]
    return [row if not number else (*row[:-1], "") for number, row in enumerate(rows)]


def _tell_group(outcome: Outcome, group: Group) -> tuple[str, ...]:
    during, after = outcome.during(group), outcome.after(group)
    back = find_return(during, outcome.phases)
    return (
        group.name,
        _tell_failed(during),
        f"{_tell_ms(during, 50)}, {_tell_ms(during, 99)}",
        "never" if back is None else f"{back:.0f} s",
        _tell_failed(after),
        _tell_ms(after, 99),
    )


def _tell_failed(asked: Sequence[Asked]) -> str:
    return f"{sum(bool(one.failure) for one in asked)} of {len(asked)}"


def _tell_ms(asked: Sequence[Asked], percent: int) -> str:
    return f"{1000 * take_percentile((one.seconds for one in asked if not one.failure), percent):.0f}"


def _list_reasons(outcomes: Sequence[Outcome]) -> list[str]:
    """List why what has not held has not, with what was wrong most often."""
    lines = []
    for outcome in outcomes:
        lines += [f"{outcome.part}: {outcome.attack}: {reason}" for reason in find_reasons(outcome)]
        lines += [f"{outcome.part}: {outcome.attack}: {told}" for told in _list_failures(outcome)]
    return lines


def _list_failures(outcome: Outcome) -> list[str]:
    """List what was wrong with those that failed, by how often."""
    told = []
    for group in outcome.groups:
        failures = Counter(one.failure for one in group.asked if one.failure)
        told += [f"{group.name}: {count} times {failure}" for failure, count in failures.most_common()]
    return told
