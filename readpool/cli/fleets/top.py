"""`readpool top`: what a scaler sees, live in a terminal, or once. All of it comes from Observer.Watch."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.live import Live

from readpool.cli.clients.endpoint import Endpoint, build_endpoint, tls_options
from readpool.cli.clients.observer_client import ObserverError, watch
from readpool.cli.fleets.board import Board, build_board, build_list
from readpool.cli.terminal.fleet_table import SORTS
from readpool.cli.terminal.output import Output, output_option, print_data
from readpool.cli.terminal.page import print_page
from readpool.text import make_printable
from readpool.v1 import observer_pb2 as pb

# A scaler sends every fleet it has at once; after this much silence it has none to add.
QUIET_SECONDS = 0.5


@click.command(
    context_settings={"max_content_width": 100},
    epilog="""\b
Examples:
  kubectl exec -it -n readpool deploy/readpool-scaler -- readpool top
  readpool top --namespace stellar --fleet core-nodes
  readpool top --once | grep lagging
  readpool top --sort lag
  readpool top --sort latency
  readpool top -o json | jq '.items[] | {name, desiredReplicas, reason}'
  readpool top --scaler scaler:9090 --tls-ca ca.crt --tls-cert tls.crt --tls-key tls.key""",
)
@click.option(
    "--scaler",
    default="localhost:9090",
    envvar="READPOOL_SCALER",
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT",
    help="Address of the scaler.",
)
@click.option("--fleet", metavar="NAME", help="Show only this fleet: NAMESPACE/NAME, or NAME alone.")
@click.option("-n", "--namespace", default="", metavar="NS", help="Show only fleets of this namespace.")
@click.option(
    "--sort",
    type=click.Choice(list(SORTS)),
    help="Sort replicas, the worst first.  [default: name, or class where not all fit]",
)
@click.option("--once", is_flag=True, help="Print once and exit; the default if the output is not a terminal.")
@output_option()
@tls_options
def top(
    *,
    scaler: str,
    fleet: str | None,
    namespace: str,
    sort: str | None,
    once: bool,
    output: Output,
    **tls: Path | str | None,
) -> None:
    """Show what a scaler sees: every fleet's tip, size and reason, every replica's class, lag and readers.

    The bar shows how far a replica is behind; the mark in its middle is the lag threshold. "rate" is of ledgers;
    "requests", "p90" and "errors" are what readers met with over the last minute, where gates report it. Any --output
    but table implies --once. With --once, the exit code is 0 if the scaler answers and observes the fleet that --fleet
    names.
    """
    endpoint = build_endpoint(scaler, **tls)
    request = pb.WatchRequest(fleets=pb.Fleets(namespace=namespace))
    board = Board(scaler, wanted=fleet, sort=sort or "")
    is_once = once or output is not Output.TABLE
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_run(endpoint, request, board, output, once=is_once)))


async def _run(endpoint: Endpoint, request: pb.WatchRequest, board: Board, output: Output, *, once: bool) -> int:
    console = Console()
    try:
        if once or not console.is_interactive:  # a dumb terminal cannot redraw
            return await _print_once(console, endpoint, request, board, output)
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


async def _print_once(
    console: Console, endpoint: Endpoint, request: pb.WatchRequest, board: Board, output: Output
) -> int:
    await gather(endpoint, request, board)
    if board.outage or board.is_missing:
        click.echo(make_printable(board.remark().removesuffix(" Trying again.")), err=True)
        return 1
    if output.is_data:
        print_data(build_list(board), output)
    elif output is Output.NAME:
        for fleet in board.chosen():
            click.echo(make_printable(fleet.fleet))
    else:
        print_page(
            console,
            lambda *, width, ascii_only: build_board(board, width=width, height=None, ascii_only=ascii_only),
            wide=output is Output.WIDE,
        )
    return 0


async def gather(endpoint: Endpoint, request: pb.WatchRequest, board: Board) -> None:
    """Record events until an outage, a fleet's second snapshot, or silence once connected."""
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
