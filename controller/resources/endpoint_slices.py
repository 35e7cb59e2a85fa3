"""EndpointSlices NAME-fresh-0, NAME-lagging-0 …: one weight and one port a slice: an endpoint has no field for them.

Membership is stable: an endpoint stays where it is while its class and weight are those of its slice; a slice goes by
the weight that most of its members have, so that a new freshNodeWeight is one annotation and no move. An endpoint joins
its new slice before it leaves the old one: kube-proxy looks at each slice by itself.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from typing import Any

from controller.observed.labels import (
    FRESHNESS_LABEL,
    SERVICE_LABEL,
    WEIGHT_ANNOTATION,
    build_metadata,
    read_number,
)
from controller.resources.read_service import PORT_NAME
from readpool.kubernetes.kinds import ENDPOINT_SLICE, Manifest, ObjectKey
from readpool.pool.scalars import MAX_WEIGHT
from readpool.pool.spec import ReadOnlyPool

MAX_ENDPOINTS = 100
MANAGED_BY = "readpool-controller"
FAMILIES = IPV4, IPV6 = "IPv4", "IPv6"
_SAME_NODE = "PreferSameNode"
_NEAR = ("PreferClose", "PreferSameZone", _SAME_NODE)
"""What a Service's trafficDistribution may be."""


def family_of(address: str) -> str:
    """Return which family an address is of, as EndpointSlices and Services name it."""
    return IPV6 if ":" in address else IPV4


class Freshness(StrEnum):
    """The two kinds of slice, as their label says it."""

    FRESH = "fresh"
    LAGGING = "lagging"


@dataclass(frozen=True, slots=True)
class ReadEndpoint:
    """A replica that readers are sent to, with its weight, which is more than 0.

    `port` is where its own pod answers readers; None where that is not known, and it is where new pods do. Its
    `other_address`, of the other family, is given to readers too where their Service has both.
    """

    pod: str
    uid: str
    address: str
    freshness: Freshness
    weight: int
    node: str = ""
    zone: str = ""
    port: int | None = None
    other_address: str = ""

    @property
    def family(self) -> str:
        """IPv4 or IPv6; a slice holds one of them."""
        return family_of(self.address)


@dataclass(slots=True)
class _Slice:
    """A slice while it is put together."""

    name: str
    key: tuple[str, int, int]
    members: list[ReadEndpoint] = field(default_factory=list)


def build_endpoint_slices(
    pool: ReadOnlyPool,
    service: str,
    port: int,
    endpoints: Iterable[ReadEndpoint],
    live: Sequence[Manifest],
    distribution: str = "",
) -> list[dict[str, Any]]:
    """Build the slices of a Service from all its endpoints, in the order in which they are to be written.

    Live ones that are not among them are to be deleted, after that. `port` is that of pods which say none themselves.
    `live` are the slices that the Service has now, from which members move only with cause. `distribution` is the
    Service's trafficDistribution, by which endpoints get hints.
    """
    told = (endpoint if endpoint.port is not None else replace(endpoint, port=port) for endpoint in endpoints)
    wanted = sorted(told, key=lambda endpoint: (len(endpoint.pod), endpoint.pod))
    zones = _read_zones(live)
    built: list[dict[str, Any]] = []
    for freshness in Freshness:
        of_class = {endpoint.pod: endpoint for endpoint in wanted if endpoint.freshness is freshness}
        slices: list[_Slice] = []
        for members in _part_by_family(of_class):
            slices += _keep(members, f"{service}-{freshness}-", live)
            _place(members, f"{service}-{freshness}-", slices, live)
        slices.sort(key=lambda one: (len(one.name), one.name))
        built += [_build(pool, service, freshness, one, zones, distribution) for one in slices]
    return _order(built, live)


