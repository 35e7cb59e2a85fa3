"""`readpool backtest`: replay what a pool lived through for other settings, and recommend one."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from readpool.cli.backtest.advice import DEFAULT_PRICE
from readpool.cli.backtest.grid import MAX_SETTINGS, build_grid
from readpool.cli.backtest.history import History, HistoryError, Sample, Setting, build_history
from readpool.cli.backtest.history_csv import COLUMNS, format_csv, parse_csv
from readpool.cli.backtest.history_prometheus import Span, fetch_history
from readpool.cli.backtest.page import build_page
from readpool.cli.backtest.reconstruction import Reconstruction, reconstruct
from readpool.cli.backtest.replay import Outcome, replay
from readpool.cli.backtest.report import build_json, build_report
from readpool.cli.backtest.terminal import build_report_view
from readpool.cli.terminal.page import print_page

_DAY_SECONDS = 86_400.0


def _parse_numbers(_context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    if not value:
        return ()
    parts = value.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(
            f"{value!r} must be whole numbers with commas between them, such as 5,6,7", param=parameter
        )
    return tuple(int(part) for part in parts)


@click.command(
    epilog=f"""\b
Examples:
  readpool backtest --prometheus http://localhost:9090 --pool stellar/readers --days 30
  readpool backtest --prometheus https://prometheus.example --token-file token \\
      --pool stellar/readers --targets 5,6,7 --page report.html
  readpool backtest --csv history.csv --pool readers --target-replicas 5 --lag-threshold 12

