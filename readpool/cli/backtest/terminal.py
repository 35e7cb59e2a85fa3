"""The report in a terminal: what was replayed, how well, the front as characters, the settings, the recommendation."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readpool.cli.backtest.chart import build_chart
from readpool.cli.backtest.grid import format_setting
from readpool.cli.backtest.report import Report, describe_fit, describe_past, format_figures

_LINES = 12
_LABEL = 6


def build_report_view(report: Report, *, width: int, ascii_only: bool) -> RenderableType:
    """Build the whole report for a terminal of this width."""
    advice = report.advice
    words = [Text(format_setting(advice.setting), "bold green")] if advice.setting is not None else []
    return Group(
        Text(f"Backtest of {report.pool}", "bold"),
        *(Text(line) for line in describe_past(report)),
        Text(describe_fit(report), "yellow" if report.fit.verdict != "good" else ""),
        Text(""),
        _build_plot(report, width=min(width, 100), ascii_only=ascii_only),
        Text(""),
        _build_table(report),
        Text(""),
        Text("Recommendation", "bold"),
        *words,
        Text(advice.reason),
    )


def _build_plot(report: Report, *, width: int, ascii_only: bool) -> Text:
    chart = build_chart(report)
    columns = max(20, width - _LABEL - 2)
    plain, front, today, advised = (".", "o", "T", "R") if ascii_only else ("·", "●", "◎", "★")
    cells = [[" "] * columns for _ in range(_LINES)]
    for mark in sorted(chart.marks, key=lambda mark: (mark.is_advised, mark.is_today, mark.is_front)):
        sign = advised if mark.is_advised else today if mark.is_today else front if mark.is_front else plain
        cells[round((1 - mark.y) * (_LINES - 1))][round(mark.x * (columns - 1))] = sign
    edge = "|" if ascii_only else "│"
    lines = ["minutes/day below the target"]
    for number, row in enumerate(cells):
        top, bottom = chart.minutes.end, chart.minutes.start
        label = f"{top:g}" if number == 0 else f"{bottom:g}" if number == _LINES - 1 else ""
        lines.append(f"{label:>{_LABEL}} {edge}{''.join(row)}".rstrip())
    start, end = f"{chart.hours.start:g}", f"{chart.hours.end:g} replica-hours/day"
    lines.append(" " * (_LABEL + 2) + start + end.rjust(columns - len(start)))
    lines.append(f"{' ' * (_LABEL + 2)}{today} today  {advised} recommended  {front} front  {plain} other")
    return Text("\n".join(lines), no_wrap=True)


def _build_table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    heads = ("TARGET", "MIN", "LAG", "HOURS/DAY", "BELOW/DAY", "STALE", "FAILED", "SCALINGS", "COST")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in report.outcomes:
        is_today, is_best = one is report.today, one.setting == report.advice.setting
        notes = [word for word, holds in (("today", is_today), ("recommended", is_best)) if holds]
        table.add_row(
            *format_figures(one, report.price),
            ", ".join(notes),
            style="green" if is_best else "bold" if is_today else "",
        )
    return table