def list_slices(children: Mapping[ObjectKey, Manifest], service: str) -> list[Manifest]:
    """List the slices of a Service among what a pool owns, by their names, which are ours to give."""
    prefixes = tuple(f"{service}-{freshness}-" for freshness in Freshness)
    slices = (manifest for key, manifest in children.items() if key.kind == ENDPOINT_SLICE)
    return [one for one in slices if one["metadata"]["name"].rpartition("-")[0] + "-" in prefixes]


@dataclass(frozen=True, slots=True)
class CurrentEndpoint:
    """What an endpoint has at present."""

    uid: str
    weight: int
    freshness: Freshness


def read_routes(slices: Iterable[Manifest]) -> dict[str, CurrentEndpoint]:
    """Read what is in force, by the pod's name."""
    return {
        target.get("name", ""): CurrentEndpoint(target.get("uid", ""), weight, _read_freshness(manifest))
        for manifest in slices
        if (weight := _read_weight(manifest)) is not None
        for endpoint in manifest.get("endpoints") or ()
        if (target := endpoint.get("targetRef"))
    }


def _part_by_family(endpoints: Mapping[str, ReadEndpoint]) -> Iterator[dict[str, ReadEndpoint]]:
    """Part endpoints by the family of their addresses; those that have both are in either part."""
    for family in FAMILIES:
        both = ((pod, (one, replace(one, address=one.other_address))) for pod, one in endpoints.items())
        yield {pod: one for pod, known in both for one in known if one.address and one.family == family}


def _keep(endpoints: Mapping[str, ReadEndpoint], prefix: str, live: Sequence[Manifest]) -> list[_Slice]:
    """Leave in each live slice the members that may stay there."""
    taken: set[str] = set()
    kept = []
    for manifest in sorted(live, key=lambda one: (len(one["metadata"]["name"]), one["metadata"]["name"])):
        name = manifest["metadata"]["name"]
        if not name.removeprefix(prefix).isdigit() or not name.startswith(prefix):
            continue
        named = [str((one.get("targetRef") or {}).get("name")) for one in manifest.get("endpoints") or ()]
        family = manifest.get("addressType", "")
        members = [endpoints[pod] for pod in dict.fromkeys(named) if pod in endpoints and pod not in taken]
        port = _choose_port(members, manifest)
        members = [member for member in members if (member.family, member.port) == (family, port)]
        weight = _choose_weight(members, _read_weight(manifest))
        one = _Slice(name, (family, weight, port), [m for m in members if m.weight == weight][:MAX_ENDPOINTS])
        taken.update(member.pod for member in one.members)
        kept.append(one)
    return [one for one in kept if one.members]


def _choose_port(members: Sequence[ReadEndpoint], live: Manifest) -> int:
    """Choose the port of a slice: its own while a member has that, so that no one is led to a port that it has not."""
    current = next((port.get("port") for port in live.get("ports") or ()), None)
    ports = [member.port or 0 for member in members]
    return current if current in ports else max(Counter(ports).items(), key=lambda one: one[::-1], default=(0, 0))[0]


def _choose_weight(members: Sequence[ReadEndpoint], current: int | None) -> int:
    counted = Counter(member.weight for member in members)
    return max(counted, key=lambda weight: (counted[weight], weight == current, weight), default=0)


def _place(endpoints: Mapping[str, ReadEndpoint], prefix: str, slices: list[_Slice], live: Sequence[Manifest]) -> None:
    """Put everyone who is nowhere yet into the first slice of its weight that has room."""
    placed = {(member.pod, member.family) for one in slices for member in one.members}
    names = {one.name for one in slices}
    families = {manifest["metadata"]["name"]: manifest.get("addressType") for manifest in live}
    for pod, endpoint in endpoints.items():
        if (pod, endpoint.family) in placed:
            continue
        key = (endpoint.family, endpoint.weight, endpoint.port or 0)
        room = next((one for one in slices if one.key == key and len(one.members) < MAX_ENDPOINTS), None)
        if room is None:
            # A slice's family can never change, so the name of one that is to go is free for its own family alone.
            numbered = (f"{prefix}{number}" for number in count())
            name = next(
                one for one in numbered if one not in names and families.get(one, endpoint.family) == endpoint.family
            )
            room = _Slice(name, key)
            slices.append(room)
            names.add(name)
        room.members.append(endpoint)


