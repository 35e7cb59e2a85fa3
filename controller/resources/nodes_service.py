"""Service NAME-nodes: headless, the replicas by name for the scaler and for each other. Not for readers.

It publishes replicas that are not ready: those are the ones that the scaler has to see.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.gate.gate import PodPorts
from controller.observed.labels import build_metadata, build_selector, nodes_service_name
from readpool.kubernetes.kinds import SERVICE
from readpool.pool.spec import ReadOnlyPool

PROBE_PORT_NAME = "info"
"""The port at which the scaler asks each replica."""


def build_nodes_service(
    pool: ReadOnlyPool, ports: PodPorts, in_use: Iterable[Mapping[str, int]] = ()
) -> dict[str, Any]:
    """Build the headless Service with the ports `info` and `peer`, and `stats` where a gate tells of readers.

    They lead to ports by name, so that DNS tells of each pod where it answers itself. `in_use` are the ports of the
    pods that there are, of which some may have a gate still that new ones have not.
    """
    stats = ports.stats or next((one["stats"] for one in in_use if "stats" in one), None)
    named = {PROBE_PORT_NAME: ports.info, "peer": ports.peer, "stats": stats}
    found = [
        {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
        for name, number in named.items()
        if number is not None
    ]
    return _build_headless(pool, selector=build_selector(pool.name), ports=found)


def build_unselecting_nodes_service(pool: ReadOnlyPool, port: int) -> dict[str, Any]:
    """Build the headless Service of a pool before a workload; resources.nodes_slices builds its slices.

    `port` is for those who look at the Service: each slice says where its pods have theirs.
    """
    return _build_headless(pool, ports=[{"name": PROBE_PORT_NAME, "port": port, "protocol": "TCP"}])


def _build_headless(pool: ReadOnlyPool, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": build_metadata(pool, nodes_service_name(pool.name)),
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, **spec},
    }
