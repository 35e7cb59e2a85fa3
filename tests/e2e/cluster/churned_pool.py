"""A pool of real stellar-core whose second replica lags as told, and what is written meanwhile, for short or long."""

import time

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.port_cuts import without_peers
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool, build_pool
from tests.e2e.cluster.slice_churn import Churn, record_churn

TARGET = 3
LAGGARD = 1
FALLS_SECONDS = 120.0
RETURNS_SECONDS = 300.0
SLICES_EACH = 2
"""Writes of slices that a change of class takes at most: into the one, out of the other."""


def apply_churned_pool(cluster: ProvidedCluster, namespace: str, network: CoreNetwork) -> PoolView:
    """Apply a pool of three that nobody scales, and wait until all are fresh."""
    pool = apply_pool(cluster.access, namespace, build_pool("core", network, autoscaling={"enabled": False}))
    pool.wait_until_fresh(TARGET)
    return pool


def measure_quiet(
    cluster: ProvidedCluster, pool: PoolView, network: CoreNetwork, minutes: float
) -> tuple[Churn, Churn]:
    """Make one replica lag by more and more for so long, and recover; return what was written, then and in all."""
    with record_churn(cluster, pool) as whole:
        with without_peers(cluster, pool, [pool.pod(LAGGARD)], network):
            wait_for_weights(pool, 10)
            with record_churn(cluster, pool) as quiet:
                time.sleep(60 * minutes)  # what is measured is what happens meanwhile
                churn = quiet.count()
        wait_for_weights(pool, 100)
        return churn, whole.count()


def measure_changes(cluster: ProvidedCluster, pool: PoolView, network: CoreNetwork, changes: int) -> Churn:
    """Make a replica fall behind and recover until classes have changed so often; return what was written."""
    with record_churn(cluster, pool) as record:
        while record.count().changes < changes:
            with without_peers(cluster, pool, [pool.pod(LAGGARD)], network):
                wait_for_weights(pool, 10)
            wait_for_weights(pool, 100)
        return record.count()


def wait_for_weights(pool: PoolView, weight: int) -> None:
    """Wait until the one replica has this weight, and status, which is written after the slices, says so."""
    wanted = {pool.pod(ordinal): 100 for ordinal in range(TARGET)} | {pool.pod(LAGGARD): weight}
    seconds = RETURNS_SECONDS if weight == 100 else FALLS_SECONDS
    pool.wait_for(f"weights {wanted}", lambda: pool.routed() == read_told(pool) == wanted, seconds)


def read_told(pool: PoolView) -> dict[str, int]:
    """Read the weights that status tells."""
    return {one["replicaName"]: one["weight"] for one in pool.status()["replicaWeights"]}
