"""`readpool pools`: a cluster's pools as `kubectl get` would list them, with how far behind each replica is."""

import asyncio
import json
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
from readpool.cli.terminal.page import print_page
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POOL

REFRESH_SECONDS = 2.0


@dataclass(slots=True)
class Shelf:
    """The pools as last listed, and what keeps them from being listed anew.

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
        """List the pools anew.

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
        return Group(Text(remark, "yellow"), table) if remark else table

    def say_none(self) -> str:
        """Say that there is nothing to list."""
        where = "in the cluster" if self.namespace is None else f"in namespace {self.namespace}"
        return f"No pool {self.name} {where}." if self.name else f"No pools {where}."


@click.command(
    epilog="""\b
Examples:
  readpool pools                        the pools of the context's namespace
  readpool pools -A                     those of all namespaces
  readpool pools readers -n stellar -r  with a line a replica
  readpool pools -A --watch             again every two seconds
  readpool pools -A -o json | jq '.items[].status.conditions'"""
)
@click.argument("pool", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="The pools of all namespaces.")
@click.option("-r", "--replicas", is_flag=True, help="A line a replica as well: class, lag, weight.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-w", "--watch", is_flag=True, help="Stay, and show what becomes of them.")
@cluster_options
def pools(
    *,
    pool: str | None,
    all_namespaces: bool,
    replicas: bool,
    output: str,
    watch: bool,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """List pools: how many replicas are ready and fresh, how far behind each is, and how the pool is.

    REPLICAS' LAG has a cell a replica, as high as it is behind; full is twice the pool's lagThreshold. WORST is the bar
    of the one furthest behind, with the threshold in its middle. All of it is what the controller wrote to the pools.
    """
    console = Console()
    if watch and (output == "json" or not console.is_terminal):
        raise click.UsageError("--watch draws a table in a terminal; for a pipe there is `kubectl get rop --watch`.")
    cluster = find_cluster(kubeconfig, context, namespace)
    shelf = Shelf(None if all_namespaces else cluster.namespace, pool, replicas)
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_show(console, cluster, shelf) if watch else _print(console, cluster, shelf, output)))


async def _print(console: Console, cluster: Cluster, shelf: Shelf, output: str) -> int:
    async with ask_cluster(cluster) as client:
        await shelf.refresh(client)
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": shelf.manifests}, indent=2))
    elif not shelf.manifests:
        click.echo(shelf.say_none(), err=True)
    else:
        print_page(console, shelf.build)
    return 1 if shelf.name and not shelf.manifests else 0


async def _show(console: Console, cluster: Cluster, shelf: Shelf) -> int:
    async with ask_cluster(cluster) as client:
        await shelf.refresh(client)

        def render() -> RenderableType:
            return shelf.build(width=console.width, ascii_only=console.options.ascii_only)

        with Live(get_renderable=render, console=console, screen=True, refresh_per_second=2):
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                await _try_again(client, shelf)


async def _try_again(client: KubernetesClient, shelf: Shelf) -> None:
    """List anew; while that fails, what was listed last stays, and a sentence says why."""
    try:
        await shelf.refresh(client)
    except ApiError as error:
        shelf.outage = f"{say_refusal(error)} What follows is of {time.time() - shelf.listed_at:.0f} s ago."
