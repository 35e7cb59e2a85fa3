"""What one fleet looks like in a terminal: a headline, the reason for its size, a row a replica. Pure; rich draws it.

Columns give way on a narrow terminal, the least telling first. A class has a colour, a mark and its word, so that the
colour is never the only sign.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from readpool.cli.terminal.columns import GAP, choose_columns
from readpool.cli.terminal.request_cells import (
    describe_requests,
    read_requests,
    show_milliseconds,
    show_percent,
    show_rate,
)
from readpool.cli.terminal.sizes import Size, build_sizes
from readpool.cli.terminal.tables import draw_table
from readpool.text import make_printable, order_naturally
from readpool.v1 import observer_pb2 as pb

BAR_WIDTH = 14
_OF_NO_POOL = ("PoolNotFound", "PoolDeleted")
"""Reasons of a decision on a pool that a trigger names and that is not there."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a class is shown."""

    word: str
    mark: str
    ascii_mark: str
    style: str
    severity: int


LOOKS = {
    pb.REPLICA_CLASS_UNREACHABLE: Look("unreachable", "✕", "x", "bold red", 5),
    pb.REPLICA_CLASS_FOREIGN: Look("foreign", "◆", "#", "magenta", 4),
    pb.REPLICA_CLASS_LAGGING: Look("lagging", "▼", "!", "yellow", 3),
    pb.REPLICA_CLASS_CATCHING_UP: Look("catching up", "▲", "^", "cyan", 2),
    pb.REPLICA_CLASS_UNKNOWN: Look("unknown", "?", "?", "dim", 1),
    pb.REPLICA_CLASS_FRESH: Look("fresh", "●", "o", "green", 0),
}
UNSPECIFIED = LOOKS[pb.REPLICA_CLASS_UNKNOWN]
_WITHOUT_LAG = frozenset({pb.REPLICA_CLASS_UNREACHABLE, pb.REPLICA_CLASS_FOREIGN})
"""Scalers of earlier versions send the last lag of these as well."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the width it needs, where it stands from the left, and what it shows of a replica."""

    heading: str
    width: int
    position: int
    show: Callable[[pb.Replica, pb.Snapshot, bool], Text]
    justify: str = "left"


def build_fleet(
    snapshot: pb.Snapshot,
    *,
    width: int,
    max_rows: int,
    ascii_only: bool = False,
    sort: str = "",
    sizes: Sequence[Size] = (),
) -> RenderableType:
    """Build all that is shown of one fleet, at most `width` characters wide and with at most `max_rows` replicas.

    `sizes` are those that it was to have so far; they are shown where the headline leaves room.
    """
    headline, cells = build_headline(snapshot), build_sizes(sizes, snapshot.at, ascii_only=ascii_only)
    if cells and headline.cell_len + GAP + cells.cell_len <= width:
        headline = Text.assemble(headline, " " * GAP, cells)
    return Group(
        headline,
        build_reason(snapshot),
        build_replicas(snapshot, width=width, max_rows=max_rows, ascii_only=ascii_only, sort=sort),
    )


def build_headline(snapshot: pb.Snapshot) -> Text:
    """Build the line with the fleet's name, its tip and its size; a pool that is not there has neither."""
    decision, bounds = snapshot.decision, snapshot.bounds
    name = (make_printable(snapshot.fleet), "bold")
    if decision.reason in _OF_NO_POOL:
        return Text.assemble(name, "  ", ("the pool does not exist", "yellow"))
    desired = str(decision.desired_replicas) if decision.HasField("desired_replicas") else "not known"
    line = Text.assemble(name, "  ", build_tip(snapshot), "  ")
    line.append(f"replicas {len(snapshot.replicas)}, desired {desired}")
    if bounds.max_replicas:  # nothing is known of them while the API server has not told of the pool
        line.append(f" ({bounds.min_replicas} to {bounds.max_replicas}, target {bounds.target_replicas})", "dim")
    return line


