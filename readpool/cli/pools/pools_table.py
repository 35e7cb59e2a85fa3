"""What pools look like in a terminal: a row a pool, and a row a replica beneath where that is asked for.

Columns give way on a narrow terminal, the least telling first. Pure; rich draws it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readpool.cli.pools.pool_cells import STRIP_CELLS, build_strip, build_worst_bar, find_worst, look_of, order_replicas
from readpool.cli.pools.pool_entries import PoolEntry, say_state
from readpool.cli.terminal.columns import choose_columns
from readpool.cli.terminal.fleet_table import BAR_WIDTH, build_bar, show_seconds
from readpool.cli.terminal.tables import draw_table
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import ReplicaWeight
from readpool.text import make_printable

MAX_REPLICA_ROWS = 50
RowT = TypeVar("RowT")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """One column: its heading, the width it needs, where it stands from the left, and what it shows of a row."""

    heading: str
    width: int
    position: int
    show: Callable[[RowT, "Paper"], str | Text]
    justify: str = "left"


@dataclass(frozen=True, slots=True)
class Paper:
    """What everything is drawn on and for.

    Attributes:
        width: characters of a line.
        now: Unix time, for ages.
        ascii_only: where the terminal knows nothing else.
    """

    width: int
    now: float
    ascii_only: bool = False


def build_pools(
    entries: Sequence[PoolEntry], paper: Paper, *, with_namespace: bool, with_replicas: bool
) -> RenderableType:
    """Build the table of pools; with replicas, a table of those follows for each pool that has any."""
    columns = (*_NAMESPACE, *POOL_COLUMNS) if with_namespace else POOL_COLUMNS
    parts: list[RenderableType] = [build_table(columns, entries, paper)]
    parts += [Text(make_printable(f"{entry.name}: {entry.problem}"), "yellow") for entry in entries if entry.problem]
    for entry in entries if with_replicas else ():
        if entry.pool is not None and entry.pool.status.replica_weights:
            heading = Text(make_printable(f"{entry.namespace}/{entry.name}"), "bold")
            parts += [Text(""), heading, build_replicas(entry.pool, paper, most=MAX_REPLICA_ROWS)]
    return Group(*parts)


def build_replicas(pool: ReadOnlyPool, paper: Paper, *, most: int) -> RenderableType:
    """Build the table of a pool's replicas: in their order where all fit, else the worst and how many are left out."""
    replicas = pool.status.replica_weights
    shown = order_replicas(replicas, most)
    threshold = pool.spec.load_balancing.lag_threshold
    table = build_table(REPLICA_COLUMNS, [ReplicaRow(replica, threshold) for replica in shown], paper)
    rest = len(replicas) - len(shown)
    return Group(table, Text(f"and {rest} more that are no worse", "dim")) if rest else table


def build_table(columns: Sequence[Column[RowT]], rows: Sequence[RowT], paper: Paper) -> Table:
    """Build a table of those columns that fit."""
    chosen = choose_columns(columns, paper.width)
    cells = [[_build_cell(column.show(row, paper)) for column in chosen] for row in rows]
    return draw_table(chosen, cells, columns, width=paper.width, ascii_only=paper.ascii_only)


def _build_cell(shown: str | Text) -> Text:
    """Build a cell: as it stands, without markup and without what a terminal would obey."""
    if isinstance(shown, str):
        return Text(make_printable(shown))
    shown.plain = make_printable(shown.plain)
    return shown


def show_age(seconds: float) -> str:
    """Show an age in one unit, as kubectl does for old things: `45s`, `12m`, `7h`, `30d`."""
    if seconds < 2 * _MINUTE:
        return f"{max(0, seconds):.0f}s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE:.0f}m"
    return f"{seconds // _HOUR:.0f}h" if seconds < 2 * _DAY else f"{seconds // _DAY:.0f}d"


def _of_pool(show: Callable[[ReadOnlyPool], str | int | None]) -> Callable[[PoolEntry, Paper], str]:
    """Show something of a pool that is understood, and a dash where that is not known."""

    def show_entry(entry: PoolEntry, _paper: Paper) -> str:
        shown = show(entry.pool) if entry.pool is not None else None
        return "-" if shown is None else str(shown)

    return show_entry


def _show_age(entry: PoolEntry, paper: Paper) -> str:
    return "-" if entry.created_at is None else show_age(paper.now - entry.created_at)


def _show_snapshot_age(entry: PoolEntry, paper: Paper) -> str:
    newest = None if entry.pool is None else entry.pool.status.newest_snapshot
    return "-" if newest is None else show_age(paper.now - newest.taken_at.timestamp())


