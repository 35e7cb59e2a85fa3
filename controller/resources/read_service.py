"""Service NAME: where readers go. It has no selector; controller.resources.endpoint_slices builds its slices."""

from typing import Any

from controller.gate.gate import READ_PORT
from controller.observed.labels import build_metadata
from readpool.kubernetes.kinds import SERVICE, Manifest
from readpool.pool.spec import ReadOnlyPool

PORT_NAME = "read"


def read_traffic_distribution(service: Manifest | None) -> str:
    """Read where its readers are to stay; "" where no one has set spec.trafficDistribution, which is the user's."""
    return str((service or {}).get("spec", {}).get("trafficDistribution") or "")


def build_read_service(pool: ReadOnlyPool) -> dict[str, Any]:
    """Build the Service; its port is the same with and without a gate, the slices say where the pods have theirs."""
    port = {"name": PORT_NAME, "port": READ_PORT, "protocol": "TCP", "appProtocol": "http"}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {"type": "ClusterIP", "ports": [port]},
    }
