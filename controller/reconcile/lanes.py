"""Which writes of a plan are its readers', and which wait for others? The readers' have a lane of their own.

Under reconcile.reconcile: slices and routes are written by the readers' lane, all else by the other one, which ends
and shrinks nothing before the readers have been told.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from controller.observed.labels import SERVICE_LABEL, checkpoint_name
from controller.observed.observed import ObservedPool
from controller.plan.plan import Plan
from controller.resources.endpoint_slices import Freshness, list_slices
from controller.resources.http_route import class_service_name
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    POD,
    PVC,
    SERVICE,
    STATEFUL_SET,
    Manifest,
    ObjectKey,
    key_of,
    kind_of,
)

OF_READERS = (ENDPOINT_SLICE, HTTP_ROUTE)
_AFTER_READERS = (POD, PVC)


def list_reader_writes(plan: Plan, observed: ObservedPool) -> list[Manifest]:
    """List the slices and routes to write now, in their order."""
    return [one for one in plan.apply if kind_of(one) in OF_READERS and not _is_held(one, observed)]


def list_held_writes(plan: Plan, observed: ObservedPool) -> list[Manifest]:
    """List the routes that wait for their Services, which the other lane makes."""
    return [one for one in plan.apply if kind_of(one) in OF_READERS and _is_held(one, observed)]


def list_other_writes(plan: Plan) -> list[Manifest]:
    """List what else is to be applied, but for a StatefulSet that gets smaller."""
    return [one for one in plan.apply if kind_of(one) not in OF_READERS]


def list_reader_deletions(plan: Plan) -> list[ObjectKey]:
    """List the routes and slices to delete, in their order, each unless it `is_needed`."""
    return [key for key in plan.delete if key.kind in OF_READERS]


def is_needed(key: ObjectKey, observed: ObservedPool, unwritten: AbstractSet[ObjectKey]) -> bool:
    """Return whether a slice serves somebody until what is unwritten does: others of its Service, or a route to it."""
    manifest = observed.children.get(key)
    if key.kind != ENDPOINT_SLICE or not _read_uids(manifest) & _list_alive(observed):
        return False
    service, pool = _read_service(manifest or {}), observed.pool
    is_of_route = service in {class_service_name(pool.name, freshness) for freshness in Freshness}
    return any(
        one == ObjectKey(SERVICE, pool.namespace, service)
        or (one.kind == HTTP_ROUTE and is_of_route)
        or (one.kind == ENDPOINT_SLICE and _may_be_of(one, service, observed))
        for one in unwritten
    )


def list_other_deletions(plan: Plan, observed: ObservedPool) -> list[ObjectKey]:
    """List what else is to be deleted; replicas and volumes only once readers have been told, backends after routes."""
    are_told = are_readers_told(plan, observed)
    is_routed = any(key.kind == HTTP_ROUTE for key in plan.delete)
    held = (*(() if are_told else _AFTER_READERS), *((SERVICE,) if is_routed else ()))
    return [key for key in plan.delete if key.kind not in (*OF_READERS, *held)]


def are_readers_told(plan: Plan, observed: ObservedPool) -> bool:
    """Return whether slices and routes match the plan, except for a route that cannot be written."""
    keys = [key_of(kind_of(one), one) for one in list_reader_writes(plan, observed)] + list_reader_deletions(plan)
    stuck = {key for key in keys if key.kind == HTTP_ROUTE and observed.is_held(key)}
    return all(key in stuck or is_needed(key, observed, stuck) for key in keys)


def list_needs(key: ObjectKey, plan: Plan, observed: ObservedPool, *, is_guarded: bool) -> set[ObjectKey]:
    """List what is to be applied before an object, and has to be there by then.

    A StatefulSet needs its replicas' configuration and claims and, unless a gate guards them, their NetworkPolicy. A
    route that is in force needs the slices that bring the first members of a class: before, no one answers there.
    """
    if key.kind == HTTP_ROUTE:
        return set(_list_first_slices(key, plan, observed))
    if key.kind != STATEFUL_SET:
        return set()
    there = {claim["metadata"]["name"] for claim in observed.claims}
    needed = (CONFIG_MAP, PVC) if is_guarded else (CONFIG_MAP, PVC, NETWORK_POLICY)
    applied = (key_of(kind_of(one), one) for one in plan.apply)
    there.add(checkpoint_name(observed.pool.name))  # replicas start without it as well
    return {one for one in applied if one.kind in needed and one.name not in there}


def _list_first_slices(route: ObjectKey, plan: Plan, observed: ObservedPool) -> Iterator[ObjectKey]:
    """List the slices to be written of the classes in which no one is alive, where there is a route already."""
    if route not in observed.children:
        return
    alive = _list_alive(observed)
    names = [class_service_name(observed.pool.name, freshness) for freshness in Freshness]
    live = {name: list_slices(observed.children, name) for name in names}
    empty = {name for name, slices in live.items() if not any(_read_uids(one) & alive for one in slices)}
    for manifest in plan.apply:
        key = key_of(kind_of(manifest), manifest)
        if key.kind == ENDPOINT_SLICE and _read_service(manifest) in empty:
            yield key


def list_touched(plan: Plan, observed: ObservedPool) -> set[ObjectKey]:
    """List the objects that a plan would write or delete."""
    namespace = observed.pool.namespace
    applied = {key_of(kind_of(one), one) for one in plan.applied}
    return applied | set(plan.delete) | {ObjectKey(POD, namespace, patch.name) for patch in plan.pod_patches}


def list_services(manifest: Manifest, observed: ObservedPool) -> set[ObjectKey]:
    """List the Services that are not ours yet, and have to be no one's before a slice that is new may name them."""
    if kind_of(manifest) != ENDPOINT_SLICE or key_of(ENDPOINT_SLICE, manifest) in observed.children:
        return set()
    return {ObjectKey(SERVICE, observed.pool.namespace, _read_service(manifest))} - observed.children.keys()


def _read_service(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][SERVICE_LABEL])


def _is_held(manifest: Manifest, observed: ObservedPool) -> bool:
    """Return whether a route that is not there yet waits for its backends."""
    if kind_of(manifest) != HTTP_ROUTE or key_of(HTTP_ROUTE, manifest) in observed.children:
        return False
    names = (class_service_name(observed.pool.name, freshness) for freshness in Freshness)
    return any(observed.find(SERVICE, name) is None for name in names)


def _may_be_of(key: ObjectKey, service: str, observed: ObservedPool) -> bool:
    """Return whether a slice is of a Service; of one that is not there yet no one knows."""
    manifest = observed.children.get(key)
    return manifest is None or _read_service(manifest) == service


def _list_alive(observed: ObservedPool) -> set[str]:
    """List the uids of pods that are not told to end."""
    return {pod["metadata"].get("uid", "") for pod in observed.pods if not pod["metadata"].get("deletionTimestamp")}


def _read_uids(manifest: Manifest | None) -> set[str]:
    endpoints = (manifest or {}).get("endpoints") or ()
    return {(endpoint.get("targetRef") or {}).get("uid", "") for endpoint in endpoints}