def _show_state(entry: PoolEntry, _paper: Paper) -> Text:
    state = say_state(entry)
    return Text(state, "green" if state == "Ready" else "yellow")


def _show_strip(entry: PoolEntry, paper: Paper) -> Text:
    if entry.pool is None or not entry.pool.status.replica_weights:
        return Text("-")
    threshold = entry.pool.spec.load_balancing.lag_threshold
    return build_strip(entry.pool.status.replica_weights, threshold, ascii_only=paper.ascii_only)


def _show_worst(entry: PoolEntry, paper: Paper) -> Text:
    if entry.pool is None:
        return Text("-")
    threshold = entry.pool.spec.load_balancing.lag_threshold
    return build_worst_bar(entry.pool.status.replica_weights, threshold, ascii_only=paper.ascii_only)


def _find_worst_lag(pool: ReadOnlyPool) -> str | None:
    worst = find_worst(pool.status.replica_weights)
    return None if worst is None else f"{worst.lag:,}"


def _find_tip(pool: ReadOnlyPool) -> str | None:
    ledger = pool.status.network_latest_ledger
    return None if ledger is None else f"{ledger:,}"


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """A replica and from how many ledgers on it counts as lagging."""

    replica: ReplicaWeight
    threshold: int


def _show_class(row: ReplicaRow, paper: Paper) -> Text:
    look = look_of(row.replica)
    mark = look.ascii_mark if paper.ascii_only else look.mark
    return Text(f"{mark} out of service" if row.replica.out_of_service else f"{mark} {look.word}", look.style)


def _show_bar(row: ReplicaRow, paper: Paper) -> Text:
    if row.replica.lag is None:
        return Text("-")
    return build_bar(row.replica.lag, row.threshold, look_of(row.replica), ascii_only=paper.ascii_only)


def _show_number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _show_percent(number: int | None) -> str:
    return "-" if number is None else f"{number} %"


def _show_progress(row: ReplicaRow, _paper: Paper) -> str:
    seconds, percent = row.replica.seconds_to_fresh, row.replica.catch_up_percent
    parts = [show_seconds(seconds)] if seconds is not None else []
    return ", ".join([*parts, f"{percent} % caught up"] if percent is not None else parts) or "-"


_NAMESPACE: tuple[Column[PoolEntry], ...] = (Column("NAMESPACE", 10, -1, lambda entry, _paper: entry.namespace),)
# The most telling first.
POOL_COLUMNS: tuple[Column[PoolEntry], ...] = (
    Column("NAME", 12, 0, lambda entry, _paper: entry.name),
    Column("STATUS", 13, 9, _show_state),
    Column("FRESH", 5, 2, _of_pool(lambda pool: f"{pool.status.fresh_replicas}/{pool.spec.target_replicas}")),
    Column("READY", 5, 1, _of_pool(lambda pool: f"{pool.status.ready_replicas}/{pool.status.current_replicas}")),
    Column("REPLICAS' LAG", STRIP_CELLS, 5, _show_strip),
    Column("DESIRED", 7, 4, _of_pool(lambda pool: pool.status.desired_replicas), "right"),
    Column("WORST", BAR_WIDTH + 1, 6, _show_worst),
    Column("LEDGERS", 7, 7, _of_pool(_find_worst_lag), "right"),
    Column("LAGGING", 7, 3, _of_pool(lambda pool: pool.status.lagging_replicas), "right"),
    Column("TIP", 11, 8, _of_pool(_find_tip), "right"),
    Column("AGE", 5, 13, _show_age),
    Column("NETWORK", 9, 10, _of_pool(lambda pool: pool.spec.network)),
    Column("VERSION", 10, 11, _of_pool(lambda pool: pool.spec.version or str(pool.spec.workload_ref))),
    Column("SNAPSHOT", 8, 12, _show_snapshot_age),
)
REPLICA_COLUMNS: tuple[Column[ReplicaRow], ...] = (
    Column("replica", 14, 0, lambda row, _paper: row.replica.replica_name),
    Column("class", 16, 1, _show_class),
    Column("lag", 7, 4, lambda row, _paper: _show_number(row.replica.lag), "right"),
    Column("behind", BAR_WIDTH + 1, 3, _show_bar),
    Column("weight", 6, 6, lambda row, _paper: _show_number(row.replica.weight), "right"),
    Column("ledger", 11, 2, lambda row, _paper: _show_number(row.replica.ledger_sequence), "right"),
    Column("fresh in", 24, 7, _show_progress),
    Column("volume", 6, 5, lambda row, _paper: _show_percent(row.replica.volume_used_percent), "right"),
)
