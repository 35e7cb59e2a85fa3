"""The report as one self-contained HTML page: no script, nothing fetched, light and dark."""

from html import escape

from readpool.cli.backtest.chart import Chart, Mark, build_chart
from readpool.cli.backtest.grid import format_setting
from readpool.cli.backtest.replay import Outcome
from readpool.cli.backtest.report import Report, describe_fit, describe_past, format_figures

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 420, 64, 48, 16, 24
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #d9dce1; --paper: #fff; --accent: #2f6feb;
  --advised: #18794e; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a0a5ad; --line: #363a3f; --paper: #16181b;
  --accent: #70a1ff; --advised: #4cc38a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
svg { width: 100%; height: auto; } text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); } .front { fill: none; stroke: var(--accent); stroke-width: 2; }
circle { fill: var(--soft); } circle.front-mark { fill: var(--accent); }
.today { fill: none; stroke: var(--ink); stroke-width: 2; } .advised { fill: var(--advised); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); } th { color: var(--soft); }
tr.now td { font-weight: 600; } tr.best td { color: var(--advised); font-weight: 600; } code { white-space: pre-wrap; }
"""
_HEADS = ("target", "min", "lag threshold", "replica-hours", "below target", "stale", "failed", "scalings", "cost", "")


def build_page(report: Report) -> str:
    """Build the page."""
    advice = report.advice
    setting = "" if advice.setting is None else f"<p><code>{escape(format_setting(advice.setting))}</code></p>"
    title = escape(f"Backtest of {report.pool}")
    facts = "".join(f"<li>{escape(line)}</li>" for line in describe_past(report))
    rows = "".join(_build_row(report, one) for one in report.outcomes)
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(describe_fit(report))}</p>"
        f"<h2>Recommendation</h2>{setting}<p>{escape(advice.reason)}</p>"
        f"<h2>Cost against freshness</h2>{_build_svg(build_chart(report))}"
        "<p>Each dot is a setting. The line is the front: no setting is better in both. The ring is today's setting,"
        " the green dot the recommended one.</p>"
        '<h2>Settings</h2><div class="scroll"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p>Figures are per day. Cost: replica-hours, plus {report.price:g} for each hour below the target or in which"
        f" all reads are stale or fail.</p><h2>What was replayed</h2><ul>{facts}</ul></body></html>\n"
    )


def _build_row(report: Report, one: Outcome) -> str:
    setting, is_today = one.setting, one is report.today
    is_best = setting == report.advice.setting
    cells = (
        *format_figures(one, report.price),
        ", ".join(
            word
            for word, holds in (("today", is_today), ("recommended", is_best), ("front", one in report.front))
            if holds
        ),
    )
    row = " class='best'" if is_best else " class='now'" if is_today else ""
    return f"<tr{row}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _build_svg(chart: Chart) -> str:
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Replica-hours against minutes below">']
    for tick in chart.hours.ticks:
        x = _find_x(chart.hours.place(tick))
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in chart.minutes.ticks:
        y = _find_y(chart.minutes.place(tick))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">replica-hours per day</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 4}">minutes per day below the target</text>')
    front = sorted((mark for mark in chart.marks if mark.is_front), key=lambda mark: mark.x)
    parts.append(f'<polyline class="front" points="{" ".join(_format_point(mark) for mark in front)}"/>')
    parts += [_build_mark(mark) for mark in chart.marks]
    return "".join((*parts, "</svg>"))


def _build_mark(mark: Mark) -> str:
    x, y = _find_x(mark.x), _find_y(mark.y)
    kind = "advised" if mark.is_advised else "front-mark" if mark.is_front else ""
    label = escape(format_setting(mark.outcome.setting))
    ring = f'<circle class="today" cx="{x:.1f}" cy="{y:.1f}" r="9"/>' if mark.is_today else ""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{label}</title></circle>{ring}'


def _format_point(mark: Mark) -> str:
    return f"{_find_x(mark.x):.1f},{_find_y(mark.y):.1f}"


def _find_x(place: float) -> float:
    return _LEFT + place * (_WIDTH - _LEFT - _RIGHT)


def _find_y(place: float) -> float:
    return _HEIGHT - _BOTTOM - place * (_HEIGHT - _BOTTOM - _TOP)
