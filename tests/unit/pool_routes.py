"""A pool's HTTPRoute as a gateway reads it: from the route to its Services, from these to the pods behind them."""

from readpool.kubernetes.kinds import HTTP_ROUTE, ObjectKey
from tests.unit.pool_world import PoolWorld

HTTP_ROUTE_KEY = ObjectKey(HTTP_ROUTE, "default", "pool")


def read_backends(world: PoolWorld) -> dict[str, tuple[int, dict[str, str]]]:
    """Read where readers are sent, if there is a route: weight, and address by pod, of each Service."""
    route = world.objects.get(HTTP_ROUTE_KEY)
    backends = route["spec"]["rules"][0]["backendRefs"] if route is not None else ()
    return {one["name"]: (one.get("weight", 1), read_addresses(world, one["name"])) for one in backends}


def read_addresses(world: PoolWorld, service: str) -> dict[str, str]:
    """Read who is behind a Service: address by pod."""
    endpoints = [endpoint for manifest in world.list_slices(service) for endpoint in manifest["endpoints"]]
    return {endpoint["targetRef"]["name"]: endpoint["addresses"][0] for endpoint in endpoints}
