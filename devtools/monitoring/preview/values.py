"""How Grafana writes a value of a unit, and how it divides an axis. Pure."""

from collections.abc import Sequence
from itertools import count
from math import floor, isfinite, log10

_THOUSANDS = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_BYTES = ((2**40, " TiB"), (2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"))
_SECONDS = ((86400.0 * 7, " weeks"), (86400.0, " days"), (3600.0, " hours"), (60.0, " mins"), (1.0, " s"))
_BELOW_A_SECOND = ((1e-3, " ms"), (1e-6, " µs"))
_PER_SECOND = {"reqps": " req/s", "ops": " ops/s"}


def show_value(value: float, unit: str) -> str:
    """Write a value of a unit that the dashboards use."""
    if not isfinite(value):
        return "no value"
    if unit == "percentunit":
        return f"{_show_digits(value * 100)}%"
    if unit == "s":
        return _show_seconds(value)
    if unit == "none":
        return _show_digits(value)
    steps = _BYTES if unit == "bytes" else _THOUSANDS
    for size, word in steps:
        if abs(value) >= size:
            return f"{_show_digits(value / size)}{word}{_PER_SECOND.get(unit, '')}"
    return f"{_show_digits(value)}{' B' if unit == 'bytes' else _PER_SECOND.get(unit, '')}"


def choose_ticks(least: float, most: float, wanted: int = 4) -> Sequence[float]:
    """Choose round values between two, about so many, for the lines behind a chart."""
    span = most - least
    if not isfinite(span) or span <= 0:
        return [least]
    rough = span / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough)
    first = floor(least / step)
    ticks: list[float] = []
    for number in count(first):
        tick = number * step
        if tick > most + step / 1000:
            return ticks
        if tick >= least - step / 1000:
            ticks.append(tick)
    raise AssertionError("a count has no end")


def _show_seconds(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    for size, word in (*_SECONDS, *_BELOW_A_SECOND):
        if abs(seconds) >= size:
            return f"{_show_digits(seconds / size)}{word}"
    return f"{_show_digits(seconds * 1e9)} ns"


def _show_digits(value: float) -> str:
    """Write at least three digits of a value, without noughts at its end."""
    size = abs(value)
    is_whole = abs(value - round(value)) < 1e-9 * max(1.0, size)
    digits = 0 if size >= 100 or is_whole else 1 if size >= 10 else 2
    if size and size < 0.01:
        return f"{value:.2g}"
    return f"{value:.{digits}f}"
