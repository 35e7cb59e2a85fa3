"""Saves what a cluster has to say after a failure: objects, events and logs of some namespaces."""

import json
from collections.abc import Iterable
from pathlib import Path

from devtools.cluster.access import Access, KubectlError

KINDS = (
    "pods",
    "statefulsets",
    "deployments",
    "services",
    "endpointslices",
    "persistentvolumeclaims",
    "configmaps",
    "horizontalpodautoscalers",
    "scaledobjects",
    "poddisruptionbudgets",
    "networkpolicies",
)


def save_evidence(access: Access, folder: Path, namespaces: Iterable[str]) -> None:
    """Save all of it below `folder`, one folder a namespace; what cannot be had is replaced by the reason."""
    for namespace in namespaces:
        place = folder / namespace
        place.mkdir(parents=True, exist_ok=True)
        _save(
            place / "events.txt", access, "get", "events", "--sort-by=.lastTimestamp", "-o", "wide", namespace=namespace
        )
        _save(place / "pods.txt", access, "get", "pods", "-o", "wide", namespace=namespace)
        for kind in KINDS:
            _save(place / f"{kind}.yaml", access, "get", kind, "-o", "yaml", namespace=namespace)
        _save_logs(place, access, namespace)
    _save(folder / "nodes.txt", access, "describe", "nodes")


def _save_logs(place: Path, access: Access, namespace: str) -> None:
    """Save the log of each container, and of the one before it where it was started again."""
    try:
        pods = access.list("pods", namespace)
    except (KubectlError, json.JSONDecodeError):
        return  # pods.txt holds the reason
    for pod in pods:
        status = pod.get("status", {})
        for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            name = f"{pod['metadata']['name']}.{container['name']}"
            flags = [pod["metadata"]["name"], f"--container={container['name']}"]
            _save(place / f"{name}.log", access, "logs", *flags, namespace=namespace)
            if container.get("restartCount"):
                _save(place / f"{name}.previous.log", access, "logs", "--previous", *flags, namespace=namespace)


def _save(file: Path, access: Access, *args: str, namespace: str | None = None) -> None:
    where = [f"--namespace={namespace}"] if namespace else []
    try:
        text = access.kubectl(*args, *where, timeout=30)
    except KubectlError as error:
        text = f"{error}\n"
    file.write_text(text, encoding="utf-8")
