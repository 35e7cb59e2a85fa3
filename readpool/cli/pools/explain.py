"""`readpool explain POOL`: why does a pool have its size? From its spec and status, and from the scaler if named."""

import asyncio
import time
from contextlib import aclosing
from difflib import get_close_matches
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from readpool.cli.clients.endpoint import Endpoint, build_endpoint, tls_options
from readpool.cli.clients.observer_client import ObserverError, Outage, watch
from readpool.cli.pools.cluster import Cluster, ask_cluster, cluster_options, find_cluster
from readpool.cli.pools.explanation import Explanation, ScalerWord, explain_pool
from readpool.cli.pools.explanation_document import describe_explanation
from readpool.cli.pools.pools_table import Paper, build_replicas
from readpool.cli.terminal.output import Output, output_option, print_data
from readpool.cli.terminal.page import print_page
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import POOL, Manifest
from readpool.pool.condition_types import is_good
from readpool.pool.errors import PoolError
from readpool.pool.spec import ReadOnlyPool, parse_pool
from readpool.text import make_printable
from readpool.v1 import observer_pb2 as pb

SCALER_SECONDS = 10.0
MAX_REPLICA_ROWS = 20
MAX_NAMES = 10
HINT = "This is from the pool's status. For the scaler's own reason: --scaler localhost:9090 in a scaler's pod."


@click.command(
    context_settings={"max_content_width": 100},
    epilog="""\b
Examples:
  readpool explain readers -n stellar
  kubectl exec -n readpool deploy/readpool-scaler -- \\
      readpool explain readers -n stellar --scaler localhost:9090
  readpool explain readers -n stellar -o json | jq -r '.sentences[]'""",
)
@click.argument("pool")
@click.option(
    "--scaler",
    envvar="READPOOL_SCALER",
    show_envvar=True,
    metavar="HOST:PORT",
    help="Ask this scaler for its own reasons; by default they come from the pool's status.",
)
@output_option()
@cluster_options
@tls_options
def explain(
    *,
    pool: str,
    scaler: str | None,
    output: Output,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    **tls: Path | str | None,
) -> None:
    """Explain why a pool has its size: the deciding sentence, the numbers behind it, and what is wrong with the pool.

    The exit code is 0 if the pool exists, even if something is wrong with it.
    """
    endpoint = build_endpoint(scaler, **tls) if scaler else None
    cluster = find_cluster(kubeconfig, context, namespace)
    asyncio.run(_explain(cluster, pool, endpoint, output))


async def _explain(cluster: Cluster, name: str, endpoint: Endpoint | None, output: Output) -> None:
    async with ask_cluster(cluster) as client:
        manifest = await find_pool(client, cluster.namespace, name)
    try:
        pool = parse_pool(manifest)
    except PoolError as error:
        raise click.ClickException(f"{cluster.namespace}/{name} is invalid: {error}") from error
    word, remark = await ask_scaler(endpoint, pool) if endpoint else (None, "")
    told = explain_pool(pool, word)
    if output.is_data:
        print_data(describe_explanation(manifest, pool, told, remark, is_from_scaler=word is not None), output)
        return
    if output is Output.NAME:
        click.echo(f"{POOL.name.lower()}.{POOL.group}/{name}")
        return

    def build(*, width: int, ascii_only: bool) -> RenderableType:
        paper = Paper(width, time.time(), ascii_only)
        return build_explanation(pool, told, paper, remark=remark, hint=endpoint is None)

    print_page(Console(), build, wide=output is Output.WIDE)


