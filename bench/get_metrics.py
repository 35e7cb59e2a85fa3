"""GetMetrics as KEDA feels it: 200 calls a second to a real scaler process that polls 5,000 nodes of 1,000 fleets.

Four processes: the nodes, the scaler, the client that asks, and this one. The client takes the time from when a call
is due to its answer, so a late answer makes no later call look fast.
"""

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import grpc
import uvloop

from bench.http_servers import build_node_urls, run_server
from bench.quantiles import take_percentile
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub

NODES_PER_FLEET = 5
CALLS_PER_SECOND = 200
FLAGS = (
    "--allow-static-nodes",
    "--allow-loopback-nodes",
    "--listen",
    "127.0.0.1:0",
    "--telemetry-listen",
    "127.0.0.1:0",
)
START_SECONDS = 30.0
GROUND_SECONDS = 120.0
_POLLS = re.compile(r'^readpool_polls_total\{outcome="Answered"\} (\S+)', re.MULTILINE)
_LAGS = re.compile(r'^readpool_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', re.MULTILINE)


def run(*, quick: bool) -> dict[str, float]:
    """Measure GetMetrics in milliseconds, and the lag of the scaler's event loop by its own histogram."""
    fleets, seconds = (50, 3.0) if quick else (1000, 60.0)
    context = multiprocessing.get_context("spawn")
    with (
        run_server(keeps_open=False) as port,
        _run_scaler() as (keda_address, telemetry_address),
        ProcessPoolExecutor(max_workers=1, mp_context=context) as client,
    ):
        requests = _build_requests(fleets, port)
        client.submit(ask_until_ground, keda_address, requests).result()
        before = _scrape(telemetry_address)
        latencies = client.submit(ask, keda_address, requests, seconds).result()
        after = _scrape(telemetry_address)
    return {
        "get_metrics_p50_ms": 1000 * take_percentile(latencies, 50),
        "get_metrics_p99_ms": 1000 * take_percentile(latencies, 99),
        "get_metrics_calls_per_second": len(latencies) / seconds,
        "get_metrics_polls_per_second": (_read_polls(after) - _read_polls(before)) / seconds,
        "get_metrics_loop_lag_p99_ms": 1000 * _read_lag_quantile(before, after, 0.99),
    }


@contextlib.contextmanager
def _run_scaler() -> Iterator[tuple[str, str]]:
    """Run the scaler for as long as the block runs; yield its gRPC and its telemetry address."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("w") as out, subprocess.Popen([sys.executable, "-m", "scaler", *FLAGS], stdout=out) as scaler:  # noqa: S603 - our own module
            try:
                serving = _wait_for(lambda: _find_event(log, "serving"), START_SECONDS)
                yield serving["grpc"], serving["telemetry"]
            finally:
                scaler.terminate()


def _find_event(log: Path, name: str) -> dict[str, str] | None:
    lines = (json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return next((event for event in lines if event["event"] == name), None)


def _wait_for(find: Callable[[], dict[str, str] | None], seconds: float) -> dict[str, str]:
    deadline = time.monotonic() + seconds
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the scaler did not serve within {seconds} s")
        time.sleep(0.05)
    return found


def _build_requests(fleets: int, port: int) -> list[bytes]:
    urls = build_node_urls(fleets * NODES_PER_FLEET, port)
    return [
        GetMetricsRequest(
            metricName="desiredReplicas",
            scaledObjectRef=ScaledObjectRef(
                name=f"core-{i}",
                namespace=f"stellar-{i}",
                scalerMetadata={
                    "scalerAddress": "readpool.readpool:9090",
                    "nodes": ",".join(urls[i * NODES_PER_FLEET : (i + 1) * NODES_PER_FLEET]),
                    "targetReplicas": str(NODES_PER_FLEET),
                    "maxReplicas": "10",
                },
            ),
        ).SerializeToString()
        for i in range(fleets)
    ]


def ask_until_ground(address: str, requests: Sequence[bytes]) -> None:
    """Ask for each fleet until it has an answer. Runs in the client's process."""
    uvloop.run(_ask_until_ground(address, requests))


def ask(address: str, requests: Sequence[bytes], seconds: float) -> list[float]:
    """Ask for the fleets in turn, and return how long each answer took, in seconds. Runs in the client's process."""
    return uvloop.run(_ask(address, requests, seconds))


async def _ask_until_ground(address: str, requests: Sequence[bytes]) -> None:
    deadline = time.monotonic() + GROUND_SECONDS
    async with grpc.aio.insecure_channel(address) as channel:
        keda = ExternalScalerStub(channel)
        waiting = list(map(GetMetricsRequest.FromString, requests))
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} fleets have no ground after {GROUND_SECONDS} s")
            request = waiting.pop(0)
            try:
                await keda.GetMetrics(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                waiting.append(request)
                await asyncio.sleep(0.002)


async def _ask(address: str, requests: Sequence[bytes], seconds: float) -> list[float]:
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel, asyncio.TaskGroup() as calls:
        keda = ExternalScalerStub(channel)

        async def call(request: GetMetricsRequest, due: float) -> None:
            await keda.GetMetrics(request)
            latencies.append(time.perf_counter() - due)

        began = time.perf_counter()
        for number, request in enumerate(itertools.cycle(list(map(GetMetricsRequest.FromString, requests)))):
            due = began + number / CALLS_PER_SECOND
            if due > began + seconds:
                break
            await asyncio.sleep(due - time.perf_counter())
            calls.create_task(call(request, due))
    return latencies


def _scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        return str(answer.read(), "utf-8")


def _read_polls(exposition: str) -> float:
    found = _POLLS.search(exposition)
    return float(found[1]) if found else 0.0


def _read_lag_quantile(before: str, after: str, quantile: float) -> float:
    """Read the quantile off the histogram's difference, as PromQL's histogram_quantile does: linear within a bucket."""
    earlier = {bound: float(count) for bound, count in _LAGS.findall(before)}
    counts = [(float(bound), float(count) - earlier.get(bound, 0.0)) for bound, count in _LAGS.findall(after)]
    wanted, lower, below = counts[-1][1] * quantile, 0.0, 0.0
    for upper, count in counts:
        if count >= wanted:
            return lower + (upper - lower) * (wanted - below) / (count - below) if upper != float("inf") else lower
        lower, below = upper, count
    return lower
