"""Where a soak happens: a cluster of ours, a pool behind the chart's routers, the network that it follows."""

from dataclasses import dataclass

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.pool_router import PoolRouter
from tests.e2e.cluster.read_only_pool import Manifest, PoolView, build_pool
from tests.e2e.cluster.shared_release import NAMESPACE
from tests.soak.acts import CONTROLLER, GATE, KEDA, REPLICA, ROUTER, SCALER
from tests.soak.history import Rules

POOL = "soak"
NEEDED_FAULTS = ("stop_process", "kill_process", "cut_network", "stop_part")
_CONTAINERS = {
    REPLICA: "stellar-core",
    GATE: "gate",
    ROUTER: "router",
    SCALER: "scaler",
    CONTROLLER: "controller",
    KEDA: "keda-operator",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The cluster and what runs on it; the pool's manifest is what its user goes back to."""

    cluster: ProvidedCluster
    router: PoolRouter
    network: CoreNetwork
    manifest: Manifest

    @property
    def pool(self) -> PoolView:
        """The pool."""
        return self.router.pool

    @property
    def rules(self) -> Rules:
        """What holds for it."""
        spec = self.manifest["spec"]
        target, least, most = (spec[f"{which}Replicas"] for which in ("target", "min", "max"))
        return Rules(target, least, most, spec["autoscaling"]["sustainSeconds"], spec["loadBalancing"]["lagThreshold"])

    def find_namespace(self, target: str) -> str:
        """Find where the pods of a target are."""
        if target in {REPLICA, GATE}:
            return self.pool.namespace
        return "keda" if target == KEDA else NAMESPACE

    def find_container(self, target: str) -> str:
        """Name the container of a target's pods that is hurt."""
        return _CONTAINERS[target]


def build_soaked_pool(network: CoreNetwork) -> Manifest:
    """Build the pool of a soak: three replicas that KEDA scales, up to six."""
    return build_pool(POOL, network, references=[network.reference], paused=False, gate={"enabled": True})
