"""Which endpoints does Envoy have for a pool, and how much does each weigh? EndpointSlices in, an assignment out.

A pure function of the slices, so that every replica of the controller says the same, under the same version.
controller.eds.eds_messages encodes it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, TypeGuard

from controller.observed.labels import FRESHNESS_LABEL, SERVICE_LABEL, WEIGHT_ANNOTATION, read_number
from controller.resources.endpoint_slices import Freshness
from readpool.kubernetes.kinds import POOL, Manifest
from readpool.pool.labels import POOL_LABEL

NEUTRAL_WEIGHT = 1
"""Of a slice that says none: it is not ours, and all that say none weigh the same."""
MOST_WEIGHT = 1_000_000
"""Envoy adds the weights of a locality up, within 32 bits."""
_MOST_TOGETHER = 2**32 - 1
_MOST_PORT = 65_535
_VERSION_DIGITS = 16


class Health(StrEnum):
    """What Envoy is told of an endpoint. One that does not serve is left out instead."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    """No one of the pool is fresh: it is read all the same, but after what is healthy elsewhere."""
    DRAINING = "DRAINING"


@dataclass(frozen=True, slots=True, order=True)
class EdsEndpoint:
    """An address that readers are sent to."""

    address: str
    port: int
    weight: int
    health: Health = Health.HEALTHY


@dataclass(frozen=True, slots=True)
class Locality:
    """The endpoints of one zone; "" where none is known. It weighs what they weigh together."""

    zone: str
    endpoints: tuple[EdsEndpoint, ...]

    @property
    def weight(self) -> int:
        """Return the sum of its endpoints' weights, so that Envoys that weigh localities find the same shares."""
        return sum(endpoint.weight for endpoint in self.endpoints)


@dataclass(frozen=True, slots=True)
class Assignment:
    """All endpoints of a pool, zone by zone."""

    localities: tuple[Locality, ...] = ()


def resource_name(namespace: str, service: str) -> str:
    """Name what Envoy subscribes to: the pool's read Service."""
    return f"{namespace}/{service}"


def resource_of(manifest: Manifest) -> str | None:
    """Name the resource that a slice belongs to; None for one of no Service, of a backend of a route, or of no pool."""
    metadata = manifest["metadata"]
    labels = metadata.get("labels") or {}
    service = labels.get(SERVICE_LABEL)
    is_of_pool = labels.get(POOL_LABEL, service) == service
    if not service or not is_of_pool or not is_owned_by_pool(manifest):
        return None
    return resource_name(metadata.get("namespace", ""), service)


