"""What is kept of each object that is watched: what a plan reads. A thousand pools have ten thousand objects."""

from collections.abc import Iterable, Mapping
from typing import Any

_KEPT_METADATA = frozenset(
    {
        *("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"),
        *("labels", "annotations", "ownerReferences"),
    }
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT_POD_STATUS = frozenset({"phase", "podIP", "podIPs", "startTime", "conditions", "reason", "message"})
_CONTAINERS = ("initContainerStatuses", "containerStatuses")
_KEPT_OF_PORTS = ("name", "containerPort")
_KEPT_CONTAINER_STATUS = frozenset({"name", "image", "state", "lastState", "ready", "restartCount"})


def trim(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim an object to its metadata that anybody reads, and all of its content."""
    return {**_without_type(manifest), "metadata": _trim_metadata(manifest["metadata"])}


def trim_pod(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim a pod: what it is made of is in its StatefulSet, but for its ports, which are its own while it lives.

    Its native sidecars run as its containers do, and a named port may be theirs: they are listed after those.
    """
    spec = manifest.get("spec") or {}
    status = manifest.get("status") or {}
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    containers = _list_ports((*(spec.get("containers") or ()), *sidecars))
    return {
        "metadata": _trim_metadata(manifest["metadata"]),
        "spec": {"nodeName": spec.get("nodeName"), "containers": containers},
        "status": {name: part for name, part in status.items() if name in _KEPT_POD_STATUS}
        | {name: [_trim_container(one) for one in status[name]] for name in _CONTAINERS if status.get(name)},
    }


def trim_replica_set(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim a ReplicaSet to whose it is."""
    return {"metadata": _trim_metadata(manifest["metadata"])}


def trim_scaler(manifest: dict[str, Any]) -> dict[str, Any]:
    """Trim an HPA to whose it is, and what it scales."""
    target = (manifest.get("spec") or {}).get("scaleTargetRef")
    return {"metadata": _trim_metadata(manifest["metadata"]), "spec": {"scaleTargetRef": target}}


def _list_ports(containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the ports of TCP, by which readers and polls come."""
    return [
        {
            "name": one.get("name"),
            "ports": [
                {name: port.get(name) for name in _KEPT_OF_PORTS}
                for port in one["ports"]
                if (port.get("protocol") or "TCP") == "TCP"
            ],
        }
        for one in containers
        if one.get("ports")
    ]


def _trim_container(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in status.items() if name in _KEPT_CONTAINER_STATUS}


def _without_type(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in manifest.items() if name not in ("apiVersion", "kind")}


def _trim_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: part for name, part in metadata.items() if name in _KEPT_METADATA}
    annotations = kept.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        kept["annotations"] = {name: text for name, text in annotations.items() if name != _LAST_APPLIED}
    return kept
