"""Draws the front as an SVG: a panel for each axis, replica-hours to the right, shares in per cent upwards.

It is readable on light and on dark pages.
"""

from collections.abc import Iterator, Sequence
from html import escape
from math import log10

from bench.policy.contenders import CLAIRVOYANT, OURS, OURS_BLIND
from bench.policy.front import FIXED, Point

_PANELS = (
    ("below", "time with fewer than five fresh, %"),
    ("failed", "failed reads, %"),
    ("stale", "stale reads, %"),
)
_WIDTH, _HEIGHT = 330, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 62, 40
_TICKS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_COLOURS = {OURS: "#2563eb", OURS_BLIND: "#0d9488", FIXED: "#71717a", CLAIRVOYANT: "#d97706"}
_LESS_KNOWN = ("#a855f7", "#e11d48")
"""Of the other families, in their order."""
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#52525b}.name{font-weight:600}line{stroke:#d4d4d8}"
    "@media(prefers-color-scheme:dark){text{fill:#a1a1aa}line{stroke:#3f3f46}}"
)


def draw_front(front: Sequence[Point]) -> str:
    """Draw the points as one SVG document; shares of 0 stand at the lowest tick."""
    colours = _colour_families(front)
    lowest, highest = min(one.replica_hours for one in front), max(one.replica_hours for one in front)
    hours = (10.0 * int(lowest / 10), 10.0 * (int(highest / 10) + 1))
    width = _WIDTH * len(_PANELS)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" role="img"'
            f' aria-label="The front: shares against replica-hours"><style>{_STYLE}</style>'
        ),
        *_draw_legend(colours),
    ]
    for number, (axis, title) in enumerate(_PANELS):
        parts += [
            f'<g transform="translate({number * _WIDTH} 0)">',
            *_draw_panel(front, axis, title, hours, colours),
            "</g>",
        ]
    return "".join((*parts, "</svg>\n"))


def _colour_families(front: Sequence[Point]) -> dict[str, str]:
    families = list(dict.fromkeys(one.family for one in front))
    others = [family for family in families if family not in _COLOURS]
    return {family: _COLOURS.get(family) or _LESS_KNOWN[others.index(family) % len(_LESS_KNOWN)] for family in families}


def _draw_legend(colours: dict[str, str]) -> Iterator[str]:
    at = float(_LEFT)
    for family, colour in colours.items():
        yield f'<circle cx="{at + 5:.0f}" cy="16" r="5" fill="{colour}"/>'
        yield f'<text x="{at + 15:.0f}" y="20">{escape(family)}</text>'
        at += 36 + 6.4 * len(family)


def _draw_panel(
    front: Sequence[Point], axis: str, title: str, hours: tuple[float, float], colours: dict[str, str]
) -> Iterator[str]:
    shares = [share for one in front if (share := float(getattr(one, axis))) > 0]
    low = max((tick for tick in _TICKS if tick <= min(shares, default=1.0)), default=_TICKS[0])
    high = min((tick for tick in _TICKS if tick >= max(shares, default=1.0)), default=_TICKS[-1])

    def place(one: Point) -> tuple[float, float]:
        right = (one.replica_hours - hours[0]) / (hours[1] - hours[0])
        return _LEFT + right * (_WIDTH - _LEFT - _RIGHT), _raise(max(low, float(getattr(one, axis))), low, high)

    yield f'<text class="name" x="{_LEFT}" y="{_TOP - 14}">{escape(title)}</text>'
    for tick in (tick for tick in _TICKS if low <= tick <= high):
        y = _raise(tick, low, high)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for share in (0.0, 0.5, 1.0):
        x, anchor = _LEFT + share * (_WIDTH - _LEFT - _RIGHT), ("start", "middle", "end")[int(2 * share)]
        told = f"{hours[0] + share * (hours[1] - hours[0]):.0f}"
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="{anchor}">{told}</text>'
    yield f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">replica-hours a day</text>'
    for family, colour in colours.items():
        places = [(one, *place(one)) for one in front if one.family == family]
        line = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for one, x, y in places:
            size = "" if one.size is None else f", size {one.size}"
            told = f"{one.family}{size}: {getattr(one, axis):.2f} % at {one.replica_hours:.1f} h"
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 if one.size else 6}" fill="{colour}">'
            yield f"<title>{escape(told)}</title></circle>"


def _raise(share: float, low: float, high: float) -> float:
    """Return how far down a share is drawn, in pixels: logarithmic, since sizes differ by factors."""
    up = (log10(share) - log10(low)) / ((log10(high) - log10(low)) or 1.0)
    return _TOP + (1 - up) * (_HEIGHT - _TOP - _BOTTOM)
