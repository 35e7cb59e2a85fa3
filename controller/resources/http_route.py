"""HTTPRoute NAME, and the Services NAME-fresh and NAME-lagging that it spreads reads over: for gateways and meshes.

A backend of a route is a Service, and all endpoints of a Service are alike to it. So each class has a Service of its
own, which weighs what its endpoints weigh together. routing.route_objects says in which order they are written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.gate.gate import READ_PORT
from controller.observed.labels import FRESHNESS_LABEL, build_metadata
from controller.resources.endpoint_slices import Freshness, ReadEndpoint, build_endpoint_slices
from controller.resources.read_service import PORT_NAME
from readpool.kubernetes.kinds import HTTP_ROUTE, SERVICE, Manifest
from readpool.pool.spec import HttpRoute, ParentRef, ReadOnlyPool

MOST_WEIGHT = 1_000_000
"""What the Gateway API takes."""
_ALIKE = 1
"""The weight of an endpoint within its class: a new weight concerns the route alone, and moves no one."""


def class_service_name(pool_name: str, freshness: Freshness) -> str:
    """Name the Service of a class of replicas."""
    return f"{pool_name}-{freshness}"


def build_class_service(pool: ReadOnlyPool, freshness: Freshness) -> dict[str, Any]:
    """Build the Service of a class; it has no selector, as the pool's own has none."""
    name = class_service_name(pool.name, freshness)
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": build_metadata(pool, name, labels={FRESHNESS_LABEL: str(freshness)}),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": PORT_NAME, "port": READ_PORT, "protocol": "TCP", "appProtocol": "http"}],
        },
    }


def build_class_slices(
    pool: ReadOnlyPool,
    freshness: Freshness,
    port: int,
    members: Iterable[ReadEndpoint],
    live: Sequence[Manifest],
) -> list[dict[str, Any]]:
    """Build the slices of a class's Service from those who are to be in it; `live` are those that it has."""
    alike = [replace(member, freshness=freshness, weight=_ALIKE, other_address="") for member in members]
    return build_endpoint_slices(pool, class_service_name(pool.name, freshness), port, alike, live)


def build_http_route(pool: ReadOnlyPool, route: HttpRoute, endpoints: Iterable[ReadEndpoint]) -> dict[str, Any]:
    """Build the route. A class without endpoints weighs nothing; where none has any, the fresh ones are waited for."""
    weights = compute_backend_weights(endpoints)
    backends = [
        {
            "group": "",
            "kind": "Service",
            "name": class_service_name(pool.name, freshness),
            "port": READ_PORT,
            "weight": weights[freshness],
        }
        for freshness in Freshness
    ]
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {
            "parentRefs": [_build_parent(pool, parent) for parent in route.parent_refs],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends}],
        },
    }


def compute_backend_weights(endpoints: Iterable[ReadEndpoint]) -> Mapping[Freshness, int]:
    """Compute what each class weighs: the sum of its endpoints' weights, within what the API takes."""
    sums = dict.fromkeys(Freshness, 0)
    for endpoint in endpoints:
        sums[endpoint.freshness] += endpoint.weight
    most = max(sums.values())
    if most == 0:
        return sums | {Freshness.FRESH: 1}
    if most <= MOST_WEIGHT:
        return sums
    return {freshness: -(-weight * MOST_WEIGHT // most) for freshness, weight in sums.items()}


def read_idle_backends(route: Manifest | None) -> frozenset[str]:
    """Read which Services the route that is in force sends no one to; none where there is no route."""
    rules = (route or {}).get("spec", {}).get("rules") or ()
    backends = [one for rule in rules for one in rule.get("backendRefs") or ()]
    return frozenset(one.get("name", "") for one in backends if one.get("weight", 1) == 0)


def _build_parent(pool: ReadOnlyPool, parent: ParentRef) -> dict[str, Any]:
    """Build a parent with the API's own defaults written out, so that nothing differs from what it gives back."""
    kind = parent.kind or "Gateway"
    group = parent.group
    if group is None:
        group = "" if kind == SERVICE.name else HTTP_ROUTE.group
    named = {"sectionName": parent.section_name, "port": parent.port}
    return {
        "group": group,
        "kind": kind,
        "namespace": parent.namespace or pool.namespace,
        "name": parent.name,
    } | {name: value for name, value in named.items() if value is not None}
