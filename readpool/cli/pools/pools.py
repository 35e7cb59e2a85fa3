"""`readpool pools`: a cluster's pools as `kubectl get` would list them, with how far behind each replica is."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from readpool.cli.pools.cluster import Cluster, ask_cluster, cluster_options, find_cluster, say_refusal
from readpool.cli.pools.pool_entries import read_entries
from readpool.cli.pools.pools_table import Paper, build_pools
from readpool.cli.terminal.output import Output, output_option, print_data
from readpool.cli.terminal.page import print_page
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POOL
from readpool.text import make_printable

REFRESH_SECONDS = 2.0
NAME_PREFIX = f"{POOL.name.lower()}.{POOL.group}"


@dataclass(slots=True)
class Listing:
    """The pools as last listed, and what keeps them from being listed again.

    Attributes:
        namespace: None for all.
    """

    namespace: str | None
    name: str | None
    with_replicas: bool
    manifests: Sequence[Mapping[str, Any]] = ()
    outage: str = ""
    listed_at: float = field(default=0.0)

    async def refresh(self, client: KubernetesClient) -> None:
        """List the pools again.

        Raises:
            ApiError: the cluster refuses, or does not answer.
        """
        found, _ = await client.list(POOL, self.namespace)
        self.manifests = [one for one in found if self.name in {None, one["metadata"]["name"]}]
        self.outage, self.listed_at = "", time.time()

    def build(self, *, width: int, ascii_only: bool) -> RenderableType:
        """Build the view."""
        paper = Paper(width, time.time(), ascii_only)
        table = build_pools(
            read_entries(self.manifests),
            paper,
            with_namespace=self.namespace is None,
            with_replicas=self.with_replicas,
        )
        remark = self.outage or ("" if self.manifests else self.say_none())
        return Group(Text(make_printable(remark), "yellow"), table) if remark else table

    def say_none(self) -> str:
        """Return the sentence for an empty list."""
        where = "in the cluster" if self.namespace is None else f"in namespace {self.namespace}"
        return f"No pool {self.name} {where}." if self.name else f"No pools {where}."

    def list_names(self) -> list[str]:
        """Return the names as `kubectl get -o name` prints them."""
        return [f"{NAME_PREFIX}/{entry.name}" for entry in read_entries(self.manifests)]


@click.command(
    context_settings={"max_content_width": 100},
    epilog="""\b
Examples:
  readpool pools                        the pools of the context's namespace
  readpool pools -A                     those of all namespaces
  readpool pools readers -n stellar -r  with a line per replica
  readpool pools -A --watch             refreshed every two seconds
  readpool pools -A -o wide             all columns, however narrow the terminal
  readpool pools -A -o json | jq '.items[].status.conditions'""",
)
@click.argument("pool", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="List the pools of all namespaces.")
@click.option("-r", "--replicas", is_flag=True, help="Add a line per replica: class, lag, weight.")
@output_option()
@click.option("-w", "--watch", is_flag=True, help="Stay, and refresh the table every two seconds.")
@cluster_options
def pools(
    *,
    pool: str | None,
    all_namespaces: bool,
    replicas: bool,
    output: Output,
    watch: bool,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """List pools: how many replicas are ready and fresh, how far behind each is, and the pool's status.

    REPLICAS' LAG has a cell per replica, as high as its lag; a full one is twice the pool's lagThreshold or more. WORST
    is the bar of the replica furthest behind, with the threshold in its middle. All of it comes from the pools' status.

    The exit code is 1 if POOL does not exist.
    """
    console = Console()
    if watch and (output is not Output.TABLE or not console.is_interactive):
        raise click.UsageError("--watch draws a table in a terminal; for a pipe there is `kubectl get rop --watch`.")
    cluster = find_cluster(kubeconfig, context, namespace)
    listing = Listing(None if all_namespaces else cluster.namespace, pool, replicas)
    with suppress(KeyboardInterrupt):
        work = _show(console, cluster, listing) if watch else _print(console, cluster, listing, output)
        sys.exit(asyncio.run(work))


async def _print(console: Console, cluster: Cluster, listing: Listing, output: Output) -> int:
    async with ask_cluster(cluster) as client:
        await listing.refresh(client)
    if output.is_data:
        print_data({"apiVersion": "v1", "kind": "List", "items": listing.manifests}, output)
    elif not listing.manifests:
        click.echo(listing.say_none(), err=True)
    elif output is Output.NAME:
        click.echo("\n".join(listing.list_names()))
    else:
        print_page(console, listing.build, wide=output is Output.WIDE)
    return 1 if listing.name and not listing.manifests else 0


async def _show(console: Console, cluster: Cluster, listing: Listing) -> int:
    async with ask_cluster(cluster) as client:
        await listing.refresh(client)

        def render() -> RenderableType:
            return listing.build(width=console.width, ascii_only=console.options.ascii_only)

        with Live(get_renderable=render, console=console, screen=True, refresh_per_second=2):
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                await _try_again(client, listing)


async def _try_again(client: KubernetesClient, listing: Listing) -> None:
    """List again; while that fails, the last list stays, and a sentence says why."""
    try:
        await listing.refresh(client)
    except ApiError as error:
        age = time.time() - listing.listed_at
        listing.outage = f"{say_refusal(error)} What follows is {age:.0f} s old."
