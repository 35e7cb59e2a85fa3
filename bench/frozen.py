"""What a replica that stands still costs readers: a real Envoy by the example's bootstrap, one of three stopped.

Replicas are processes that answer at once; one of them is stopped (SIGSTOP), so that its port takes connections and
nothing is answered. Nobody tells Envoy: by the time that the scaler has noticed, the weight is gone and so is the cost.
Reads are sent as they are due, whatever became of the one before; a read's time runs from when it is due. The same is
measured before, with all three, in the same run.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from bench.quantiles import take_percentile
from devtools.envoy.eds_router import assign
from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.envoy.replica_process import run_replica_processes
from devtools.envoy.routed_replicas import run_told_router
from devtools.envoy.weighted_backends import Reader, name_addresses, to_port
from devtools.machine.needs import UnmetNeedError

READS_PER_SECOND = 100
REPLICAS = 3


def run(*, quick: bool) -> dict[str, float]:
    """Measure p50 and p99 of reads in milliseconds, whole and with one replica frozen.

    Raises:
        UnmetNeedError: where this machine cannot; says why.
    """
    return uvloop.run(_measure(seconds=2.0 if quick else 20.0))


async def _measure(seconds: float) -> dict[str, float]:
    with run_replica_processes(name_addresses(REPLICAS)) as replicas, tempfile.TemporaryDirectory() as folder:
        weights = dict.fromkeys([one.address for one in replicas], 100)
        try:
            async with run_told_router(Path(folder), assign(weights, replicas[0].port)) as router:
                whole = await _load(router.port, seconds)
                replicas[0].freeze()
                frozen = await _load(router.port, seconds)
        except EnvoyMissingError as error:
            raise UnmetNeedError(str(error)) from error
    return {
        "whole_read_p50_ms": 1000 * take_percentile(whole, 50),
        "whole_read_p99_ms": 1000 * take_percentile(whole, 99),
        "frozen_read_p50_ms": 1000 * take_percentile(frozen, 50),
        "frozen_read_p99_ms": 1000 * take_percentile(frozen, 99),
    }


async def _load(port: int, seconds: float) -> list[float]:
    """Send reads as they are due; return how long each took, in seconds.

    Raises:
        RuntimeError: when one failed.
    """
    idle: list[Reader] = []
    latencies: list[float] = []
    failures: list[str] = []

    async def read(due: float) -> None:
        reader = idle.pop() if idle else Reader(to_port(port))
        await reader.ask()
        latencies.append(time.perf_counter() - due)
        failures.extend(reader.failures)
        reader.failures.clear()
        idle.append(reader)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as reads:
        for number in range(int(seconds * READS_PER_SECOND)):
            due = began + number / READS_PER_SECOND
            await asyncio.sleep(due - time.perf_counter())
            reads.create_task(read(due))
    for reader in idle:
        await reader.hang_up()
    if failures:
        raise RuntimeError(f"requests failed: {failures[:5]}")
    return latencies
