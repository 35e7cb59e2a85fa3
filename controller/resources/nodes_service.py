"""Service NAME-nodes: headless, the replicas by name for the scaler and for each other. Not for readers.

It publishes replicas that are not ready: those are the ones that the scaler has to see.
"""

from typing import Any

from controller.gate import PodPorts
from controller.labels import build_metadata, build_selector, nodes_service_name
from readpool.kubernetes.kinds import SERVICE
from readpool.pool.spec import ReadOnlyPool


def build_nodes_service(pool: ReadOnlyPool, ports: PodPorts) -> dict[str, Any]:
    """Build the headless Service with the ports `info` and `peer`, and `stats` where a gate tells of readers."""
    named = {"info": ports.info, "peer": ports.peer, "stats": ports.stats}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": build_metadata(pool, nodes_service_name(pool.name)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": build_selector(pool.name),
            "ports": [
                {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}
                for name, number in named.items()
                if number is not None
            ],
        },
    }
