"""Readers that go over to another cluster: how long without a fresh read where no replica is fresh any more.

Two API servers, scalers and controllers as processes, two simulated Cores each that follow one validator, and an Envoy
by examples/envoy-two-clusters.yaml. Ledgers close once a second, lagThreshold is 3, and scalers poll twice a second.
The replicas here are cut off from the network; an answer is fresh that is at most the threshold behind the validator.
"""

import asyncio
import tempfile
from pathlib import Path

from devtools.api.failover import Failover, measure_failover
from devtools.api.two_clusters import set_two_clusters
from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.machine.needs import UnmetNeedError

_FULL, _QUICK = 10, 1


def run(*, quick: bool) -> dict[str, float]:
    """Measure failovers, in seconds.

    Raises:
        UnmetNeedError: where this machine cannot; says why.
    """
    found = asyncio.run(_measure(_QUICK if quick else _FULL))
    failures = [failure for one in found for failure in one.failures]
    if failures:
        raise RuntimeError(f"requests failed: {failures[:5]}")
    gaps = sorted(one.gap_seconds for one in found)
    return {"failover_without_fresh_read_p50_s": gaps[len(gaps) // 2], "failover_without_fresh_read_max_s": gaps[-1]}


async def _measure(times: int) -> list[Failover]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with set_two_clusters(Path(folder)) as clusters:
                return [await measure_failover(clusters) for _ in range(times)]
    except EnvoyMissingError as error:
        raise UnmetNeedError(str(error)) from error
