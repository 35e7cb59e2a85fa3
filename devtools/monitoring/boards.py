"""The dashboards: which sections each has, and what one chooses at its top."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from devtools.monitoring import control_plane_board, fleet_board, replica_board, routing_board
from devtools.monitoring.panels import DATASOURCE, Section, build_panel, build_row
from readpool.alerts.rule import Dashboard

TAG = "readpool"


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard.

    Attributes:
        variables: what is chosen at its top, by name: the query that lists the choices.
    """

    title: str
    text: str
    sections: Sequence[Section]
    variables: Mapping[str, str]


_FLEET = {"fleet": "label_values(readpool_fleet_info, fleet)"}
_REPLICA = {**_FLEET, "replica": 'label_values(readpool_replica_info{fleet="$fleet"}, replica)'}

BOARDS: Mapping[Dashboard, Board] = {
    Dashboard.FLEET: Board(
        "readpool / Fleet",
        "One fleet: how fresh its replicas are, why it has the size that it has, and what its readers meet with.",
        fleet_board.SECTIONS,
        _FLEET,
    ),
    Dashboard.REPLICA: Board(
        "readpool / Replica",
        "The replicas of one fleet, one by one, and the gates before them.",
        replica_board.SECTIONS,
        _REPLICA,
    ),
    Dashboard.CONTROL_PLANE: Board(
        "readpool / Control plane",
        "The scaler, the controller, and KEDA as far as it asks the scaler.",
        control_plane_board.SECTIONS,
        {},
    ),
    Dashboard.ROUTING: Board(
        "readpool / Routing",
        "The router, endpoint discovery, and the gates of all pools together.",
        routing_board.SECTIONS,
        {},
    ),
}


def render_boards() -> dict[str, str]:
    """Render every dashboard as JSON, by the name of its file in the chart."""
    encoder = JSONEncoder(sort_keys=True, indent=1)
    return {
        f"dashboards/{uid.removeprefix('readpool-')}.json": encoder.encode(build_board(uid, board)) + "\n"
        for uid, board in BOARDS.items()
    }


def build_board(uid: Dashboard, board: Board) -> models.Dashboard:
    """Build a dashboard of Grafana's."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(uid.value)
        .description(board.text)
        .tags([TAG])
        .time("now-3h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(dashboard.DashboardLink("readpool").type(_BY_TAG).tags([TAG]).as_dropdown(True).keep_time(True))
    )
    for name, query in board.variables.items():
        built.with_variable(_build_variable(name, query))
    for section in board.sections:
        built.with_row(build_row(section.title))
        for panel in section.panels:
            built.with_panel(build_panel(panel))
    return built.build()


_BY_TAG = models.DashboardLinkType.DASHBOARDS


def _build_variable(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(name == "replica")
        .include_all(name == "replica")
    )
