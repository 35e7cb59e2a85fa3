"""Panels as data, and as Grafana has them: what a dashboard asks is told apart from how it is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
STAT_HEIGHT, CHART_HEIGHT = 4, 8


class Unit(StrEnum):
    """What a value counts, as Grafana calls it."""

    COUNT = "short"
    SECONDS = "s"
    RATIO = "percentunit"
    PER_SECOND = "reqps"
    OPERATIONS = "ops"
    BYTES = "bytes"
    LEDGER = "none"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how its series are called in the legend; `{{label}}` is filled in by Grafana.

    In a table the legend is the heading of a column; without one only the labels are shown.
    """

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands between a stat, a chart and a table.

    Attributes:
        help: a sentence or two, behind the panel's i: what it shows, and what is good.
        width: in 24ths of the page.
        is_stacked: whether the series add up to something.
        colours: of series by their names, where a colour means something; others get one by their order.
        thresholds: of a stat, rising: from which value on it has which colour, green below.
        height: in 30ths of a screen, as those beside it; None is a usual one.
    """

    title: str
    help: str
    queries: Sequence[Query]
    unit: Unit = Unit.COUNT
    width: int = 8
    is_stacked: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)
    thresholds: Sequence[tuple[float, str]] = ()
    height: int | None = None


class Stat(Panel):
    """One number."""


class Chart(Panel):
    """Lines over time."""


class Table(Panel):
    """The last values, a row for each label of the first query's legend and a column a query."""


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


def build_panel(panel: Panel) -> Builder[models.Panel]:
    """Build a panel of Grafana's."""
    if isinstance(panel, Stat):
        return _build_stat(panel)
    return _build_table(panel) if isinstance(panel, Table) else _build_chart(panel)


def build_row(title: str) -> dashboard.Row:
    """Build a heading."""
    return dashboard.Row(title)


def _build_stat(panel: Panel) -> Builder[models.Panel]:
    reduced = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    built = (
        stat.Panel()
        .title(panel.title)
        .description(panel.help)
        .datasource(DATASOURCE)
        .height(panel.height or STAT_HEIGHT)
        .span(panel.width)
        .unit(panel.unit.value)
        .no_value("not known")
        .reduce_options(reduced)
        .graph_mode(common.BigValueGraphMode.AREA)
        .thresholds(_build_thresholds(panel))
    )
    for query in _build_queries(panel):
        built.with_target(query)
    return built


def _build_chart(panel: Panel) -> Builder[models.Panel]:
    stacking = common_builders.StackingConfig().mode(
        common.StackingMode.NORMAL if panel.is_stacked else common.StackingMode.NONE
    )
    legend = (
        common_builders.VizLegendOptions()
        .show_legend(True)
        .placement(common.LegendPlacement.BOTTOM)
        .display_mode(common.LegendDisplayMode.LIST)
    )
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.help)
        .datasource(DATASOURCE)
        .height(panel.height or CHART_HEIGHT)
        .span(panel.width)
        .unit(panel.unit.value)
        .line_width(0 if panel.is_stacked else 1)  # the line of a series of noughts would hide the one below it
        .fill_opacity(70 if panel.is_stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .stacking(stacking)
        .legend(legend)
        .tooltip(tooltip)
    )
    if panel.unit is not Unit.LEDGER:
        built.min(0)
    for name, colour in panel.colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        built.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    for query in _build_queries(panel):
        built.with_target(query)
    return built


def _build_thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=value, color=colour) for value, colour in panel.thresholds]
    first = models.Threshold(value=None, color="green")
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps([first, *steps])


def _build_table(panel: Panel) -> Builder[models.Panel]:
    """Join the queries by their labels; Grafana calls the value of query A "Value #A"."""
    values = {f"Value #{_letter(index)}": one.legend for index, one in enumerate(panel.queries)}
    hidden: dict[str, object] = {"Time": True, **{value: True for value, legend in values.items() if not legend}}
    named: dict[str, object] = {value: legend for value, legend in values.items() if legend}
    organize = {"excludeByName": hidden, "renameByName": named}
    built = (
        table.Panel()
        .title(panel.title)
        .description(panel.help)
        .datasource(DATASOURCE)
        .height(panel.height or CHART_HEIGHT)
        .span(panel.width)
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options=organize))
    )
    for query in _build_queries(panel, is_table=True):
        built.with_target(query)
    return built


def _build_queries(panel: Panel, *, is_table: bool = False) -> list[prometheus.Dataquery]:
    built = []
    for index, query in enumerate(panel.queries):
        one = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(_letter(index))
        built.append(one.instant().format(PromQueryFormat.TABLE) if is_table else one.range())
    return built


def _letter(index: int) -> str:
    return chr(ord("A") + index)
