"""Replicas of a pool that are cut off from their peers or from the scaler, at one port, and still answer readers."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_configuration import COMMAND_PORT, PEER_PORT
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.read_only_pool import CORE, PoolView


@contextmanager
def without_port(cluster: ProvidedCluster, pool: PoolView, pods: Iterable[str], port: int) -> Iterator[None]:
    """Cut a port of replicas while the block runs."""
    faults = require_faults(cluster.faults, "cut_port", "restore_port")
    with ExitStack() as stack:
        for pod in pods:
            faults.cut_port(pool.namespace, pod, port)
            stack.callback(faults.restore_port, pool.namespace, pod, port)
        yield


@contextmanager
def without_peers(
    cluster: ProvidedCluster, pool: PoolView, pods: Iterable[str], network: CoreNetwork
) -> Iterator[None]:
    """Cut replicas off from what they follow while the block runs: they answer on, and lag more with each ledger.

    Afterwards each is told to connect: after minutes without anybody Core waits minutes more by itself.
    """
    cut = list(pods)
    with without_port(cluster, pool, cut, PEER_PORT):
        yield
    connect = f"http://127.0.0.1:{COMMAND_PORT}/connect?peer={network.network.validator_host}&port={PEER_PORT}"
    for pod in cut:
        pool.access.exec(pool.namespace, pod, "curl", "-sf", "-m", "30", connect, container=CORE)
