"""A dashboard as one page: each panel at its place among 24 columns, as Grafana lays it out."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from devtools.monitoring.preview.charts import NAMED, Style, draw_chart, draw_number
from devtools.monitoring.preview.questions import Questioner, Series
from devtools.monitoring.preview.values import show_value

_COLUMN, _ROW, _GAP = 60, 30, 8
_HEADING = 34
_LEGEND = 44
Json = Mapping[str, Any]
_STYLE = """
:root { color-scheme: light dark; --page: light-dark(#f4f5f5, #111217); --panel: light-dark(#fff, #181b1f);
  --text: light-dark(#24292e, #ccccdc); --dim: light-dark(#6e7681, #8e8e9c); --line: light-dark(#e4e7eb, #2c3235) }
body { margin: 16px; background: var(--page); color: var(--text); font: 13px/1.4 Inter, Helvetica, Arial, sans-serif }
h1 { font-size: 18px; font-weight: 500 } h2 { font-size: 14px; font-weight: 500; margin: 0 } p { color: var(--dim) }
.board { position: relative } .panel { position: absolute; background: var(--panel); border: 1px solid var(--line);
  border-radius: 2px; box-sizing: border-box; overflow: hidden; padding: 6px 8px }
.row { position: absolute; font-size: 15px; padding: 4px 0 } .panel:has(.missing) { border-color: #f2495c }
svg { display: block } svg text { font-size: 11px; fill: var(--dim) } svg .grid { stroke: var(--line) }
svg .empty { font-size: 14px } .legend { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 12px }
.legend i { display: inline-block; width: 14px; height: 4px; margin-right: 5px; vertical-align: middle }
.panel b { display: block; font-size: 30px; font-weight: 500; text-align: center; line-height: 44px }
table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid var(--line); padding: 5px 8px;
  text-align: right } th { font-weight: 500; color: #6e9fff } td.label, th.label { text-align: left }
"""


def build_page(board: Json, asking: Questioner) -> str:
    """Build the page of a dashboard from a Prometheus's answers."""
    asking = asking.choose(board["templating"]["list"])
    chosen = ", ".join(f"{name}: {value}" for name, value in asking.choices.items())
    bottom = max(_place(panel)[1] + _place(panel)[3] for panel in board["panels"])
    panels = "".join(_build_panel(panel, asking) for panel in board["panels"])
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(board["title"])}</title><style>{_STYLE}</style>'
        f"<h1>{escape(board['title'])}</h1><p>{escape(board['description'])} {escape(chosen)}</p>"
        f'<div class="board" style="width:{24 * _COLUMN}px;height:{bottom}px">{panels}</div>'
    )


def _place(panel: Json) -> tuple[int, int, int, int]:
    grid = panel["gridPos"]
    height = grid["h"] * (_ROW + _GAP) - _GAP
    return grid["x"] * _COLUMN, grid["y"] * (_ROW + _GAP), grid["w"] * _COLUMN - _GAP, height


def _build_panel(panel: Json, asking: Questioner) -> str:
    left, top, width, height = _place(panel)
    style = f"left:{left}px;top:{top}px;width:{width}px"
    if panel["type"] == "row":
        return f'<div class="row" style="{style}">{escape(panel["title"])}</div>'
    inner = _draw(panel, asking, (width - 18, height - _HEADING))
    shown = f'<div class="panel" style="{style};height:{height}px" title="{escape(panel.get("description", ""))}">'
    return f"{shown}<h2>{escape(panel['title'])}</h2>{inner}</div>"


def _draw(panel: Json, asking: Questioner, size: tuple[int, int]) -> str:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    unit = defaults.get("unit", "none")
    answers = [asking.ask(target) for target in panel["targets"]]
    series = [one for answer in answers for one in answer]
    if panel["type"] == "table":
        return _draw_table(panel, answers)
    if panel["type"] == "stat":
        if not series:
            return f'<b class="missing">{escape(defaults.get("noValue", "No data"))}</b>'
        points = series[0].points
        colour = choose_colour(defaults.get("thresholds"), points[-1][1])
        return draw_number(points, asking.span, unit, (size[0], max(10, size[1] - 50)), colour)
    custom = defaults.get("custom", {})
    is_stacked = custom.get("stacking", {}).get("mode") == "normal"
    style = Style(unit, is_stacked, defaults.get("min"), _read_colours(panel))
    return draw_chart(series, asking.span, style, (size[0], size[1] - _LEGEND))


def _read_colours(panel: Json) -> dict[str, str]:
    """Read the colours that the panel gives to series by their names."""
    return {
        one["matcher"]["options"]: part["value"]["fixedColor"]
        for one in panel["fieldConfig"].get("overrides", ())
        for part in one["properties"]
        if part["id"] == "color"
    }


def choose_colour(thresholds: Json | None, value: float) -> str:
    """Choose the colour of a number: that of the highest threshold that it has reached, green without any."""
    reached = "green"
    for step in (thresholds or {}).get("steps", ()):
        if step.get("value") is None or value >= step["value"]:
            reached = step["color"]
    return NAMED.get(reached, reached)


def join_rows(answers: Sequence[Sequence[Series]]) -> list[dict[str, str]]:
    """Join the answers by the labels that all of them have, as the transformation `merge` does."""
    keys = [set(one.labels) for answer in answers for one in answer]
    shared = sorted(set.intersection(*keys)) if keys else []
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for number, answer in enumerate(answers):
        for one in answer:
            row = rows.setdefault(tuple(one.labels[name] for name in shared), {})
            row.update(one.labels)
            row[f"Value #{chr(ord('A') + number)}"] = show_value(one.points[-1][1], "none")
    return [rows[key] for key in sorted(rows)]


def _draw_table(panel: Json, answers: Sequence[Sequence[Series]]) -> str:
    rows = join_rows(answers)
    options = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    hidden, named = options.get("excludeByName", {}), options.get("renameByName", {})
    labels = sorted({name for row in rows for name in row if not name.startswith("Value #")})
    columns = [one for one in (*labels, *sorted(named, key=list(named).index)) if not hidden.get(one) and one != "Time"]
    order = options.get("indexByName") or {}
    columns.sort(key=lambda one: order.get(one, len(order)))

    def cell(tag: str, column: str, text: str) -> str:
        side = ' class="label"' if column in labels else ""
        return f"<{tag}{side}>{escape(text)}</{tag}>"

    heading = "".join(cell("th", one, named.get(one, one)) for one in columns)
    body = "".join(f"<tr>{''.join(cell('td', one, row.get(one, '')) for one in columns)}</tr>" for row in rows)
    return f"<table><tr>{heading}</tr>{body}</table>" if rows else '<b class="missing">No data</b>'
