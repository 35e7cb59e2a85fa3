"""The router of the shared release before one pool: installed beside what is there, asked, and taken away."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devtools.cluster.provided import ProvidedCluster
from devtools.envoy.envoy_binary import require_envoy
from tests.e2e.cluster.own_release import OwnRelease, fetch_series
from tests.e2e.cluster.read_only_pool import Manifest, PoolView, apply_pool
from tests.e2e.cluster.shared_release import NAMESPACE, install_shared_release

ROUTER = "service/readpool-router"
ROUTER_PORT = 11628
_ENDPOINT_REQUESTS = "envoy_cluster_endpoint_rq_total"
_CONNECTED = "envoy_cluster_control_plane_connected_state"
_COMPONENT = "app.kubernetes.io/component=router"


@dataclass(frozen=True, slots=True)
class PoolRouter:
    """The routers before a pool; `address` is where readers go from here."""

    pool: PoolView
    address: str

    def routers(self) -> list[str]:
        """Name the routers' pods that are not on their way out."""
        found = self.pool.access.list("pods", NAMESPACE, _COMPONENT)
        return [one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"]]

    def is_told(self) -> bool:
        """Return whether each router is connected to a controller."""
        return all(one and min(one.values()) == 1 for one in self._fetch(_CONNECTED))

    def count_connected(self) -> int:
        """Count the connections that routers have to a controller."""
        return sum(int(state) for one in self._fetch(_CONNECTED) for state in one.values())

    def _fetch(self, name: str) -> list[dict[str, float]]:
        return [fetch_series(self.pool.access, NAMESPACE, router, name) for router in self.routers()]

    def count_requests(self) -> dict[str, int]:
        """Count the requests that the routers have sent to each pod of the pool that is there."""
        series = self._fetch(_ENDPOINT_REQUESTS)
        addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in self.pool.pods()}
        written = {pod: f"[{address}]" if ":" in address else address for pod, address in addresses.items()}
        return {
            pod: sum(int(count) for one in series for labels, count in one.items() if f'"{address}:' in labels)
            for pod, address in written.items()
        }


def build_router_values(pool: PoolView) -> dict[str, Any]:
    """Build what a release needs under `router` to have routers before a pool."""
    return {
        "enabled": True,
        "pools": [{"namespace": pool.namespace, "name": pool.name}],
        "resources": {"requests": {"cpu": "10m"}},
    }


@contextlib.contextmanager
def run_routed_pool(
    cluster: ProvidedCluster, release: OwnRelease, namespace: str, manifest: Manifest
) -> Iterator[PoolRouter]:
    """Apply a pool of the shared release, and have two routers before it while the block runs; needs a gate's image.

    All that it is to have are fresh when the block begins.
    """
    assert release.pods()
    if cluster.images.gate is None:
        require_envoy()  # skips with the reason
    pool = apply_pool(cluster.access, namespace, manifest)
    install_shared_release(cluster.access, cluster.images, router=build_router_values(pool))
    try:
        with cluster.access.port_forward(NAMESPACE, ROUTER, ROUTER_PORT) as address:
            pool.wait_until_fresh(manifest["spec"]["targetReplicas"])
            yield PoolRouter(pool, address)
    finally:
        install_shared_release(cluster.access, cluster.images)
