"""`readpool report`: what support needs of a cluster in one archive, with its secrets taken out."""

import asyncio
import io
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from readpool.cli.clients.endpoint import Endpoint, build_endpoint, tls_options
from readpool.cli.clients.observer_client import ObserverError
from readpool.cli.fleets.board import Board, build_list
from readpool.cli.fleets.top import gather
from readpool.cli.pools.cluster import Cluster, ask_cluster, cluster_options, find_cluster
from readpool.cli.pools.explain import build_explanation
from readpool.cli.pools.explanation import explain_pool
from readpool.cli.pools.pool_entries import read_entry
from readpool.cli.pools.pools_table import Paper
from readpool.cli.report.bundle import SUFFIXES, Bundle, write_archive
from readpool.cli.report.collect import Collector, Scope, Seen
from readpool.cli.report.summary import build_summary
from readpool.cli.terminal.output import build_document
from readpool.kubernetes.kinds import Manifest
from readpool.pool.scalars import parse_duration
from readpool.text import make_printable
from readpool.timestamps import format_time
from readpool.v1 import observer_pb2 as pb

SCALER_SECONDS = 20.0
_WIDTH = 120


def _parse_hours(_context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Parse a duration, or a plain number of hours, to hours."""
    if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII):
        return float(value)
    try:
        return parse_duration(value) / 3600
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} must be a duration such as 6h, 30m or 1h30m, or a number of hours", param=parameter
        ) from error


@click.command(
    context_settings={"max_content_width": 100},
    epilog="""\b
Examples:
  readpool report -A
  readpool report -n stellar --pool readers -f readers.zip
  kubectl port-forward -n readpool service/readpool-scaler 9090 &
  readpool report -A --scaler localhost:9090 --since 6h --tls-ca ca.crt --tls-cert tls.crt \\
      --tls-key tls.key --tls-server-name readpool-scaler.readpool""",
)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Archive to write, .tar.gz or .zip.  [default: readpool-report-TIME.tar.gz]",
)
@click.option("-A", "--all-namespaces", is_flag=True, help="The pools of all namespaces.")
@click.option("--pool", metavar="NAME", help="Only this pool.")
@click.option(
    "--system-namespace", metavar="NS", help="Where scaler and controller run; by default they are looked for."
)
@click.option(
    "--since",
    callback=_parse_hours,
    default="1h",
    show_default=True,
    metavar="DURATION",
    help="How far back logs go, such as 6h or 30m; a plain number is hours, 0 leaves them out.",
)
@click.option(
    "--scaler",
    envvar="READPOOL_SCALER",
    show_envvar=True,
    metavar="HOST:PORT",
    help="Ask this scaler for all that it sees; without it, the report has the pools' status alone.",
)
@cluster_options
@tls_options
def report(  # noqa: PLR0913 - one argument an option, as click passes them
    *,
    path: Path | None,
    all_namespaces: bool,
    pool: str | None,
    system_namespace: str | None,
    since: float,
    scaler: str | None,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    **tls: Path | str | None,
) -> None:
    """Write a support bundle: pools, what they own, events, and the programs' logs and metrics.

    Secrets are not read. Seeds, private keys, tokens, passwords and credentials in URLs are taken out of everything
    else. What you may not read is left out and listed in summary.md. The archive can be read by its owner alone.

    The exit code is 0 if the archive was written, even if something could not be read.
    """
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    path = path or Path(f"readpool-report-{stamp}.tar.gz")
    if not path.name.endswith(SUFFIXES):
        raise click.UsageError(f"--file {path} must end with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
    if path.exists():
        raise click.UsageError(f"--file {path} exists already.")
    endpoint = build_endpoint(scaler, **tls) if scaler else None
    cluster = find_cluster(kubeconfig, context, namespace)
    scope = Scope(None if all_namespaces else cluster.namespace, pool, system_namespace, round(since * 3600))
    bundle = Bundle()
    seen = asyncio.run(_collect(cluster, scope, bundle, endpoint))
    _close(bundle, seen, now)
    try:
        write_archive(path, f"readpool-report-{stamp}", bundle.files, now)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error
    for unread in bundle.unread:
        click.echo(make_printable(f"Not in the report: {unread.what}: {unread.why}"), err=True)
    count = f"{len(seen.pools)} pool" if len(seen.pools) == 1 else f"{len(seen.pools)} pools"
    click.echo(f"{path}: {len(bundle.files)} files about {count}. Read it before you send it.")
    sys.exit(0)


async def _collect(cluster: Cluster, scope: Scope, bundle: Bundle, endpoint: Endpoint | None) -> Seen:
    async with ask_cluster(cluster) as client:
        seen = await Collector(client, bundle, scope).collect()
    for manifest in seen.pools:
        _explain(manifest, bundle)
    if endpoint is None:
        bundle.miss("what the scaler sees", "no --scaler was given")
    else:
        await _ask_scaler(endpoint, bundle)
    return seen


def _explain(manifest: Manifest, bundle: Bundle) -> None:
    entry = read_entry(manifest)
    folder = f"pools/{entry.namespace}/{entry.name}"
    if entry.pool is None:
        bundle.add_text(f"{folder}/explanation.txt", f"{entry.problem}\n")
        return
    view = build_explanation(entry.pool, explain_pool(entry.pool, None), Paper(_WIDTH, time.time()))
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    with console.capture() as drawn:
        console.print(view)
    bundle.add_text(f"{folder}/explanation.txt", drawn.get())


async def _ask_scaler(endpoint: Endpoint, bundle: Bundle) -> None:
    board = Board(endpoint.address)
    try:
        async with asyncio.timeout(SCALER_SECONDS):
            await gather(endpoint, pb.WatchRequest(fleets=pb.Fleets()), board)
    except (ObserverError, OSError, TimeoutError) as error:
        bundle.miss("what the scaler sees", str(error) or f"no answer within {SCALER_SECONDS:.0f} s")
        return
    if board.outage:
        bundle.miss("what the scaler sees", board.outage.removesuffix(" Trying again."))
    else:
        bundle.add_document("scaler/fleets.json", build_list(board))


def _close(bundle: Bundle, seen: Seen, now: float) -> None:
    """Add the page and the index, which list everything else."""
    unread: list[dict[str, Any]] = [{"what": one.what, "why": one.why} for one in bundle.unread]
    names = [*bundle.files, "index.json", "summary.md"]
    index = build_document(
        "Report",
        createdAt=format_time(now),
        version=_find_version(),
        pools=[f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in seen.pools],
        files=sorted(names),
        unread=unread,
    )
    summary = build_summary(
        now, _find_version(), seen.version, seen.pools, seen.program_pods, bundle.unread, sorted(names)
    )
    bundle.add_document("index.json", index)
    bundle.add_text("summary.md", summary)


def _find_version() -> str:
    try:
        return version("readpool")
    except PackageNotFoundError:
        return "unknown"
