"""What is known of a scaler's fleets, and the view and the document made of it: for `readpool top`. Pure."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from readpool.cli.clients.observer_client import Connected, Event, Outage
from readpool.cli.terminal.fleet_document import describe_fleet
from readpool.cli.terminal.fleet_table import build_fleet
from readpool.cli.terminal.output import build_document
from readpool.cli.terminal.sizes import Size, record_size
from readpool.text import make_printable
from readpool.v1 import observer_pb2 as pb

LINES_BESIDE_ROWS = 4
GONE_SECONDS = 15.0
MAX_NAMES = 20


@dataclass(slots=True)
class Board:
    """What is known of the scaler's fleets: the last snapshot and the sizes of each, and the outage if there is one."""

    endpoint: str
    wanted: str | None = None
    sort: str = ""
    fleets: dict[str, pb.Snapshot] = field(default_factory=dict)
    sizes: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    outage: str = ""
    is_connected: bool = False

    def take(self, event: Event) -> bool:
        """Record an event; return whether it is a fleet's second snapshot: the scaler has then sent all it has."""
        if isinstance(event, Connected):
            self.fleets, self.outage, self.is_connected = {}, "", True
            return False
        if isinstance(event, Outage):
            self.outage = event.sentence
            return False
        was_there = event.fleet in self.fleets
        self.fleets = {
            name: fleet
            for name, fleet in self.fleets.items()
            if not (fleet.gone and event.at - fleet.at > GONE_SECONDS)
        }
        self.fleets[event.fleet] = event
        if was_there:  # before, fleets of a connection that is new are still to come
            self.sizes = {name: sizes for name, sizes in self.sizes.items() if name in self.fleets}
        decision = event.decision
        desired = decision.desired_replicas if decision.HasField("desired_replicas") else None
        self.sizes[event.fleet] = record_size(self.sizes.get(event.fleet, ()), event.at, desired)
        return was_there

    def chosen(self) -> list[pb.Snapshot]:
        """Return the fleets to show, by name; `--fleet` is a whole name or what follows its namespace."""
        names = sorted(name for name in self.fleets if self.wanted in {None, name, name.partition("/")[2]})
        return [self.fleets[name] for name in names]

    @property
    def is_missing(self) -> bool:
        """Whether a fleet was asked for that the scaler does not observe."""
        return self.wanted is not None and not self.chosen()

    def remark(self) -> str:
        """Return a sentence for what keeps fleets from being shown; empty when nothing does."""
        if self.outage:
            return self.outage + (" What follows is what it sent last." if self.fleets else "")
        if not self.is_connected:
            return f"Connecting to the scaler at {self.endpoint}."
        if self.is_missing:
            return f"No fleet {self.wanted!r} here; {self._list_fleets()}"
        if not self.fleets:
            return f"The scaler at {self.endpoint} observes no fleets yet: KEDA has not asked for any."
        return ""

    def _list_fleets(self) -> str:
        if not self.fleets:
            return "the scaler observes none yet."
        near = get_close_matches(self.wanted or "", self.fleets, n=1)
        names = sorted(self.fleets)[:MAX_NAMES]
        more = f" and {len(self.fleets) - MAX_NAMES} more" if len(self.fleets) > MAX_NAMES else ""
        return f"there is {', '.join(names)}{more}." + (f" Did you mean {near[0]}?" if near and more else "")


def build_board(board: Board, *, width: int, height: int | None, ascii_only: bool) -> RenderableType:
    """Build the whole view; with a height given, the fleets share its lines evenly."""
    chosen = board.chosen()
    most = max((len(fleet.replicas) for fleet in chosen), default=0)
    rows = most if height is None else max(1, (height - 1) // max(1, len(chosen)) - LINES_BESIDE_ROWS)
    parts: list[RenderableType] = [Text(make_printable(board.remark()), "yellow")] if board.remark() else []
    for fleet in chosen:
        sizes = board.sizes.get(fleet.fleet, ())
        drawn = build_fleet(fleet, width=width, max_rows=rows, ascii_only=ascii_only, sort=board.sort, sizes=sizes)
        parts += [drawn, Text("")]
    return Group(*parts[:-1]) if chosen else Group(*parts)


def build_list(board: Board) -> dict[str, Any]:
    """Build the document of the fleets to show."""
    return build_document("FleetList", scaler=board.endpoint, items=[describe_fleet(one) for one in board.chosen()])
