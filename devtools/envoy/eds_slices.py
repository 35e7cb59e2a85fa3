"""EndpointSlices as the controller writes them, for the tests of endpoint discovery."""

from collections.abc import Sequence
from typing import Any

Address = str | tuple[str, str]
"""An address, or one with its zone."""


def build_owner(pool: str) -> dict[str, Any]:
    """Build the reference to the pool that a slice goes with."""
    return {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": pool, "uid": "u", "controller": True}


def build_slice(
    addresses: Sequence[Address],
    weight: int | str | None = 100,
    *,
    name: str = "pool-fresh-0",
    service: str = "pool",
    namespace: str = "default",
    port: int | None = 11628,
    address_type: str = "IPv4",
    freshness: str = "fresh",
    **conditions: bool,
) -> dict[str, Any]:
    """Build one slice, all of whose endpoints have these conditions beside the usual ones."""
    endpoints = []
    for one in addresses:
        address, zone = (one, "") if isinstance(one, str) else one
        usual = {"ready": True, "serving": True, "terminating": False}
        endpoints.append({"addresses": [address], "conditions": usual | conditions} | ({"zone": zone} if zone else {}))
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": {"kubernetes.io/service-name": service, "stellar.org/freshness": freshness},
        "annotations": {} if weight is None else {"stellar.org/weight": str(weight)},
        "resourceVersion": "1",
        "ownerReferences": [build_owner(service)],
    }
    ports = [] if port is None else [{"name": "read", "port": port, "protocol": "TCP"}]
    return {"metadata": metadata, "addressType": address_type, "ports": ports, "endpoints": endpoints}