The columns of a CSV file: {COLUMNS}."""
)
@click.option("--prometheus", metavar="URL", help="Read the history from this Prometheus (or Thanos, Mimir).")
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Or from this file."
)
@click.option("--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Bearer token for it.")
@click.option(
    "--pool", required=True, metavar="NS/NAME", help="The pool, as the label `fleet` of its metrics names it."
)
@click.option("--days", default=30.0, show_default=True, type=click.FloatRange(0.25, 90.0), help="Days back from now.")
@click.option(
    "--step", default=60.0, show_default=True, type=click.FloatRange(15.0, 300.0), help="Seconds between samples."
)
@click.option(
    "--target-replicas", "target", type=click.IntRange(1, 5000), help="The pool's targetReplicas; needed with --csv."
)
@click.option(
    "--min-replicas",
    "minimum",
    type=click.IntRange(0, 5000),
    help="Its minReplicas.  [default: 3, or the target if lower]",
)
@click.option(
    "--max-replicas",
    "maximum",
    type=click.IntRange(1, 5000),
    help="Its maxReplicas.  [default: 20, or the target if higher]",
)
@click.option("--lag-threshold", type=click.IntRange(1, 100_000), help="Its lagThreshold.  [default: 12]")
@click.option("--targets", metavar="N,N", callback=_parse_numbers, help="Targets to try.")
@click.option(
    "--spares",
    metavar="N,N",
    callback=_parse_numbers,
    help="Spares to try: fresh replicas beyond the pool's own target.",
)
@click.option("--lag-thresholds", metavar="N,N", callback=_parse_numbers, help="Lag thresholds to try.")
@click.option(
    "--price",
    default=DEFAULT_PRICE,
    show_default=True,
    type=click.FloatRange(0.0),
    help="Replica-hours that an hour below the target is worth to you.",
)
@click.option(
    "--capacity", type=click.FloatRange(0.001), help="Requests/s that one replica serves.  [default: measured]"
)
@click.option(
    "--warm-up", type=click.FloatRange(1.0), help="Seconds until a new replica is fresh.  [default: measured]"
)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as an HTML page too.")
@click.option("--save-csv", type=click.Path(path_type=Path, dir_okay=False), help="Write the history that was read.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes to use.  [default: one a processor]")
def backtest(  # noqa: PLR0913 - a command has as many arguments as options
    *,
    prometheus: str | None,
    csv_file: Path | None,
    token_file: Path | None,
    pool: str,
    days: float,
    step: float,
    target: int | None,
    minimum: int | None,
    maximum: int | None,
    lag_threshold: int | None,
    targets: tuple[int, ...],
    spares: tuple[int, ...],
    lag_thresholds: tuple[int, ...],
    price: float,
    capacity: float | None,
    warm_up: float | None,
    output: str,
    page: Path | None,
    save_csv: Path | None,
    jobs: int | None,
) -> None:
    """Replay a pool's past for other settings: what would it have cost, and how fresh would reads have been?

    The pool's request rate, size and lag are read from Prometheus or a CSV file. Each setting is then scaled by the
    real policy and weighted by the real weights. First the pool's own setting is replayed and compared with what was
    observed; only where the two agree is a setting recommended.
    """
    if (prometheus is None) == (csv_file is None):
        raise click.UsageError("Name one source: --prometheus URL or --csv FILE.")
    if csv_file is not None and target is None:
        raise click.UsageError(
            "With --csv, name the pool's own --target-replicas (and --min-replicas, --max-replicas, --lag-threshold)."
        )
    console = Console(stderr=True)
    given = Setting(
        target or 0, minimum if minimum is not None else -1, maximum or 0, lag_threshold or 0
    )  # what is 0 or -1 was not given
    try:
        if csv_file is not None:
            samples, own = parse_csv(csv_file.read_text(encoding="utf-8")), _complete(given)
        else:
            samples, told = _fetch(console, str(prometheus), pool, days, step, token_file)
            own = _complete(given, told)
        if save_csv is not None:
            save_csv.write_text("".join(format_csv(samples)), encoding="utf-8")
        history = build_history(samples, own)
        grid = build_grid(own, targets, spares, lag_thresholds)
    except (HistoryError, UnicodeDecodeError) as error:
        raise click.ClickException(str(error)) from error
    if len(grid) > MAX_SETTINGS:
        raise click.UsageError(f"{len(grid)} settings; at most {MAX_SETTINGS} can be tried at once.")
    past = reconstruct(history, borne=capacity, warm_up_seconds=warm_up)
    outcomes = replay_all(console, past, grid, jobs or cpu_count() or 1)
    _show(pool, history, past, outcomes, price, output=output, page=page)


def _show(
    pool: str,
    history: History,
    past: Reconstruction,
    outcomes: Sequence[Outcome],
    price: float,
    *,
    output: str,
    page: Path | None,
) -> None:
    report = build_report(pool, history, past, outcomes, price)
    if page is not None:
        page.write_text(build_page(report), encoding="utf-8")
    if output == "json":
        click.echo(json.dumps(build_json(report), indent=2))
    else:
        print_page(
            Console(), lambda *, width, ascii_only: build_report_view(report, width=width, ascii_only=ascii_only)
        )
    sys.exit(0 if report.advice.setting is not None else 1)


def _complete(given: Setting, told: Setting | None = None) -> Setting:
    """Choose what was given, else what Prometheus told, else the defaults."""
    target = given.target or (told.target if told else 0)
    minimum = given.minimum if given.minimum >= 0 else told.minimum if told else min(3, target)
    maximum = given.maximum or (told.maximum if told else max(20, target))
    threshold = given.lag_threshold or (told.lag_threshold if told else 12)
    if not minimum <= maximum or target > maximum:
        raise HistoryError(
            f"--min-replicas {minimum}, --target-replicas {target}, --max-replicas {maximum}: "
            "none may be more than the maximum"
        )
    return Setting(target, minimum, maximum, threshold)


def _fetch(
    console: Console, url: str, pool: str, days: float, step: float, token_file: Path | None
) -> tuple[list[Sample], Setting]:
    headers = {"Authorization": f"Bearer {token_file.read_text(encoding='utf-8').strip()}"} if token_file else {}
    end = time.time() // step * step
    span = Span(end - days * _DAY_SECONDS, end, step)

    async def fetch(progress: Progress) -> tuple[list[Sample], Setting]:
        bar = progress.add_task("Reading the history", total=None)
        async with httpx.AsyncClient(headers=headers) as client:
            return await fetch_history(
                client, url, pool, span, lambda done, total: progress.update(bar, completed=done, total=total)
            )

    with _track(console) as progress:
        return asyncio.run(fetch(progress))


def replay_all(console: Console, past: Reconstruction, grid: Sequence[Setting], jobs: int) -> list[Outcome]:
    """Replay the past for each setting, several at once, the largest pools first; return them in the grid's order."""
    with _track(console) as progress:
        bar = progress.add_task("Replaying settings", total=len(grid))
        outcomes = {}
        for outcome in _replay(past, sorted(grid, key=lambda one: -one.target), min(jobs, len(grid))):
            outcomes[outcome.setting] = outcome
            progress.advance(bar)
    return [outcomes[setting] for setting in grid]


def _replay(past: Reconstruction, grid: Sequence[Setting], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from (replay(past, setting) for setting in grid)
        return
    with get_context("spawn").Pool(jobs, initializer=_keep, initargs=(past,)) as workers:
        yield from workers.imap_unordered(_replay_kept, grid)
        workers.close()
        workers.join()


_kept: list[Reconstruction] = []


def _keep(past: Reconstruction) -> None:
    _kept[:] = [past]


def _replay_kept(setting: Setting) -> Outcome:
    return replay(_kept[0], setting)


def _track(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
