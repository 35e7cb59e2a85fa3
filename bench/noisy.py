"""How long a change of class takes to reach the slices while the API server hangs for another tenant's pools.

The controller, on the small API server of the tests, with a scripted scaler over real gRPC. Twelve pools of another
namespace have lost objects, and replicas of theirs change their class as well: each write there hangs for ten seconds,
as behind a webhook that is down, fails, and is tried again. A change's time runs from the moment at which a replica of
the one quiet pool becomes something else until its slices send readers to the fresh ones alone; up to 50 ms of it are
the scripted scaler's, which looks that often. It is measured without that noise first, in the same run.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.quantiles import take_percentile
from devtools.api.small_api import Refusal, Write
from devtools.api.small_cluster import SmallCluster, run_small_cluster
from readpool.kubernetes.kinds import ENDPOINT_SLICE, SERVICE

POOLS = 12
HANGS_SECONDS = 10.0
PAUSE_SECONDS = 0.3
"""Between two changes: a replica's class is not what it was for so long."""
_NOISY = "noisy"


def run(*, quick: bool) -> dict[str, float]:
    """Measure p50 and p99 in milliseconds, quiet and noisy."""
    return asyncio.run(_measure(changes=6 if quick else 100))


async def _measure(changes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with run_small_cluster(Path(folder)) as cluster:
            names = [f"noisy-{number}" for number in range(POOLS)]
            cluster.make("pool")
            for name in names:
                cluster.make(name, _NOISY)
            await cluster.until(lambda: _is_at_rest(cluster, "pool"), "the pool to be at rest")
            for name in names:
                await cluster.until(lambda name=name: _is_at_rest(cluster, name, _NOISY), f"{name} to be at rest")  # type: ignore[misc]
            quiet = await _see_changes(cluster, changes)
            async with _hanging(cluster, names) as hung:
                noisy = await _see_changes(cluster, changes)
    return {
        "change_quiet_p50_ms": 1000 * take_percentile(quiet, 50),
        "change_quiet_p99_ms": 1000 * take_percentile(quiet, 99),
        "change_noisy_p50_ms": 1000 * take_percentile(noisy, 50),
        "change_noisy_p99_ms": 1000 * take_percentile(noisy, 99),
        "change_noisy_hung_writes": float(hung.total()),
        "change_noisy_hung_pools": float(len(hung)),
    }


def _is_at_rest(cluster: SmallCluster, pool: str, namespace: str = "default") -> bool:
    is_done = cluster.read_conditions(pool, namespace).get("Reconciling", {}).get("reason") == "UpToDate"
    return is_done and cluster.is_served_by_the_fresh(pool, namespace)


async def _see_changes(cluster: SmallCluster, changes: int) -> list[float]:
    """Make a replica lag and be fresh again in turn; return how long readers waited each time, in seconds."""
    seconds = []
    for number in range(changes):
        cluster.classes["pool-1"] = "fresh" if number % 2 else "lagging"
        seconds.append(await cluster.until(lambda: cluster.is_served_by_the_fresh("pool"), "readers to follow"))
        await asyncio.sleep(PAUSE_SECONDS)
    return seconds


@asynccontextmanager
async def _hanging(cluster: SmallCluster, names: list[str]) -> AsyncIterator[Counter[str]]:
    """Make every write of the other tenant's hang during the block, and much to be written; counts them by pool."""
    hung: Counter[str] = Counter()

    async def meddle(write: Write) -> None:
        if write.key.namespace == _NOISY:
            hung["-".join(write.key.name.split("-")[:2])] += 1
            await asyncio.sleep(HANGS_SECONDS)
            raise Refusal(500, "failed calling webhook: context deadline exceeded", "InternalError")

    async def change() -> None:
        for number in range(10_000):
            for name in names:
                cluster.classes[f"{name}-1"] = "fresh" if number % 2 else "lagging"
            await asyncio.sleep(PAUSE_SECONDS)

    cluster.api.meddle = meddle
    for kind in (SERVICE, ENDPOINT_SLICE):
        for key in [key for key in cluster.api.objects if key.kind == kind and key.namespace == _NOISY]:
            cluster.api.drop(key)
    changing = asyncio.create_task(change())
    try:
        yield hung
    finally:
        changing.cancel()
