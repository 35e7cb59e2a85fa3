"""The controller with up to 1,000 pools of 5 replicas, on a real API server: from cold, one change, at rest, its cost.

The API server, its store, the controller and this program share the machine. Pods are played: made through the API with
an address and ready, run by nobody. The scaler is a scripted one over real gRPC, which says that all are fresh.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import click
import uvloop

from bench.pools_load import Cold, PoolLoad, Scale, run_load
from bench.quantiles import take_percentile
from devtools.api.api_server import find_programs

_FULL = Scale(pools=1000, few=10, changes=100, rest_seconds=300.0)
_QUICK = Scale(pools=20, few=5, changes=10, rest_seconds=5.0)


def run(*, quick: bool = False) -> dict[str, float]:
    """Measure no pool, a few and many, each with a server of its own."""
    return uvloop.run(_measure(_QUICK if quick else _FULL))


async def _measure(scale: Scale) -> dict[str, float]:
    idle_cpu_seconds = (await _measure_cold(0)).cpu_seconds
    few = await _measure_cold(scale.few)
    few_cost = (few.cpu_seconds - idle_cpu_seconds) / scale.few
    with tempfile.TemporaryDirectory() as folder:
        async with run_load(Path(folder), find_programs(), scale.pools) as load:
            cold = await load.measure_cold()
            cost = (cold.cpu_seconds - idle_cpu_seconds) / scale.pools
            click.echo(f"  {scale.pools} pools from cold: {cold.seconds:.1f} s, {cost * 1e3:.1f} CPU-ms a pool")
            await load.run_pods()
            changes_ms = [await load.measure_change(number) * 1e3 for number in range(scale.changes)]
            writes = await _measure_rest(load, scale.rest_seconds)
            rss_mb = load.read_rss_mb()
    return {
        "pools_1000_cold_s": cold.seconds,
        "pool_change_p50_ms": take_percentile(changes_ms, 50),
        "pool_change_p99_ms": take_percentile(changes_ms, 99),
        "controller_rss_mb": rss_mb,
        "pool_cost_ms": cost * 1e3,
        "pool_cost_ratio_1000_to_10": cost / few_cost,
        "steady_writes_5min": float(writes),
    }


async def _measure_cold(pools: int) -> Cold:
    with tempfile.TemporaryDirectory() as folder:
        async with run_load(Path(folder), find_programs(), pools) as load:
            return await load.measure_cold()


async def _measure_rest(load: PoolLoad, seconds: float) -> int:
    """Count the writes while nothing happens, but that the scaler goes on saying the same."""
    await load.until_at_rest()
    before = await load.count_writes()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await load.say()
        await asyncio.sleep(min(5.0, seconds / 4))
    return await load.count_writes() - before
