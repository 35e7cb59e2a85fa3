"""10,000 nodes each 5 s in one process: cores, memory, evenness, loop lag, and the cost of a node from 100 nodes up.

Every load runs in a process of its own, against stand-in nodes in another.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import click
import uvloop

from bench.http_servers import build_node_urls, run_server
from bench.observation import Cost, Load, measure_observation

_FULL = Load(nodes=10_000, fleet_size=20, interval_seconds=5.0, seconds=30.0)
_QUICK = Load(nodes=1_000, fleet_size=20, interval_seconds=1.0, seconds=5.0)
_CURVE = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Shares of the full number of nodes."""
_SMALL = 0.05


def measure_load(load: Load) -> Cost:
    """Measure one load in this process, against nodes in another."""
    with run_server(keeps_open=False) as port:
        cost: Cost = uvloop.run(measure_observation(build_node_urls(load.nodes, port), load))
        return cost


def _measure_apart(load: Load) -> Cost:
    """Measure in a fresh process, so that no load is charged for the memory of one before."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(measure_load, load).result()


def _measure_in_the_middle(load: Load, times: int) -> Cost:
    """Measure a small load several times, as it costs no more than the machine's moods; give the median."""
    return sorted((_measure_apart(load) for _ in range(times)), key=lambda cost: cost.cores)[times // 2]


def run(*, quick: bool = False) -> dict[str, float]:
    """Measure the whole curve; the figures of its end carry the promises."""
    load, times = (_QUICK, 1) if quick else (_FULL, 3)
    idle = _measure_in_the_middle(replace(load, nodes=0), times).cores
    curve: dict[int, Cost] = {}
    for share in _CURVE:
        nodes = max(20, int(load.nodes * share))
        of_nodes = replace(load, nodes=nodes)
        cost = curve[nodes] = _measure_apart(of_nodes) if share > _SMALL else _measure_in_the_middle(of_nodes, times)
        click.echo(
            f"  {nodes:>6} nodes: {cost.cores:.3f} cores, {_cost_per_node(nodes, cost, idle):.1f} us a node, "
            f"{cost.rss_mb:.0f} MB, lag p99 {cost.lag_p99_ms:.1f} ms, burst {cost.burst_ratio:.2f}, "
            f"{cost.failed} failed"
        )
    fewest, most = min(curve), max(curve)
    full = curve[most]
    return {
        "nodes_10000_cores": full.cores,
        "nodes_10000_rss_mb": full.rss_mb,
        "nodes_10000_failed_polls": float(full.failed),
        "nodes_10000_loop_lag_p99_ms": full.lag_p99_ms,
        "poll_burst_ratio": full.burst_ratio,
        "idle_cores": idle,
        "cost_ratio_10000_to_100": _cost_per_node(most, full, idle) / _cost_per_node(fewest, curve[fewest], idle),
        **{f"node_cost_us_at_{nodes}": _cost_per_node(nodes, cost, idle) for nodes, cost in curve.items()},
    }


def _cost_per_node(nodes: int, cost: Cost, idle: float) -> float:
    """CPU-microseconds that one node costs in one second, over what the process takes with no node at all."""
    return (cost.cores - idle) / nodes * 1e6
