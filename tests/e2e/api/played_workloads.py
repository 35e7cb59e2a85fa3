"""Plays what an API server alone has not for a workload that readpool does not own: its controllers and the kubelet."""

from typing import Any

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import DEPLOYMENT, HPA, POD, REPLICA_SET, STATEFUL_SET, Kind, Manifest

LABELS = {"app": "theirs"}
PORTS = [{"name": "http", "containerPort": 8000}]
RPC: dict[str, Any] = {"version": None, "probe": {"type": "rpc", "port": "http"}, "autoscaling": {"enabled": False}}


def name_workload(kind: Kind, name: str = "theirs") -> dict[str, Any]:
    """Name a workload as workloadRef does."""
    return {"apiVersion": kind.api_version, "kind": kind.name, "name": name}


class PlayedWorkloads:
    """Makes workloads, ReplicaSets and pods in one namespace, through the API."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def make(
        self, kind: Kind, *, replicas: int = 3, labels: dict[str, str] | None = None, owner: Manifest | None = None
    ) -> Manifest:
        """Make a Deployment or StatefulSet."""
        spec: dict[str, Any] = {
            "replicas": replicas,
            "selector": {"matchLabels": labels or LABELS},
            "template": {"metadata": {"labels": labels or LABELS}, "spec": _build_pod_spec()},
        }
        spec |= {"serviceName": "theirs"} if kind == STATEFUL_SET else {}
        return await self._create(kind, "theirs", owner, spec=spec)

    async def make_replica_set(self, owner: Manifest | None, name: str) -> Manifest:
        """Make a ReplicaSet of a Deployment, or of no one."""
        template = {"metadata": {"labels": LABELS}, "spec": _build_pod_spec()}
        spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
        return await self._create(REPLICA_SET, name, owner, spec=spec, labels=LABELS)

    async def run_pod(
        self,
        owner: Manifest,
        name: str,
        address: str,
        *,
        labels: dict[str, str] | None = None,
        ports: list[dict[str, Any]] | None = None,
    ) -> Manifest:
        """Make a pod of a ReplicaSet or StatefulSet, and run it."""
        spec = _build_pod_spec(PORTS if ports is None else ports) | {"nodeName": "node-1"}
        await self._create(POD, name, owner, spec=spec, labels=labels or LABELS)
        status = {
            "podIP": address,
            "podIPs": [{"ip": address}],
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        body = {"status": status}
        return await self._client.merge(POD, self._namespace, name, body, manager="kubelet", subresource="status")

    async def make_autoscaler(self, target: dict[str, Any]) -> None:
        """Make an HPA that scales something."""
        spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9}
        await self._create(HPA, "theirs", None, spec=spec)

    async def _create(
        self,
        kind: Kind,
        name: str,
        owner: Manifest | None,
        *,
        spec: dict[str, Any],
        labels: dict[str, str] | None = None,
    ) -> Manifest:
        metadata: dict[str, Any] = {"name": name, "namespace": self._namespace, "labels": labels or {}}
        if owner is not None:
            named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
            metadata["ownerReferences"] = [{**named, "uid": owner["metadata"]["uid"], "controller": True}]
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec}
        return await self._client.create(kind, body)


def _build_pod_spec(ports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"containers": [{"name": "node", "image": "node:1", "ports": PORTS if ports is None else ports}]}


__all__ = ["DEPLOYMENT", "LABELS", "RPC", "STATEFUL_SET", "PlayedWorkloads", "name_workload"]
