"""EndpointSlices of the Service NAME-nodes of a pool before a workload: its pods by name, for the scaler's DNS.

The Service has no selector, since labels alone make no pod the workload's. All its pods are in it, ready or not: those
that are not are the ones that the scaler has to see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.observed.labels import SERVICE_LABEL, build_metadata, nodes_service_name
from controller.resources.endpoint_slices import MANAGED_BY, MAX_ENDPOINTS
from controller.resources.nodes_service import PROBE_PORT_NAME
from readpool.kubernetes.kinds import ENDPOINT_SLICE
from readpool.names import DNS_LABEL
from readpool.pool.spec import ReadOnlyPool


@dataclass(frozen=True, slots=True)
class NodeEndpoint:
    """A pod as the scaler finds it; `port` is where it is asked."""

    pod: str
    uid: str
    address: str
    port: int
    node: str = ""

    @property
    def family(self) -> str:
        """IPv4 or IPv6; a slice holds one of them."""
        return "IPv6" if ":" in self.address else "IPv4"


def build_nodes_slices(pool: ReadOnlyPool, endpoints: Iterable[NodeEndpoint]) -> list[dict[str, Any]]:
    """Build the slices, each of one family and port, with at most MAX_ENDPOINTS pods."""
    groups: dict[tuple[str, int], list[NodeEndpoint]] = {}
    for one in sorted(endpoints, key=lambda endpoint: (len(endpoint.pod), endpoint.pod)):
        groups.setdefault((one.family, one.port), []).append(one)
    return [
        _build(pool, f"{nodes_service_name(pool.name)}-{family.lower()}-{port}-{number}", family, port, part)
        for (family, port), members in sorted(groups.items())
        for number, part in enumerate(_cut(members))
    ]


def _cut(members: Sequence[NodeEndpoint]) -> list[Sequence[NodeEndpoint]]:
    return [members[start : start + MAX_ENDPOINTS] for start in range(0, len(members), MAX_ENDPOINTS)]


def _build(pool: ReadOnlyPool, name: str, family: str, port: int, members: Sequence[NodeEndpoint]) -> dict[str, Any]:
    labels = {
        SERVICE_LABEL: nodes_service_name(pool.name),
        "endpointslice.kubernetes.io/managed-by": MANAGED_BY,
    }
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": build_metadata(pool, name, labels=labels),
        "addressType": family,
        "ports": [{"name": PROBE_PORT_NAME, "port": port, "protocol": "TCP"}],
        "endpoints": [_build_endpoint(pool, member) for member in members],
    }


def _build_endpoint(pool: ReadOnlyPool, member: NodeEndpoint) -> dict[str, Any]:
    """Build an endpoint; DNS tells the pod's name where that can be a host's."""
    endpoint: dict[str, Any] = {
        "addresses": [member.address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": pool.namespace, "name": member.pod, "uid": member.uid},
    }
    endpoint |= {"hostname": member.pod} if DNS_LABEL.fullmatch(member.pod) else {}
    return endpoint | ({"nodeName": member.node} if member.node else {})
