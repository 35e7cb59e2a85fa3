"""Draws series as SVG: lines over time, stacked or not, with axes and a legend; and a number with its past. Pure."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from devtools.monitoring.preview.questions import Series, Span
from devtools.monitoring.preview.values import choose_ticks, show_value

COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#c4162a", "#a352cc")
NAMED = {
    "green": "#73bf69",
    "blue": "#5794f2",
    "orange": "#ff9830",
    "red": "#f2495c",
    "purple": "#b877d9",
    "yellow": "#fade2a",
    "text": "#8e8e9c",
}
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 8, 20
_GAP_STEPS = 2.5
_LEGEND = 10
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Style:
    """How a chart is drawn: the lowest value of its axis, None for what there is; the colours of series by name."""

    unit: str
    is_stacked: bool = False
    least: float | None = None
    colours: Mapping[str, str] = field(default_factory=dict)

    def choose(self, series: Series, number: int) -> str:
        """Choose the colour of a series, by its name or else by its place."""
        named = self.colours.get(series.name)
        return COLOURS[number % len(COLOURS)] if named is None else NAMED.get(named, named)


def draw_chart(series: Sequence[Series], span: Span, style: Style, size: tuple[int, int]) -> str:
    """Draw a chart of this many pixels, and its legend below."""
    width, height = size
    lines = stack(series) if style.is_stacked else [one.points for one in series]
    values = [value for points in lines for _, value in points]
    low, high = choose_range(values, style.least)

    def place(at: float, value: float) -> tuple[float, float]:
        x = _LEFT + (at - span.begin) / (span.end - span.begin) * (width - _LEFT - _RIGHT)
        return x, height - _BOTTOM - (value - low) / (high - low) * (height - _TOP - _BOTTOM)

    parts = [f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">']
    for tick in choose_ticks(low, high):
        _, y = place(span.begin, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(show_value(tick, style.unit))}</text>'
        )
    for at in choose_ticks(span.begin, span.end, max(2, width // 120)):
        x, _ = place(at, low)
        words = time.strftime("%H:%M:%S", time.gmtime(at))
        parts.append(f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle">{words}</text>')
    for number, points in enumerate(lines):
        colour = style.choose(series[number], number)
        for run in split_gaps(points, span.step):
            dots = " ".join("{:.1f},{:.1f}".format(*place(at, value)) for at, value in run)
            if style.is_stacked:
                below = lines[number - 1] if number else [(at, 0.0) for at, _ in run]
                back = " ".join("{:.1f},{:.1f}".format(*place(at, value)) for at, value in reversed(below))
                parts.append(f'<polygon points="{dots} {back}" fill="{colour}" opacity="0.7"/>')
            else:
                parts.append(f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    if not values:
        parts.append(f'<text class="empty" x="{width / 2}" y="{height / 2}" text-anchor="middle">No data</text>')
    return "".join([*parts, "</svg>", draw_legend(series, style)])


def draw_legend(series: Sequence[Series], style: Style) -> str:
    """Draw what each colour stands for; of many, the first ones, and how many more there are."""
    items = [
        f'<span><i style="background:{style.choose(one, number)}"></i>{escape(one.name) or "Value"}</span>'
        for number, one in enumerate(series[:_LEGEND])
    ]
    more = f"<span>and {len(series) - _LEGEND} more</span>" if len(series) > _LEGEND else ""
    return f'<div class="legend">{"".join(items)}{more}</div>'


def draw_number(points: Points, span: Span, unit: str, size: tuple[int, int], colour: str) -> str:
    """Draw a number, large, over what it was."""
    width, height = size
    low, high = choose_range([value for _, value in points], None)
    across, up = width / (span.end - span.begin), height / (high - low)
    dots = " ".join(f"{(at - span.begin) * across:.1f},{height - (value - low) * up:.1f}" for at, value in points)
    small = f'<svg width="{width}" height="{height}"><polyline points="{dots}" fill="none" stroke="{colour}"/></svg>'
    return f'<b style="color:{colour}">{escape(show_value(points[-1][1], unit))}</b>{small}'


def choose_range(values: Sequence[float], least: float | None) -> tuple[float, float]:
    """Choose the lowest and the highest value of an axis: never one alone."""
    if not values:
        return 0.0, 1.0
    low = min(values) if least is None else least
    high = max(low, *values)
    room = (high - low) * 0.05 if high > low else max(abs(high) * 0.1, 1.0)
    return (low if least is not None or high == low else low - room), high + room


def split_gaps(points: Points, step: float) -> list[Points]:
    """Split points where some are missing between two of them."""
    runs: list[list[tuple[float, float]]] = [[points[0]]] if points else []
    for before, point in pairwise(points):
        if point[0] - before[0] > _GAP_STEPS * step:
            runs.append([])
        runs[-1].append(point)
    return list(runs)


def stack(series: Sequence[Series]) -> list[Points]:
    """Put each series upon those before it, at every time that any of them has."""
    times = sorted({at for one in series for at, _ in one.points})
    below = dict.fromkeys(times, 0.0)
    stacked: list[Points] = []
    for one in series:
        known = dict(one.points)
        below = {at: value + known.get(at, 0.0) for at, value in below.items()}
        stacked.append(list(below.items()))
    return stacked