def is_owned_by_pool(manifest: Manifest) -> bool:
    """Return whether a pool is what a slice goes with, as all of ours; labels alone anybody's slice may have."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    kinds = [(one.get("apiVersion"), one.get("kind")) for one in owners if one.get("controller")]
    return kinds == [(POOL.api_version, POOL.name)]


def build_assignment(slices: Iterable[Manifest]) -> Assignment:
    """Build the assignment of a Service from all its slices, in whatever order they come.

    While an endpoint moves from one slice to another it may be in both; then the lower weight holds, so that a replica
    that begins to lag loses its share with the first of the two writes. A pod that has addresses of both families is
    one endpoint, at its IPv4 address. Where no slice of fresh ones has anyone, all are degraded: an Envoy that knows of
    this pool alone reads them as before, and one that has another pool behind it goes there first.
    """
    slices = list(slices)
    is_fresh = any(_is_of_fresh(manifest) for manifest in slices)
    least: dict[tuple[str, int], tuple[EdsEndpoint, str]] = {}
    for found, zone in _choose_one_family(slices):
        is_degraded = not is_fresh and found.health is Health.HEALTHY
        endpoint = replace(found, health=Health.DEGRADED) if is_degraded else found
        key = (endpoint.address, endpoint.port)
        if key not in least or _rank(endpoint, zone) < _rank(*least[key]):
            least[key] = (endpoint, zone)
    zones: defaultdict[str, list[EdsEndpoint]] = defaultdict(list)
    for endpoint, zone in least.values():
        zones[zone].append(endpoint)
    least_first = {zone: tuple(sorted(_fit(endpoints))) for zone, endpoints in zones.items()}
    return Assignment(tuple(Locality(zone, least_first[zone]) for zone in sorted(zones)))


def compute_version(assignment: Assignment) -> str:
    """Compute the version of an assignment from what is in it, so that it outlives the process that serves it."""
    localities = assignment.localities
    whole = [(one.zone, [(e.address, e.port, e.weight, str(e.health)) for e in one.endpoints]) for one in localities]
    return hashlib.sha256(repr(whole).encode()).hexdigest()[:_VERSION_DIGITS]


def read_weight(manifest: Manifest) -> int:
    """Read the weight that a slice carries, within what Envoy takes; 0 means that no one in it is wanted."""
    weight = read_number(manifest, WEIGHT_ANNOTATION)
    return NEUTRAL_WEIGHT if weight is None else min(weight, MOST_WEIGHT)


def _is_of_fresh(manifest: Manifest) -> bool:
    """Return whether a slice has readers sent to someone who is not said to lag."""
    labels, weight = manifest["metadata"].get("labels") or {}, read_weight(manifest)
    return bool(weight and labels.get(FRESHNESS_LABEL) != Freshness.LAGGING and [*_read_endpoints(manifest, weight)])


def _fit(endpoints: Sequence[EdsEndpoint]) -> Sequence[EdsEndpoint]:
    """Fit the weights of a locality into what Envoy adds up, in the same proportions."""
    whole = sum(endpoint.weight for endpoint in endpoints)
    if whole <= _MOST_TOGETHER:
        return endpoints
    return [replace(one, weight=max(1, one.weight * _MOST_TOGETHER // (2 * whole))) for one in endpoints]


def _choose_one_family(slices: Iterable[Manifest]) -> Iterator[tuple[EdsEndpoint, str]]:
    """Yield each endpoint of the slices with its zone, but those of IPv6 of pods that have one of IPv4."""
    found = [
        one for manifest in slices if (weight := read_weight(manifest)) for one in _read_endpoints(manifest, weight)
    ]
    with_ipv4 = {pod for endpoint, _, pod in found if pod and ":" not in endpoint.address}
    yield from (
        (endpoint, zone) for endpoint, zone, pod in found if ":" not in endpoint.address or pod not in with_ipv4
    )


def _rank(endpoint: EdsEndpoint, zone: str) -> tuple[int, bool, str]:
    return endpoint.weight, endpoint.health is not Health.DRAINING, zone


def _read_endpoints(manifest: Manifest, weight: int) -> Iterator[tuple[EdsEndpoint, str, str]]:
    port = _read_port(manifest)
    if not _is_port(port) or manifest.get("addressType") == "FQDN":
        return
    for endpoint in manifest.get("endpoints") or ():
        health = _read_health(endpoint.get("conditions") or {})
        addresses = endpoint.get("addresses")
        if health and addresses and _is_address(addresses[0]):  # the API gives no meaning to a second address
            yield EdsEndpoint(addresses[0], port, weight, health), _read_zone(endpoint), _read_pod(endpoint)


def _is_port(port: Any) -> TypeGuard[int]:
    return type(port) is int and 0 < port <= _MOST_PORT


def _is_address(text: Any) -> bool:
    """Return whether Envoy takes an address; one that it does not would cost the pool all others of the answer."""
    try:
        return isinstance(text, str) and "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def _read_zone(endpoint: Mapping[str, Any]) -> str:
    zone = endpoint.get("zone")
    return zone.encode(errors="replace").decode() if isinstance(zone, str) else ""


def _read_pod(endpoint: Mapping[str, Any]) -> str:
    """Read which pod an endpoint is, by its uid; "" where it says none."""
    target = endpoint.get("targetRef")
    return str(target.get("uid") or "") if isinstance(target, Mapping) else ""


def _read_port(manifest: Manifest) -> Any:
    ports = manifest.get("ports") or ()
    return next((port["port"] for port in ports if port.get("port")), None)


def _read_health(conditions: Mapping[str, Any]) -> Health | None:
    """Read the health of an endpoint; what is not said means ready, as the API has it."""
    if conditions.get("terminating"):
        return Health.DRAINING if conditions.get("serving") is not False else None
    is_ready = conditions.get("ready")
    return None if is_ready is False else Health.HEALTHY