def _build(
    pool: ReadOnlyPool,
    service: str,
    freshness: Freshness,
    one: _Slice,
    zones: Mapping[str, str],
    distribution: str,
) -> dict[str, Any]:
    labels = {
        SERVICE_LABEL: service,
        "endpointslice.kubernetes.io/managed-by": MANAGED_BY,
        FRESHNESS_LABEL: str(freshness),
    }
    family, weight, port = one.key
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": build_metadata(pool, one.name, labels=labels, annotations={WEIGHT_ANNOTATION: str(weight)}),
        "addressType": family,
        "ports": [{"name": PORT_NAME, "port": port, "protocol": "TCP", "appProtocol": "http"}],
        "endpoints": [
            _build_endpoint(pool, member, zones.get(member.node, ""), distribution) for member in one.members
        ],
    }


def _build_endpoint(pool: ReadOnlyPool, member: ReadEndpoint, known_zone: str, distribution: str) -> dict[str, Any]:
    endpoint: dict[str, Any] = {
        "addresses": [member.address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": pool.namespace, "name": member.pod, "uid": member.uid},
    }
    zone = member.zone or known_zone
    endpoint |= ({"nodeName": member.node} if member.node else {}) | ({"zone": zone} if zone else {})
    hints = _build_hints(distribution, member.node, zone)
    return endpoint | ({"hints": hints} if hints else {})


def _build_hints(distribution: str, node: str, zone: str) -> dict[str, Any]:
    """Build whose readers an endpoint is for, as Kubernetes does it for Services with a selector."""
    if distribution not in _NEAR:
        return {}
    near = {"forZones": [{"name": zone}]} if zone else {}
    return near | ({"forNodes": [{"name": node}]} if node and distribution == _SAME_NODE else {})


def _read_zones(live: Iterable[Manifest]) -> dict[str, str]:
    """Read which zone each node is in, as far as slices have said it; a node does not change its zone."""
    endpoints = [endpoint for manifest in live for endpoint in manifest.get("endpoints") or ()]
    return {e["nodeName"]: e["zone"] for e in endpoints if e.get("nodeName") and e.get("zone")}


def _order(built: Iterable[dict[str, Any]], live: Iterable[Manifest]) -> list[dict[str, Any]]:
    """Put slices that gain members before those that lose some.

    Where two exchange members, one write cannot be before the other: then the lagging slice is first, so that it is a
    replica that gets better which is nowhere for a moment, and one that gets worse loses its share at once.
    """
    before = {one["metadata"]["name"]: _read_pods(one) for one in live}

    def rank(one: Manifest) -> tuple[bool, bool, bool]:
        there, wanted = before.get(one["metadata"]["name"], frozenset()), _read_pods(one)
        return not wanted - there, bool(there - wanted), _read_freshness(one) is Freshness.FRESH

    return sorted(built, key=rank)


def _read_pods(manifest: Manifest) -> frozenset[tuple[str, str]]:
    targets = [one.get("targetRef") or {} for one in manifest.get("endpoints") or ()]
    return frozenset((target.get("name", ""), target.get("uid", "")) for target in targets)


def _read_freshness(manifest: Manifest) -> Freshness:
    is_lagging = manifest["metadata"].get("labels", {}).get(FRESHNESS_LABEL) == Freshness.LAGGING
    return Freshness.LAGGING if is_lagging else Freshness.FRESH


def _read_weight(manifest: Manifest) -> int | None:
    weight = read_number(manifest, WEIGHT_ANNOTATION)
    return None if weight is None else min(weight, MAX_WEIGHT)