async def find_pool(client: KubernetesClient, namespace: str, name: str) -> Manifest:
    """Find a pool in the cluster.

    Raises:
        click.ClickException: it is not there; the sentence names some that are.
        ApiError: the cluster refuses, or knows no pools.
    """
    listed, _ = await client.list(POOL, namespace)  # a Role that allows list may not allow get, such as the scaler's
    pools = {one["metadata"]["name"]: one for one in listed}
    if name in pools:
        return pools[name]
    names = sorted(pools)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    there = f"there is {', '.join(names[:MAX_NAMES])}{more}" if names else "there are none; see `readpool pools -A`"
    near = get_close_matches(name, pools, n=1) if more else []
    meant = f" Did you mean {near[0]}?" if near else ""
    raise click.ClickException(f"No pool {name} in namespace {namespace}; {there}.{meant}")


async def ask_scaler(endpoint: Endpoint, pool: ReadOnlyPool) -> tuple[ScalerWord | None, str]:
    """Ask a scaler for its first report on a pool; if there is none, return a sentence that says why."""
    request = pb.WatchRequest(pool=pb.Pool(namespace=pool.namespace, name=pool.name))
    try:
        async with asyncio.timeout(SCALER_SECONDS), aclosing(watch(endpoint, request)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, pb.Snapshot):
                    return read_word(event, time.time()), ""
                if isinstance(event, Outage):
                    return None, event.sentence.removesuffix(" Trying again.")
    except ObserverError as error:
        return None, f"The scaler at {error}"
    except TimeoutError:
        return None, f"The scaler at {endpoint.address} did not report within {SCALER_SECONDS:.0f} s."
    except OSError as error:
        raise click.ClickException(f"The scaler at {endpoint.address} cannot be asked: {error}") from error
    return None, f"The scaler at {endpoint.address} did not report."


def read_word(snapshot: pb.Snapshot, now: float) -> ScalerWord:
    """Read the scaler's decision from a snapshot."""
    decision = snapshot.decision
    return ScalerWord(
        desired=decision.desired_replicas if decision.HasField("desired_replicas") else None,
        reason=decision.reason,
        message=decision.message,
        unhealthy=decision.unhealthy,
        catching_up=decision.catching_up,
        replicas_for_load=decision.replicas_for_load,
        age_seconds=now - snapshot.at,
    )


def build_explanation(
    pool: ReadOnlyPool, told: Explanation, paper: Paper, *, remark: str = "", hint: bool = False
) -> RenderableType:
    """Build the whole view: the sentences, the sum, the conditions, the replicas."""
    parts: list[RenderableType] = [
        Text.assemble((make_printable(f"{pool.namespace}/{pool.name}"), "bold"), "  ", make_printable(_say_kind(pool)))
    ]
    parts += [Text(make_printable(sentence)) for sentence in told.sentences]
    parts += [Text(make_printable(f"{remark} This is from the pool's status."), "yellow")] if remark else []
    parts += [Text(""), _build_steps(told), Text(""), _build_conditions(pool)]
    if pool.status.replica_weights:
        parts += [Text(""), build_replicas(pool, paper, most=MAX_REPLICA_ROWS)]
    return Group(*parts, *([Text(f"\n{HINT}", "dim")] if hint else []))


def _say_kind(pool: ReadOnlyPool) -> str:
    ledger = pool.status.network_latest_ledger
    tip = "tip unknown" if ledger is None else f"tip {ledger:,}"
    what = pool.spec.version or str(pool.spec.workload_ref)
    return f"{pool.spec.network} {what}, {tip}"


def _build_steps(told: Explanation) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", min_width=4, no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim")
    for step in told.steps:
        table.add_row(*(Text(make_printable(words)) for words in (step.figure, step.name, step.text)))
    return table


def _build_conditions(pool: ReadOnlyPool) -> RenderableType:
    """Build a row per condition; those that need attention stand out."""
    if not pool.status.conditions:
        return Text("No controller has reconciled this pool yet.", "yellow")
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in ("type", "status", "reason"):
        table.add_column(no_wrap=True)
    table.add_column()
    for condition in pool.status.conditions:
        style = "" if is_good(condition) else "yellow"
        words = (condition.type, condition.status, condition.reason, condition.message)
        table.add_row(*(Text(make_printable(str(word)), style) for word in words))
    return table
