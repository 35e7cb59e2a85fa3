"""What a poll costs: ours with all its handling, beside ours, aiohttp and httpx that do nothing but fetch.

The nodes run in another process, and CPU-seconds are this one's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import aiohttp
import click
import httpx
import uvloop

from bench.http_servers import build_node_urls, run_server
from bench.observation import Cost, Load, measure_observation
from scaler.polling.fetch import FetchLimits, NodeClient, build_question, build_tls_context
from scaler.polling.http_exchange import ReceiveBudget
from scaler.probes.kinds import ProbeKind

_CONNECTIONS = 500
_AT_ONCE_CLOSING = 100
_QUICK_CONNECTIONS = 50
_Fetch = Callable[[str], Awaitable[bytes]]


async def _measure_fetches(urls: tuple[str, ...], rounds: int, fetch: _Fetch) -> float:
    """Return fetches per CPU-second, with one worker a node; the first round opens connections and is not counted."""

    async def ask(url: str, times: int) -> None:
        for _ in range(times):
            if not await fetch(f"{url}/info"):
                raise ValueError(f"{url} gave no answer")

    await asyncio.gather(*(ask(url, 1) for url in urls))
    began = time.process_time()
    await asyncio.gather(*(ask(url, rounds) for url in urls))
    return len(urls) * rounds / (time.process_time() - began)


async def _measure_ours(urls: tuple[str, ...], rounds: int) -> float:
    tls, budget = build_tls_context(), ReceiveBudget()
    limits = FetchLimits(connect_seconds=30.0, total_seconds=60.0, allow_loopback=True)
    clients = {f"{url}/info": NodeClient(build_question("GET", f"{url}/info", None, {})) for url in urls}

    async def fetch(url: str) -> bytes:
        client = clients[url]
        return await client.fetch((client.question.host,), limits, budget, tls)

    figure = await _measure_fetches(urls, rounds, fetch)
    for client in clients.values():
        client.close()
    return figure


async def _measure_aiohttp(urls: tuple[str, ...], rounds: int) -> float:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60.0)) as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url, allow_redirects=False) as response:
                return await response.read()

        return await _measure_fetches(urls, rounds, fetch)


async def _measure_httpx(urls: tuple[str, ...], rounds: int) -> float:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    async with httpx.AsyncClient(limits=limits, timeout=600.0, trust_env=False) as client:

        async def fetch(url: str) -> bytes:
            return (await client.get(url)).content

        return await _measure_fetches(urls, rounds, fetch)


def _observe(*, keeps_open: bool, load: Load) -> Cost:
    with run_server(keeps_open=keeps_open, kind=load.probe) as port:
        cost: Cost = uvloop.run(measure_observation(build_node_urls(load.nodes, port), load))
    if cost.failed:
        click.echo(f"  {cost.failed} of {cost.polls} polls failed")
    return cost


def _compare(*, keeps_open: bool, nodes: int, rounds: int) -> dict[str, float]:
    """Measure the bare clients against the same server, one after the other."""
    kind = "keep_alive" if keeps_open else "closing"
    clients = {"ours": (_measure_ours, rounds * 20), "aiohttp": (_measure_aiohttp, rounds * 5)}
    with run_server(keeps_open=keeps_open) as port:
        urls = build_node_urls(nodes, port)
        figures = {name: uvloop.run(measure(urls, times)) for name, (measure, times) in clients.items()}
        figures["httpx"] = uvloop.run(_measure_httpx(urls, max(1, rounds // 2)))
    return {f"fetches_per_cpu_second_{name}_{kind}": figure for name, figure in figures.items()}


def run(*, quick: bool = False) -> dict[str, float]:
    """Measure polls per CPU-second, and the ratio to httpx with one shared client at 500 kept connections."""
    seconds, rounds, connections = (2.0, 1, _QUICK_CONNECTIONS) if quick else (10.0, 4, _CONNECTIONS)
    load = Load(nodes=connections, fleet_size=5, interval_seconds=0.5, seconds=seconds, samples_lag=False)
    closing = _observe(keeps_open=False, load=load)
    kept = _observe(keeps_open=True, load=load)
    rpc, horizon = (
        _observe(keeps_open=True, load=replace(load, probe=kind)) for kind in (ProbeKind.RPC, ProbeKind.HORIZON)
    )
    fetches = _compare(keeps_open=False, nodes=min(_AT_ONCE_CLOSING, connections), rounds=rounds)
    fetches |= _compare(keeps_open=True, nodes=connections, rounds=rounds)
    return {
        "polls_per_cpu_second": closing.polls_per_cpu_second,
        "polls_per_cpu_second_keep_alive": kept.polls_per_cpu_second,
        "polls_per_cpu_second_rpc": rpc.polls_per_cpu_second,
        "polls_per_cpu_second_horizon": horizon.polls_per_cpu_second,
        "polls_ratio_to_httpx": kept.polls_per_cpu_second / fetches["fetches_per_cpu_second_httpx_keep_alive"],
        **fetches,
    }
