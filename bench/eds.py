"""Endpoint discovery: a large cluster's first push and memory; and with a real Envoy, shares and how fast they move."""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from bench.quantiles import take_percentile
from controller.eds.eds import build_assignment, resource_name
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_client import open_stream
from devtools.envoy.eds_router import DELTA, POOL, WHOLE, assign, run_router
from devtools.envoy.eds_slices import build_slice
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.weighted_backends import (
    Reader,
    compute_share_error,
    name_addresses,
    read_many,
    run_backends,
    to_port,
    wait_until_moved,
)
from readpool.host_port import HostPort

POOLS, ENDPOINTS = 1000, 5
LISTEN = HostPort("127.0.0.1", 0)
START_SECONDS = 120.0
MIXES = (
    (100, 10),
    (100, 100),
    (200, 1),
    (100, 100, 100, 100, 10),
    (100, 80, 60, 40, 20),
    (*([100] * 18), 10, 10),
    (*([100] * 12), *([55] * 5), *([10] * 3)),
)


def run(*, quick: bool) -> dict[str, float]:
    """Measure: the first push in milliseconds, memory in MB, shares in points, changes in milliseconds."""
    figures = asyncio.run(_measure_push(pushes=3 if quick else 30, streams=50 if quick else POOLS))
    mixes, requests, changes = (MIXES[:1], 1000, 5) if quick else (MIXES, 10_000, 60)
    errors = [asyncio.run(_measure_shares(mix, requests, kind)) for mix in mixes for kind in (DELTA, WHOLE)]
    shifts = [shift for kind in (DELTA, WHOLE) for shift in asyncio.run(_measure_shifts(changes, kind))]
    return figures | {
        "share_error_max_points": max(errors),
        "shift_envoy_p50_ms": 1000 * take_percentile(shifts, 50),
        "shift_envoy_p99_ms": 1000 * take_percentile(shifts, 99),
    }


def serve_pools(ready: Connection) -> None:
    """Serve a thousand pools of five endpoints; says its port and goes on. Runs in a process of its own."""
    asyncio.run(_serve_pools(ready))


async def _serve_pools(ready: Connection) -> None:
    store = EdsStore()
    slices = {i: _build_slices(i) for i in range(POOLS)}  # held as an informer holds them
    for i, of_pool in slices.items():
        store.update(_name(i), build_assignment(of_pool))
    store.ready.set()
    server = EdsServer(LISTEN, store)
    await server.start()
    ready.send(server.port)
    await asyncio.Event().wait()


def _build_slices(i: int) -> list[dict[str, object]]:
    addresses = [(f"10.{i // 250}.{i % 250}.{n + 1}", f"zone-{n % 3}") for n in range(ENDPOINTS)]
    fresh = build_slice(addresses[1:], 100, service=f"pool-{i}", name=f"pool-{i}-fresh-0")
    return [fresh, build_slice(addresses[:1], 10, service=f"pool-{i}", name=f"pool-{i}-lagging-0")]


def _name(i: int) -> str:
    return resource_name("default", f"pool-{i}")


async def _measure_push(pushes: int, streams: int) -> dict[str, float]:
    """Ask for all pools over one stream, as often as `pushes`; then over a stream each, all at once."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_pools, args=(theirs,), daemon=True)
    process.start()
    try:
        if not await asyncio.to_thread(ours.poll, START_SECONDS):
            raise TimeoutError(f"the server did not serve within {START_SECONDS} s")
        port = ours.recv()
        names = [_name(i) for i in range(POOLS)]
        latencies = [await _push(port, names, is_delta=n % 2 == 1) for n in range(pushes)]
        began = time.perf_counter()
        await asyncio.gather(*(_push(port, names[i : i + 1], is_delta=True) for i in range(streams)))
        each = time.perf_counter() - began
        async with _hold(port, names):
            memory = psutil.Process(process.pid).memory_info().rss
    finally:
        process.terminate()
        process.join()
    return {
        "eds_first_push_ms": 1000 * take_percentile(latencies, 50),
        "eds_first_push_max_ms": 1000 * max(latencies),
        "eds_stream_each_ms": 1000 * each,
        "eds_rss_mb": memory / 1e6,
    }


async def _push(port: int, names: list[str], *, is_delta: bool) -> float:
    """Return the seconds from the request to the last of what it asks for, on a connection that stands."""
    async with open_stream(port, is_delta=is_delta) as stream:
        await stream.call.wait_for_connection()
        began = time.perf_counter()
        await (stream.change(*names) if is_delta else stream.want(*names))
        left = len(names)
        while left:
            left -= len((await stream.read()).resources)
        return time.perf_counter() - began


@asynccontextmanager
async def _hold(port: int, names: list[str]) -> AsyncIterator[None]:
    """Keep ten Envoys that know all pools for as long as the block runs."""
    async with asyncio.TaskGroup() as group:
        told, end = asyncio.Barrier(11), asyncio.Event()

        async def follow() -> None:
            async with open_stream(port, is_delta=True) as stream:
                await stream.change(*names)
                await stream.read()
                await told.wait()
                await end.wait()

        for _ in range(10):
            group.create_task(follow())
        await told.wait()
        try:
            yield
        finally:
            end.set()


async def _measure_shares(mix: tuple[int, ...], requests: int, kind: str) -> float:
    """Return the largest difference between a replica's share of requests and its weight's, in percentage points."""
    wanted = dict(zip(name_addresses(len(mix)), mix, strict=True))
    async with _routed(kind, wanted) as (_, port, _):
        return compute_share_error(await read_many(to_port(port), requests), wanted)


async def _measure_shifts(changes: int, kind: str) -> list[float]:
    """Swap two replicas' weights again and again; return how long each time until readers had moved, in seconds."""
    heavy, light = name_addresses(2)
    shifts = []
    async with _routed(kind, {heavy: 1000, light: 1}) as (store, port, backends), Reader(to_port(port)) as reader:
        for _ in range(changes):
            heavy, light = light, heavy
            began = time.monotonic()
            store.update(POOL, assign({heavy: 1000, light: 1}, backends))
            shifts.append(await wait_until_moved(reader, heavy) - began)
        if reader.failures:
            raise RuntimeError(f"requests failed: {reader.failures[:5]}")
    return shifts


@asynccontextmanager
async def _routed(kind: str, weights: dict[str, int]) -> AsyncIterator[tuple[EdsStore, int, int]]:
    """Run replicas, a server and a router for the block; gives the store, the router's port and that of replicas."""
    store = EdsStore()
    store.ready.set()
    server = EdsServer(LISTEN, store)
    await server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with run_backends(list(weights)) as backends:
                store.update(POOL, assign(weights, backends))
                async with run_router(find_envoy(), Path(folder), server.port, kind) as router:
                    yield store, router.port, backends
    finally:
        await server.stop()