def build_tip(snapshot: pb.Snapshot) -> Text:
    """Build the words for the network's tip and whether it moves."""
    if not snapshot.HasField("tip"):
        return Text("tip unknown", "yellow")
    seconds = max(0.0, snapshot.at - snapshot.tip.moved_at)
    tip = f"tip {snapshot.tip.ledger:,}"
    if snapshot.tip.halted:
        return Text(f"{tip}, halted: has not moved for {show_seconds(seconds)}", "bold red")
    return Text(f"{tip}, last ledger {show_seconds(seconds)} ago")


def build_reason(snapshot: pb.Snapshot) -> Text:
    """Build the sentence that says why the fleet has its size, what readers meet with, and what a replica can serve."""
    if snapshot.gone:
        return Text("No longer observed: KEDA has not asked for this fleet for a while.", "yellow")
    decision = snapshot.decision
    line = Text(make_printable(decision.message), "" if decision.HasField("desired_replicas") else "yellow")
    if met := describe_requests(read_requests(snapshot)):
        line.append(f"  {met}", "dim")
    if decision.HasField("learned_requests_per_replica"):
        line.append(f"  capacity {decision.learned_requests_per_replica:,.0f} requests/s each", "dim")
    return line


def build_replicas(
    snapshot: pb.Snapshot, *, width: int, max_rows: int, ascii_only: bool = False, sort: str = ""
) -> RenderableType:
    """Build the table of replicas, as sorted, else by name if all fit, else the worst first; and count the rest."""
    if not snapshot.replicas:
        return Text("  no replicas known", "dim")
    known = COLUMNS if any(replica.HasField("requests") for replica in snapshot.replicas) else COLUMNS_WITHOUT_GATES
    columns = choose_columns(known, width)
    shown, rest = choose_rows(snapshot.replicas, max_rows, sort)
    rows = [[column.show(replica, snapshot, ascii_only) for column in columns] for replica in shown]
    table = draw_table(columns, rows, known, width=width, ascii_only=ascii_only)
    dots = "..." if ascii_only else "…"
    return Group(table, Text(f"{dots} and {len(rest)} more: {count_classes(rest)}", "dim")) if rest else table


SORTS: dict[str, Callable[[pb.Replica], tuple[float, ...]]] = {
    "name": lambda _: (),
    "class": lambda replica: (-look_of(replica).severity, -replica.lag),
    "lag": lambda replica: (is_lag_known(replica), -replica.lag),
    "rate": lambda replica: (replica.HasField("rate"), replica.rate),
    "ledger": lambda replica: (replica.HasField("ledger"), replica.ledger),
    "requests": lambda replica: _most_first(read_requests(replica).per_second),
    "latency": lambda replica: _most_first(read_requests(replica).p90_ms),
    "errors": lambda replica: _most_first(read_requests(replica).error_percent),
}
"""By what replicas are sorted, the worst first; those of which it is unknown come before, and equal ones go by name."""


def _most_first(number: float | None) -> tuple[float, ...]:
    return (False,) if number is None else (True, -number)


def choose_rows(
    replicas: Sequence[pb.Replica], max_rows: int, sort: str = ""
) -> tuple[list[pb.Replica], list[pb.Replica]]:
    """Choose the replicas to show and those only to count, sorted by one of SORTS if `sort` names it."""
    by_name = sorted(replicas, key=lambda replica: order_naturally(replica.name))
    fit = len(by_name) <= max_rows
    ordered = sorted(by_name, key=SORTS[sort or ("name" if fit else "class")])
    kept = len(ordered) if fit else max(max_rows - 1, 1)
    return ordered[:kept], ordered[kept:]


def count_classes(replicas: Sequence[pb.Replica]) -> str:
    """Count replicas by class, the worst first, such as `2 lagging, 8 fresh`."""
    counts = Counter(look_of(replica) for replica in replicas)
    return ", ".join(f"{counts[look]} {look.word}" for look in LOOKS.values() if counts[look])


