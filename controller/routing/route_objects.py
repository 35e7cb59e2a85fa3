"""Which objects does loadBalancing.httpRoute add to a pool's, in which order? No reader falls between two writes.

A replica that changes its class first joins its new Service, then the route changes, then it leaves the old one. A
slice that gains some and loses others gains first; the next plan, which follows at once, finds no one to gain.
A class that empties keeps its last members, with weight 0 in the route: Contour and Istio apply slices before the
route, and would have no endpoint for the readers that they still send there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.observed.observed import ObservedPool
from controller.resources.endpoint_slices import Freshness, ReadEndpoint, list_slices, read_routes
from controller.resources.http_route import (
    build_class_service,
    build_class_slices,
    build_http_route,
    class_service_name,
    read_idle_backends,
)
from readpool.kubernetes.kinds import HTTP_ROUTE, SERVICE, Manifest, key_of


@dataclass(frozen=True, slots=True)
class _Class:
    """A class's Service: who is to be in it, who is in it still and wanted in the other, what slices it has.

    `lasting` are those in it whose pods are there still; `is_idle`: the route that is in force sends no one to it.
    """

    freshness: Freshness
    wanted: Sequence[ReadEndpoint]
    leaving: Sequence[ReadEndpoint]
    lasting: Sequence[ReadEndpoint]
    gains: bool
    is_idle: bool
    live: Sequence[Manifest]

    @property
    def members(self) -> Sequence[ReadEndpoint]:
        """Who is to be in it after the next write."""
        if not self.wanted:
            return self.lasting
        return [*self.wanted, *self.leaving] if self.gains and not self.is_idle else self.wanted

    @property
    def is_before_route(self) -> bool:
        """Whether its slices have to be there when the route is told."""
        return self.gains or not self.leaving or (self.is_idle and bool(self.wanted))


def is_route_missed(observed: ObservedPool) -> bool:
    """Return whether a route is asked for, and the cluster does not know what that is."""
    return observed.pool.spec.load_balancing.http_route is not None and HTTP_ROUTE not in observed.optional_kinds


def build_route_objects(
    observed: ObservedPool, port: int, endpoints: Sequence[ReadEndpoint], present: Sequence[ReadEndpoint]
) -> Sequence[dict[str, Any]]:
    """Build Services, slices and route in the order of their writing; nothing where no route is asked for or known.

    `present` are all whose pods are there, whether readers are sent to them or not.
    Services that there are stay while a route is asked for: that its kind is not known may be a moment's error, and the
    route goes on sending readers to them.
    Where a Service of that name is somebody else's, only that Service is given, for the stall that it is: our slices
    would put our replicas behind it, and our route would send readers to theirs.
    """
    pool, route = observed.pool, observed.pool.spec.load_balancing.http_route
    services = [build_class_service(pool, freshness) for freshness in Freshness]
    is_known = HTTP_ROUTE in observed.optional_kinds
    if route is None or not (is_known or any(key_of(SERVICE, service) in observed.children for service in services)):
        return []
    taken = [service for service in services if key_of(SERVICE, service) in observed.name_conflicts]
    if taken:
        return taken
    lasting = present if endpoints else ()  # where no one serves, the route sends readers to the fresh ones
    classes = [_find_class(observed, freshness, endpoints, lasting) for freshness in Freshness]
    slices: Mapping[bool, list[dict[str, Any]]] = {True: [], False: []}
    for one in classes:
        slices[one.is_before_route].extend(build_class_slices(pool, one.freshness, port, one.members, one.live))
    routes = [build_http_route(pool, route, endpoints)] if is_known else []
    return [*services, *slices[True], *routes, *slices[False]]


def _find_class(
    observed: ObservedPool, freshness: Freshness, endpoints: Sequence[ReadEndpoint], lasting: Sequence[ReadEndpoint]
) -> _Class:
    name = class_service_name(observed.pool.name, freshness)
    live = list_slices(observed.children, name)
    there = {(pod, one.uid) for pod, one in read_routes(live).items()}
    wanted = [one for one in endpoints if one.freshness is freshness]
    return _Class(
        freshness,
        wanted,
        leaving=[one for one in endpoints if one.freshness is not freshness and (one.pod, one.uid) in there],
        lasting=[one for one in lasting if (one.pod, one.uid) in there],
        gains=any((one.pod, one.uid) not in there for one in wanted),
        is_idle=name in read_idle_backends(observed.find(HTTP_ROUTE, observed.pool.name)),
        live=live,
    )
