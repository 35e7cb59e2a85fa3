"""The first page of a report: versions, pools and what needs attention, and what could not be read. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from readpool.cli.pools.pool_entries import PoolEntry, read_entries, say_state
from readpool.cli.report.bundle import Unread
from readpool.cli.report.sources import find_images
from readpool.pool.condition_types import is_good
from readpool.text import make_printable
from readpool.timestamps import format_time

_WARNING = "Secrets, seeds, keys, tokens and passwords are taken out; read it yourself before you send it."


def build_summary(
    at: float,
    version: str,
    cluster: Mapping[str, Any],
    pools: Sequence[Mapping[str, Any]],
    program_pods: Sequence[Mapping[str, Any]],
    unread: Sequence[Unread],
    files: Sequence[str],
) -> str:
    """Build the page, in Markdown."""
    lines = [
        "# readpool report",
        "",
        f"Made {format_time(at)} by `readpool report`, version {version}. {_WARNING}",
        "",
        "## Versions",
        "",
        f"- Kubernetes: {cluster.get('gitVersion', 'not known')}",
        *(f"- {name}: {image}" for name, found in sorted(find_images(program_pods).items()) for image in sorted(found)),
        "",
        "## Pools",
        "",
        *_list_pools(read_entries(pools)),
        "",
        "## Could not be read",
        "",
        *([f"- {one.what}: {one.why}" for one in unread] or ["Everything could be read."]),
        "",
        "## Files",
        "",
        *(f"- {name}" for name in sorted(files)),
    ]
    return "\n".join(make_printable(line) for line in lines) + "\n"


def _list_pools(entries: Sequence[PoolEntry]) -> Iterator[str]:
    if not entries:
        yield "None."
        return
    yield "| pool | network | Core | status | fresh | ready | desired |"
    yield "|---|---|---|---|---|---|---|"
    for entry in entries:
        if entry.pool is None:
            yield f"| {entry.namespace}/{entry.name} | | | {say_state(entry)} | | | |"
            continue
        spec, status = entry.pool.spec, entry.pool.status
        yield (
            f"| {entry.namespace}/{entry.name} | {spec.network} | {spec.version} | {say_state(entry)}"
            f" | {status.fresh_replicas}/{spec.target_replicas} | {status.ready_replicas}/{status.current_replicas}"
            f" | {'-' if status.desired_replicas is None else status.desired_replicas} |"
        )
    yield ""
    told = [line for entry in entries for line in _list_troubles(entry)]
    yield from told or ["No condition needs attention."]


def _list_troubles(entry: PoolEntry) -> Iterator[str]:
    name = f"{entry.namespace}/{entry.name}"
    if entry.pool is None:
        yield f"- {name}: {entry.problem}"
        return
    for condition in entry.pool.status.conditions:
        if not is_good(condition):
            yield f"- {name}: {condition.type} is {condition.status} ({condition.reason}): {condition.message}"
