"""`readpool top`: what a scaler sees, in a terminal, for as long as one looks. All of it comes from Observer.Watch."""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from readpool.cli.clients.endpoint import Endpoint, build_endpoint, tls_options
from readpool.cli.clients.observer_client import Connected, Event, ObserverError, Outage, watch
from readpool.cli.terminal.fleet_table import build_fleet, make_printable
from readpool.cli.terminal.page import print_page
from readpool.v1 import observer_pb2 as pb

# A scaler sends every fleet it has at once; after this much silence it has none to add.
QUIET_SECONDS = 0.5
LINES_BESIDE_ROWS = 4
GONE_SECONDS = 15.0


@dataclass(slots=True)
class Board:
    """What is known of the scaler's fleets: the last snapshot of each, and the outage if there is one."""

    endpoint: str
    wanted: str | None = None
    fleets: dict[str, pb.Snapshot] = field(default_factory=dict)
    outage: str = ""
    is_connected: bool = False

    def take(self, event: Event) -> bool:
        """Take in what came; tell whether it is a fleet's second snapshot, and so the scaler has told of all it has."""
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
        return was_there

    def chosen(self) -> list[pb.Snapshot]:
        """Choose the fleets to show, by name; `--fleet` means a whole name or what follows its namespace."""
        names = sorted(name for name in self.fleets if self.wanted in {None, name, name.partition("/")[2]})
        return [self.fleets[name] for name in names]

    def remark(self) -> str:
        """Say in a sentence what keeps fleets from being shown; empty when nothing does."""
        if self.outage:
            return self.outage + (" What follows is what it said last." if self.fleets else "")
        if not self.is_connected:
            return f"Connecting to the scaler at {self.endpoint}."
        if not self.fleets:
            return f"The scaler at {self.endpoint} observes no fleet yet: nobody has asked it for one."
        if not self.chosen():
            return f"No fleet {self.wanted!r} here; there is {', '.join(sorted(self.fleets))}."
        return ""


def build_board(board: Board, *, width: int, height: int | None, ascii_only: bool) -> RenderableType:
    """Build the whole view; with a height given, the fleets share its lines evenly."""
    chosen = board.chosen()
    most = max((len(fleet.replicas) for fleet in chosen), default=0)
    rows = most if height is None else max(1, (height - 1) // max(1, len(chosen)) - LINES_BESIDE_ROWS)
    parts: list[RenderableType] = [Text(make_printable(board.remark()), "yellow")] if board.remark() else []
    for fleet in chosen:
        parts += [build_fleet(fleet, width=width, max_rows=rows, ascii_only=ascii_only), Text("")]
    return Group(*parts[:-1]) if chosen else Group(*parts)


@click.command(
    epilog="""\b
Examples:
  kubectl port-forward -n readpool service/readpool-scaler 9090 &
  readpool top
  readpool top --namespace stellar --fleet core-nodes
  readpool top --once | grep lagging
  readpool top --scaler scaler:9090 --tls-ca ca.crt --tls-cert tls.crt --tls-key tls.key"""
)
@click.option("--scaler", default="localhost:9090", envvar="READPOOL_SCALER", show_default=True, metavar="HOST:PORT")
@click.option("--fleet", metavar="NAME", help="Only this fleet: NAMESPACE/NAME, or NAME alone.")
@click.option("--namespace", default="", metavar="NS", help="Only fleets of this namespace.")
@click.option("--once", is_flag=True, help="Print what there is and exit; so it does when the output is no terminal.")
@tls_options
def top(*, scaler: str, fleet: str | None, namespace: str, once: bool, **tls: Path | str | None) -> None:
    """Watch what a scaler sees: every fleet's tip, size and reason, every replica's class, lag and rate.

    The bar shows how far a replica is behind; the mark in its middle is the lag threshold. With --once the exit code is
    0 when the scaler answered and the fleet asked for is there.
    """
    endpoint = build_endpoint(scaler, **tls)
    request = pb.WatchRequest(fleets=pb.Fleets(namespace=namespace))
    board = Board(scaler, wanted=fleet)
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_run(endpoint, request, board, once=once)))


async def _run(endpoint: Endpoint, request: pb.WatchRequest, board: Board, *, once: bool) -> int:
    console = Console()
    try:
        if once or not console.is_terminal:
            return await _print_once(console, endpoint, request, board)
        await _show(console, endpoint, request, board)
    except ObserverError as error:
        raise click.ClickException(str(error)) from error
    return 0


async def _show(console: Console, endpoint: Endpoint, request: pb.WatchRequest, board: Board) -> None:
    def render() -> RenderableType:
        return build_board(board, width=console.width, height=console.height, ascii_only=console.options.ascii_only)

    with Live(get_renderable=render, console=console, screen=True, refresh_per_second=4):
        async for event in watch(endpoint, request):
            board.take(event)


async def _print_once(console: Console, endpoint: Endpoint, request: pb.WatchRequest, board: Board) -> int:
    await _gather(endpoint, request, board)
    if board.outage or (board.fleets and not board.chosen()):
        click.echo(make_printable(board.remark().removesuffix(" Trying again.")), err=True)
        return 1
    print_page(
        console, lambda *, width, ascii_only: build_board(board, width=width, height=None, ascii_only=ascii_only)
    )
    return 0


async def _gather(endpoint: Endpoint, request: pb.WatchRequest, board: Board) -> None:
    """Take in events until an outage, a fleet's second snapshot, or silence once connected."""
    events = watch(endpoint, request)
    while True:
        try:
            async with asyncio.timeout(QUIET_SECONDS if board.is_connected else None):
                event = await anext(events)
        except TimeoutError:
            return
        if board.take(event) or board.outage:
            await events.aclose()  # type: ignore[attr-defined]  # an async generator
            return
