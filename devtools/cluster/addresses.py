"""Where things are inside a cluster's own network namespace, by its IP family: the same in each, as no two share one.

Clusters that are linked (links.py) have IPv4 addresses of their own, by their place among these.

The pods of an IPv6-only cluster have IPv4 besides, on a second link that leads out and that Kubernetes does not know
of, as clouds give it to them: Core meets its peers by IPv4 alone.
"""

from dataclasses import dataclass
from enum import StrEnum

NODE_NAME = "node1"
API_PORT = 6443
ETCD_URL = "http://127.0.0.1:2379"
ETCD_PEER_URL = "http://127.0.0.1:2380"
CLUSTER_DOMAIN = "cluster.local"
MOST_PLACES = 10
OUTSIDE_SUBNET = "169.254.172.0/24"
"""Of the pods' second links, in an IPv6-only cluster."""


class IpFamily(StrEnum):
    """What a cluster's nodes, pods and Services have addresses of."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL = "dual"


@dataclass(frozen=True, slots=True)
class AddressRange:
    """The addresses of one version of IP.

    Attributes:
        node: the node's own, of `node_prefix` bits.
        pods: what the cluster's pods have theirs from, and `node_pods` those of the one node.
        services: what Services have theirs from: the API server `api_service`, CoreDNS `dns`.
        anywhere: the destination of a default route.
    """

    node: str
    node_prefix: int
    pods: str
    node_pods: str
    services: str
    api_service: str
    dns: str
    anywhere: str


def _build_ipv4(place: int) -> AddressRange:
    pods, services = 244 + place, 96 + place
    return AddressRange(
        node=f"10.123.{place}.2",
        node_prefix=24,
        pods=f"10.{pods}.0.0/16",
        node_pods=f"10.{pods}.0.0/24",
        services=f"10.{services}.0.0/16",
        api_service=f"10.{services}.0.1",
        dns=f"10.{services}.0.10",
        anywhere="0.0.0.0/0",
    )


_IPV4 = tuple(_build_ipv4(place) for place in range(MOST_PLACES))
NODE_ADDRESS_OUTSIDE = _IPV4[0].node
"""The node's IPv4 address, which it has whatever the family; of an IPv6-only cluster, it lies outside Kubernetes."""
_IPV6 = AddressRange(
    node="fd00:10:123::2",
    node_prefix=64,
    pods="fd00:10:244::/56",
    node_pods="fd00:10:244::/64",
    services="fd00:10:96::/112",
    api_service="fd00:10:96::1",
    dns="fd00:10:96::a",
    anywhere="::/0",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses of a cluster of one family; those of IPv4 differ by its place, 0 where it is linked to no other."""

    family: IpFamily = IpFamily.IPV4
    place: int = 0

    @property
    def ranges(self) -> tuple[AddressRange, ...]:
        """Those of each version of IP that the cluster has, the first one's before the other's."""
        ipv4 = () if self.family is IpFamily.IPV6 else (_IPV4[self.place],)
        return ipv4 if self.family is IpFamily.IPV4 else (*ipv4, _IPV6)

    @property
    def first(self) -> AddressRange:
        """Those that the parts use among themselves."""
        return self.ranges[0]

    @property
    def has_ipv6(self) -> bool:
        """Return whether anything has an address of IPv6."""
        return _IPV6 in self.ranges

    @property
    def api_url(self) -> str:
        """Where the cluster's own parts reach the API server."""
        node = self.first.node
        return f"https://{f'[{node}]' if ':' in node else node}:{API_PORT}"

    @property
    def of_node(self) -> tuple[str, ...]:
        """The node's own addresses with their prefixes."""
        own = tuple(f"{one.node}/{one.node_prefix}" for one in self.ranges)
        outside = _IPV4[self.place]
        return own if outside in self.ranges else (*own, f"{outside.node}/{outside.node_prefix}")

    def join(self, name: str) -> str:
        """Join one attribute of all ranges, as the parts' flags have it."""
        return ",".join(str(getattr(one, name)) for one in self.ranges)