def look_of(replica: pb.Replica) -> Look:
    """Find how the class of a replica is shown; a class from a newer scaler shows as unknown."""
    return LOOKS.get(getattr(replica, "class"), UNSPECIFIED)


def is_lag_known(replica: pb.Replica) -> bool:
    """Return whether the lag of a replica is its lag now: one that does not answer has none, whatever it said last."""
    return replica.HasField("lag") and getattr(replica, "class") not in _WITHOUT_LAG


def build_bar(lag: int, threshold: int, look: Look, *, ascii_only: bool) -> Text:
    """Build the bar of a lag on a scale of twice the threshold, which the mark in the middle stands for."""
    full, empty, mark = ("#", ".", "|") if ascii_only else ("█", "·", "│")
    half = BAR_WIDTH // 2
    share = lag / (2 * threshold) if threshold else 0.0
    filled = min(BAR_WIDTH, max(1 if lag else 0, round(share * BAR_WIDTH)))
    bar = Text(full * filled, look.style).append(empty * (BAR_WIDTH - filled), "dim")
    return Text.assemble(bar[:half], (mark, "dim"), bar[half:])


def show_seconds(seconds: float) -> str:
    """Show a duration in the unit that fits, such as `4 s`, `12 min` or `1.5 h`."""
    if seconds < 100:  # noqa: PLR2004  # two digits of seconds are still read at a glance
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004  # 90 min


def _show_name(replica: pb.Replica, _snapshot: pb.Snapshot, ascii_only: bool) -> Text:
    # The end of a pod's name tells it from its neighbours.
    name, room = make_printable(replica.name), 28
    return Text(name if len(name) <= room else ("..." if ascii_only else "…") + name[-room + 3 :])


def _show_class(replica: pb.Replica, _snapshot: pb.Snapshot, ascii_only: bool) -> Text:
    look = look_of(replica)
    return Text(f"{look.ascii_mark if ascii_only else look.mark} {look.word}", look.style)


def _show_lag(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(f"{replica.lag:,}" if is_lag_known(replica) else "-")


def _show_bar(replica: pb.Replica, snapshot: pb.Snapshot, ascii_only: bool) -> Text:
    if not is_lag_known(replica):
        return Text("-")
    return build_bar(replica.lag, snapshot.lag_threshold, look_of(replica), ascii_only=ascii_only)


def _show_eta(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(show_seconds(replica.seconds_to_fresh) if replica.HasField("seconds_to_fresh") else "-")


def _show_rate(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(f"{replica.rate:.2f}/s" if replica.HasField("rate") else "-")


def _show_ledger(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(f"{replica.ledger:,}" if replica.HasField("ledger") else "-")


def _show_words(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(make_printable(replica.detail or replica.state), "dim")


def _show_requests(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(show_rate(read_requests(replica).per_second))


def _show_latency(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    return Text(show_milliseconds(read_requests(replica).p90_ms))


def _show_errors(replica: pb.Replica, _snapshot: pb.Snapshot, _ascii_only: bool) -> Text:
    percent = read_requests(replica).error_percent
    return Text(show_percent(percent), "bold red" if percent else "")


# The most telling first.
COLUMNS = (
    Column("replica", 14, 0, _show_name),
    Column("class", 13, 1, _show_class),
    Column("lag", 7, 4, _show_lag, "right"),
    Column("behind", BAR_WIDTH + 1, 3, _show_bar),
    Column("fresh in", 8, 6, _show_eta, "right"),
    Column("requests", 8, 7, _show_requests, "right"),
    Column("p90", 7, 8, _show_latency, "right"),
    Column("errors", 6, 9, _show_errors, "right"),
    Column("rate", 8, 5, _show_rate, "right"),
    Column("ledger", 11, 2, _show_ledger, "right"),
    Column("state", 24, 10, _show_words),
)
_OF_GATES = frozenset({"requests", "p90", "errors"})
COLUMNS_WITHOUT_GATES = tuple(column for column in COLUMNS if column.heading not in _OF_GATES)
"""Those of a fleet of which no gate reports what readers ask."""
