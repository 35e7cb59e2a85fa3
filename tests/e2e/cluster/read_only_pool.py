"""A ReadOnlyPool of real stellar-core in the cluster: its manifest, and what is seen of it and of all that it owns."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devtools.cluster.access import Access
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.core_configuration import HISTORY_PORT, PEER_PORT, VALIDATOR_KEY
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.keda_view import KedaView
from tests.e2e.cluster.scaled_fleet import Lack
from tests.private_override import build_private_override

Manifest = dict[str, Any]
CORE = "stellar-core"
"""The container that runs stellar-core, in each pod of a pool."""
SETTLED_SECONDS = 180.0
LAG_THRESHOLD = 10
POOL_LABEL = "stellar.org/pool"
SERVICE_LABEL = "kubernetes.io/service-name"
WEIGHT = "stellar.org/weight"


def build_override(network: CoreNetwork, *, has_neighbours: bool = False) -> str:
    """Build the coreConfigOverride of a pool that follows the network, by its validator alone or by neighbours too."""
    return build_private_override(
        f"{network.network.validator_host}:{PEER_PORT}",
        VALIDATOR_KEY.account,
        is_accelerated=network.network.is_accelerated,
        has_neighbours=has_neighbours,
    )


def build_pool(name: str, network: CoreNetwork, **spec: Any) -> Manifest:
    """Build a pool that follows the network, three replicas as a rule; `spec` goes over it, field by field."""
    image, _, tag = network.image.rpartition(":")
    host = network.network.validator_host
    ours: Manifest = {
        "network": "Custom",
        "networkPassphrase": network.network.passphrase,
        "image": image,
        "version": tag,
        "minReplicas": 1,
        "targetReplicas": 3,
        "maxReplicas": 6,
        "autoscaling": {"sustainSeconds": 10, "scaleDownStabilizationSeconds": 10},
        "loadBalancing": {"enabled": True, "lagThreshold": LAG_THRESHOLD, "updateIntervalSeconds": 5},
        "historyArchiveUrls": [f"http://{host}:{HISTORY_PORT}"],
        "coreConfigOverride": build_override(network),
        "resources": {"requests": {"cpu": "5m", "memory": "40Mi"}, "limits": {"memory": "256Mi"}},
        "storage": {"storageClass": "standard", "size": "64Mi"},
        "template": {"spec": {"terminationGracePeriodSeconds": 5}},
    }
    return {
        "apiVersion": "stellar.org/v1alpha1",
        "kind": "ReadOnlyPool",
        "metadata": {"name": name},
        "spec": ours | spec,
    }


@dataclass(frozen=True, slots=True)
class PoolView:
    """One pool as its owner sees it."""

    access: Access
    namespace: str
    name: str

    @property
    def keda(self) -> KedaView:
        """Its ScaledObject and the HPA."""
        return KedaView(self.access, self.namespace, self.name)

    def pool(self) -> Manifest:
        """Return it as it is now; empty while it is not there."""
        return self.access.get("readonlypool", self.name, self.namespace) or {}

    def status(self) -> Manifest:
        """Return its status; empty while it has none."""
        status: Manifest = self.pool().get("status") or {}
        return status

    def condition(self, kind: str) -> Manifest:
        """Return a condition of it; empty while it has none."""
        return next((one for one in self.status().get("conditions") or () if one["type"] == kind), {})

    def pods(self) -> list[Manifest]:
        """List its pods that are not on their way out, by name."""
        found = self.access.list("pods", self.namespace, f"{POOL_LABEL}={self.name}")
        return _choose_staying(found)

    def uids(self) -> dict[str, str]:
        """Return the uid of each pod that is not on its way out, by name."""
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.pods()}

    def starts(self) -> dict[str, tuple[str, int]]:
        """Return each pod's uid and how often its containers were restarted, by name: other if anything was."""
        return {
            pod["metadata"]["name"]: (
                pod["metadata"]["uid"],
                sum(container["restartCount"] for container in pod["status"].get("containerStatuses") or ()),
            )
            for pod in self.pods()
        }

    def pod(self, ordinal: int) -> str:
        """Name a replica."""
        return f"{self.name}-{ordinal}"

    def replica(self, pod: str) -> Manifest:
        """Return what status says of a replica; empty while it says nothing."""
        return next((one for one in self.status().get("replicaWeights") or () if one["replicaName"] == pod), {})

    def routed(self) -> dict[str, int]:
        """Return the weight of each pod that readers are sent to, from the EndpointSlices of the read Service."""
        return _read_weights(self.access.list("endpointslices", self.namespace, f"{SERVICE_LABEL}={self.name}"))

    def look(self) -> tuple[list[Manifest], Manifest, dict[str, int]]:
        """Return its pods, its status and who is routed to, by one call: as near to one moment as can be."""
        found = self.access.list("pods,readonlypools,endpointslices", self.namespace)
        pods, pools, slices = ([one for one in found if one["kind"] == kind] for kind in _LOOKED_AT)
        ours = [pod for pod in pods if pod["metadata"]["labels"].get(POOL_LABEL) == self.name]
        status = next((pool.get("status") or {} for pool in pools if pool["metadata"]["name"] == self.name), {})
        read = [part for part in slices if part["metadata"]["labels"].get(SERVICE_LABEL) == self.name]
        return _choose_staying(ours), status, _read_weights(read)

    def events(self, reason: str) -> list[Manifest]:
        """List the Events of it with this reason."""
        found = self.access.list("events.events.k8s.io", self.namespace)
        return [one for one in found if one.get("reason") == reason and one["regarding"].get("name") == self.name]

    def change(self, spec: Manifest) -> None:
        """Merge a part of a spec into the pool's, as `kubectl edit` would."""
        patch = json.dumps({"spec": spec})
        self.access.kubectl(
            "patch", "rop", self.name, f"--namespace={self.namespace}", "--type=merge", f"--patch={patch}"
        )

    def wait_for(self, what: str, is_so: Callable[[], object], seconds: float = SETTLED_SECONDS) -> None:
        """Wait until something is so; what status says goes into the error."""
        try:
            wait_for(f"{self.namespace}/{self.name}: {what}", is_so, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; status: {self.status()}") from error

    def wait_until_fresh(self, replicas: int, seconds: float = SETTLED_SECONDS) -> None:
        """Wait until it has this many replicas, all of them ready and fresh, and nothing is to be done."""

        def find() -> Lack | bool:
            status = self.status()
            counts = [status.get(f"{which}Replicas") for which in ("current", "ready", "fresh")]
            if counts != [replicas] * 3:
                return Lack(f"current, ready, fresh: {counts}")
            unlike = [kind for kind, wanted in _SETTLED.items() if self.condition(kind).get("status") != wanted]
            return Lack(f"{unlike} not as they are when it is settled") if unlike else True

        self.wait_for(f"{replicas} fresh replicas", find, seconds)


_LOOKED_AT = ("Pod", "ReadOnlyPool", "EndpointSlice")
_SETTLED = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Fresh": "True", "Routing": "True"}


def _choose_staying(pods: list[Manifest]) -> list[Manifest]:
    """Choose those that are not on their way out, by name."""
    staying = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return sorted(staying, key=lambda pod: str(pod["metadata"]["name"]))


def _read_weights(slices: list[Manifest]) -> dict[str, int]:
    """Read the weight of each pod that is in a slice."""
    return {
        endpoint["targetRef"]["name"]: int(part["metadata"]["annotations"][WEIGHT])
        for part in slices
        for endpoint in part.get("endpoints") or ()
    }


def apply_pool(access: Access, namespace: str, manifest: Manifest) -> PoolView:
    """Apply a pool as its owner does."""
    access.apply(manifest, namespace=namespace)
    return PoolView(access, namespace, str(manifest["metadata"]["name"]))
