"""10,000 nodes every 5 s in one process: cores, memory, evenness, loop lag, and the cost of a node from 100 nodes up.

Every load runs in a process of its own, against stand-in nodes in another.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import click
import uvloop

from bench.http_servers import build_node_urls, run_server
from bench.observation import Cost, Load, measure_observation

_FULL = Load(nodes=10_000, fleet_size=20, interval_seconds=5.0, seconds=30.0, samples_lag=False)
_QUICK = Load(nodes=1_000, fleet_size=20, interval_seconds=1.0, seconds=5.0, samples_lag=False)
_CURVE = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Shares of the full number of nodes."""


def measure_load(load: Load) -> Cost:
    """Measure one load in this process, against nodes in another."""
    with run_server(keeps_open=False) as port:
        cost: Cost = uvloop.run(measure_observation(build_node_urls(load.nodes, port), load))
        return cost


def _measure_apart(load: Load) -> Cost:
    """Measure in a fresh process, so that no load is charged for the memory of one before."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(measure_load, load).result()


def run(*, quick: bool = False) -> dict[str, float]:
    """Measure the curve, in CPU-microseconds a node and second beyond what no nodes take, its end again with lag."""
    load = _QUICK if quick else _FULL
    idle = _measure_apart(replace(load, nodes=0)).cores
    costs: dict[int, float] = {}
    for share in (min(_CURVE), max(_CURVE)) if quick else _CURVE:
        nodes = max(20, int(load.nodes * share))
        cost = _measure_apart(replace(load, nodes=nodes))
        costs[nodes] = (cost.cores - idle) / nodes * 1e6
        click.echo(
            f"  {nodes:>6} nodes: {cost.cores:.3f} cores, {costs[nodes]:.1f} us a node, {cost.rss_mb:.0f} MB, "
            f"burst {cost.burst_ratio:.2f}, {cost.failed} failed"
        )
    fewest, most = min(costs), max(costs)
    full = _measure_apart(replace(load, samples_lag=True))
    return {
        "nodes_10000_cores": full.cores,
        "nodes_10000_rss_mb": full.rss_mb,
        "nodes_10000_failed_polls": float(full.failed),
        "nodes_10000_loop_lag_p99_ms": full.lag_p99_ms,
        "poll_burst_ratio": full.burst_ratio,
        "idle_cores": idle,
        "cost_ratio_10000_to_100": costs[most] / costs[fewest],
        **{f"node_cost_us_at_{nodes}": cost for nodes, cost in costs.items()},
    }
