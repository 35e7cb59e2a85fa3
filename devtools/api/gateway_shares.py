"""Which share of requests does an Envoy that follows a route give to each address? By its own routes and endpoints."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from devtools.api.network_programs import Programs

_ROUTES = "/config_dump?resource=dynamic_route_configs"
_CLUSTERS = "/clusters?format=json"


async def read_shares(programs: Programs, virtual_host: str = "") -> Mapping[str, Fraction]:
    """Read the share of each address that gets any, of one virtual host where it is named; nothing without a route."""
    routes, clusters = await programs.ask_envoy(_ROUTES), await programs.ask_envoy(_CLUSTERS)
    found = _find_virtual_host(routes or {}, virtual_host) if virtual_host else routes or {}
    weights = {name: weight for name, weight in _find_weights(found) if weight}
    members = {one["name"]: _list_addresses(one) for one in (clusters or {}).get("cluster_statuses") or ()}
    shares: defaultdict[str, Fraction] = defaultdict(Fraction)
    for cluster, weight in weights.items():
        addresses = members.get(cluster) or [""]  # a class that nobody is in
        for address in addresses:
            shares[address] += Fraction(weight, sum(weights.values()) * len(addresses))
    return dict(shares)


def _find_virtual_host(routes: Mapping[str, Any], name: str) -> Any:
    configurations = (one.get("route_config") or {} for one in routes.get("configs") or ())
    hosts = (host for configuration in configurations for host in configuration.get("virtual_hosts") or ())
    return next((host for host in hosts if host["name"] == name), {})


def _find_weights(found: Any) -> Iterator[tuple[str, int]]:
    """Find what requests go to, with its weight, wherever it stands in a dump of routes."""
    if isinstance(found, dict):
        if "weighted_clusters" in found:
            yield from ((one["name"], one.get("weight", 0)) for one in found["weighted_clusters"]["clusters"])
        elif isinstance(found.get("cluster"), str):
            yield found["cluster"], 1
        else:
            for inner in found.values():
                yield from _find_weights(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _find_weights(inner)


def _list_addresses(cluster: Mapping[str, Any]) -> list[str]:
    hosts = (host["address"] for host in cluster.get("host_statuses") or ())
    return [address["socket_address"]["address"] for address in hosts if "socket_address" in address]
