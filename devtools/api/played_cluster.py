"""Plays what an API server alone has not: the StatefulSet controller and the kubelet, as far as a pool sees of them."""

import copy
from typing import TYPE_CHECKING, Any

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import POD, PVC, STATEFUL_SET, Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAYER = "statefulset-controller"


class PlayedCluster:
    """Makes pods of StatefulSets in one namespace, through the API.

    Attributes:
        nodes: that pods are on, in turn by their ordinals.
    """

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self.nodes: Sequence[str] = ("node-1",)
        self._client = client
        self._namespace = namespace

    async def run_pods(self, pool: str, *, are_ready: bool = True, network: int = 1) -> list[Manifest]:
        """Make all pods and claims that a pool's StatefulSet wants, take away those that it does not, and run them."""
        stateful_set = await self._client.get(STATEFUL_SET, self._namespace, pool)
        assert stateful_set is not None
        names = [f"{pool}-{ordinal}" for ordinal in range(stateful_set["spec"]["replicas"])]
        found, _ = await self._client.list(POD, self._namespace, selector=f"stellar.org/pool={pool}")
        for pod in found:
            if pod["metadata"]["name"] not in names:
                await self.end_pod(pod["metadata"]["name"])
        pods = [await self._run_pod(stateful_set, name, f"10.8.{network}.{i + 1}") for i, name in enumerate(names)]
        if are_ready:
            pods = [await self.set_ready(pod["metadata"]["name"]) for pod in pods]
        await self._tell_revision(stateful_set)
        return pods

    async def set_ready(self, name: str, *, is_ready: bool = True) -> Manifest:
        """Set whether the kubelet reports a pod as ready."""
        condition = {"type": "Ready", "status": "True" if is_ready else "False"}
        body = {"status": {"phase": "Running", "conditions": [condition]}}
        return await self._client.merge(POD, self._namespace, name, body, manager="kubelet", subresource="status")

    async def end_pod(self, name: str) -> None:
        """End a pod at once, as a kubelet does in the end."""
        body = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        await self._client.request("DELETE", POD.build_path(self._namespace, name), body=body)

    async def _run_pod(self, stateful_set: Manifest, name: str, address: str) -> Manifest:
        found = await self._client.get(POD, self._namespace, name)
        if found is not None and not found["metadata"].get("deletionTimestamp"):
            return found
        if found is not None:
            await self.end_pod(name)
        await self._make_claim(stateful_set, name)
        node = self.nodes[int(name.rpartition("-")[2]) % len(self.nodes)]
        await self._client.create(POD, build_pod(stateful_set, name, node))
        status = {"status": {"podIP": address, "podIPs": [{"ip": address}], "phase": "Running"}}
        return await self._client.merge(POD, self._namespace, name, status, manager="kubelet", subresource="status")

    async def _make_claim(self, stateful_set: Manifest, pod: str) -> None:
        template = copy.deepcopy(stateful_set["spec"]["volumeClaimTemplates"][0])
        name = f"{template['metadata']['name']}-{pod}"
        if await self._client.get(PVC, self._namespace, name) is None:
            labels = template["metadata"].get("labels", {}) | stateful_set["spec"]["selector"]["matchLabels"]
            metadata = {"name": name, "namespace": self._namespace, "labels": labels}
            spec = template["spec"]
            await self._client.create(
                PVC, {"apiVersion": PVC.api_version, "kind": PVC.name, "metadata": metadata, "spec": spec}
            )
        bound = {"status": {"phase": "Bound"}}
        await self._client.merge(PVC, self._namespace, name, bound, manager="binder", subresource="status")

    async def _tell_revision(self, stateful_set: Manifest) -> None:
        name, generation = stateful_set["metadata"]["name"], stateful_set["metadata"]["generation"]
        status = {"observedGeneration": generation, "updateRevision": revision_of(stateful_set), "replicas": 0}
        await self._client.merge(
            STATEFUL_SET, self._namespace, name, {"status": status}, manager=_PLAYER, subresource="status"
        )


def revision_of(stateful_set: Manifest) -> str:
    """Name the revision of a StatefulSet's template, by what its pods are made of."""
    return f"{stateful_set['metadata']['name']}-{abs(hash(str(stateful_set['spec']['template']))) % 10**8}"


def build_pod(stateful_set: Manifest, name: str, node: str = "node-1") -> dict[str, Any]:
    """Build a pod as the StatefulSet controller would."""
    metadata, template = stateful_set["metadata"], copy.deepcopy(stateful_set["spec"]["template"])
    owner = {
        "apiVersion": STATEFUL_SET.api_version,
        "kind": STATEFUL_SET.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = template["metadata"]["labels"] | {
        "controller-revision-hash": revision_of(stateful_set),
        "statefulset.kubernetes.io/pod-name": name,
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    spec = template["spec"]
    return {
        "apiVersion": POD.api_version,
        "kind": POD.name,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": template["metadata"].get("annotations") or {},
            "ownerReferences": [owner],
        },
        "spec": {**spec, "nodeName": node, "volumes": [*spec["volumes"], volume]},
    }
