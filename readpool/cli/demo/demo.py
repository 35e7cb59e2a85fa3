"""`readpool demo`: from what was asked for to a story in the terminal, a report, and an exit code."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.live import Live

from readpool.cli.clients.observer_client import ObserverError
from readpool.cli.demo.demo_lines import Lines, build_summary
from readpool.cli.demo.demo_plan import DemoPlan, PlanError, build_plan
from readpool.cli.demo.demo_report import Verdict, build_report, judge
from readpool.cli.demo.demo_run import play
from readpool.cli.demo.demo_stage import Stage
from readpool.cli.demo.demo_view import build_view
from readpool.cli.demo.scaler_process import ScalerError
from readpool.simulator.core_process import CoreError

LINE_SECONDS = 0.1
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended."""


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  readpool demo
  readpool demo --nodes 20 --seconds 180
  readpool demo --headless --report report.json
  readpool demo --core ./stellar-core --seconds 180""",
)
@click.option("--nodes", type=int, default=3, show_default=True, help="Target number of replicas.")
@click.option("--seconds", type=float, default=90.0, show_default=True, help="Time limit.")
@click.option(
    "--headless", is_flag=True, help="Print a plain line per change; the default if the output is not a terminal."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the timeline and the verdict to this file, as JSON.",
)
@click.option(
    "--core",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run real processes of this stellar-core binary; the fault is then SIGSTOP.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all random numbers of the simulation.")
def demo(*, nodes: int, seconds: float, headless: bool, report: Path | None, core: Path | None, seed: int) -> None:
    """Show a pool that heals itself, on this machine: no cluster, no root, nothing left behind.

    A pool of Stellar Core nodes is at its target, all fresh. One falls behind. Once that has lasted, the real scaler
    asks for one more, and a stand-in for KEDA and the HPA, which makes the same gRPC calls and calculates by the same
    rules, grows the pool. The new replica catches up, the lagging one recovers, and the pool shrinks back.

    The exit code is 0 if that happened within --seconds.
    """
    if report is not None and not report.parent.is_dir():
        raise click.UsageError(f"--report {report}: the folder {report.parent} does not exist.")
    try:
        plan = build_plan(nodes, seconds, is_core=core is not None)
    except PlanError as error:
        raise click.UsageError(str(error)) from error
    sys.exit(asyncio.run(_perform(plan, core, seed, headless=headless, report=report)))


async def _perform(plan: DemoPlan, core: Path | None, seed: int, *, headless: bool, report: Path | None) -> int:
    loop = asyncio.get_running_loop()
    began = loop.time()
    stage = Stage(plan, lambda: loop.time() - began)
    console = Console(highlight=False)
    failure, code = await _play_to_end(stage, core, seed, console, is_plain=headless or not console.is_interactive)
    verdict = (
        Verdict(ok=False, why=failure)
        if failure
        else judge(stage.timeline, target=plan.nodes, maximum=plan.maximum, seconds=plan.seconds)
    )
    for line in build_summary(stage, verdict):
        console.print(line, markup=False, soft_wrap=not console.is_terminal)
    if report is not None:
        _write_report(report, stage, verdict, seed)
    return code or int(not verdict.ok)


def _write_report(path: Path, stage: Stage, verdict: Verdict, seed: int) -> None:
    plan = stage.plan
    settings = {"nodes": plan.nodes, "seconds": plan.seconds, "seed": seed, "core": plan.is_core}
    path.write_text(json.dumps(build_report(stage.timeline, verdict, stage.story, settings), indent=1) + "\n")


async def _play_to_end(
    stage: Stage, core: Path | None, seed: int, console: Console, *, is_plain: bool
) -> tuple[str, int]:
    """Play and show; why it failed, empty when it was played, and the exit code that goes with a failure."""
    playing = asyncio.ensure_future(play(stage, core, seed))
    _cancel_on_signals(playing)
    try:
        await (_show_lines(stage, playing) if is_plain else _show_live(stage, playing, console))
        await playing
    except asyncio.CancelledError:
        return "Interrupted.", INTERRUPTED
    except (ScalerError, ObserverError, CoreError, OSError) as error:
        return str(error), 1
    return "", 0


def _cancel_on_signals(playing: asyncio.Future[None]) -> None:
    """End the story in order on any request to end, so that nothing it started outlives it."""
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        for number in ENDING_SIGNALS:  # a second Ctrl-C must not cut the clearing up short, which takes seconds at most
            loop.add_signal_handler(number, lambda: None)
        playing.cancel()

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, cancel)


async def _show_lines(stage: Stage, playing: asyncio.Future[None]) -> None:
    lines = Lines(stage)
    while True:
        await asyncio.wait([playing], timeout=LINE_SECONDS)
        for line in lines.read():
            click.echo(line)
        if playing.done():
            return


async def _show_live(stage: Stage, playing: asyncio.Future[None], console: Console) -> None:
    def render() -> RenderableType:
        return build_view(stage, width=console.width, height=console.height, ascii_only=console.options.ascii_only)

    with Live(get_renderable=render, console=console, refresh_per_second=5):
        await asyncio.wait([playing])
