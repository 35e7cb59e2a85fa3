"""What a report reads of a cluster: kinds of object, and how they are asked for. Pure. No Secret is among them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    PDB,
    POD,
    POOL,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Kind,
    Manifest,
)
from readpool.pool.labels import POOL_LABEL

CORE_EVENT = Kind("", "v1", "events", "Event")
CRD = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
PROGRAM_SELECTOR = "app.kubernetes.io/part-of=readpool"
TELEMETRY_PORT = "telemetry"
OWNED: tuple[Kind, ...] = (
    *(STATEFUL_SET, POD, PVC, CONFIG_MAP, SERVICE, ENDPOINT_SLICE, PDB, NETWORK_POLICY, SCALED_OBJECT),
    *(HTTP_ROUTE, PROMETHEUS_RULE, VOLUME_SNAPSHOT),
)
"""What a pool stands for; all of it carries the pool's label."""


def choose_of_pool(objects: Iterable[Manifest], pool: str) -> list[Manifest]:
    """Choose the objects that carry a pool's label."""
    return [one for one in objects if (one["metadata"].get("labels") or {}).get(POOL_LABEL) == pool]


def choose_scalers(objects: Iterable[Manifest], pool: str) -> list[Manifest]:
    """Choose the HorizontalPodAutoscalers that scale a pool: KEDA gives them no label of ours."""
    return [
        one
        for one in objects
        if (target := (one.get("spec") or {}).get("scaleTargetRef") or {}).get("kind") == POOL.name
        and target.get("name") == pool
    ]


def choose_events(events: Iterable[Manifest], names: Iterable[str]) -> list[Manifest]:
    """Choose the events about objects of these names, the oldest first."""
    wanted = set(names)
    about = [one for one in events if (one.get("involvedObject") or {}).get("name") in wanted]
    return sorted(about, key=_find_time)


def _find_time(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def list_containers(pod: Manifest) -> Sequence[tuple[str, bool]]:
    """List a pod's containers, each with whether it has been restarted, so that there is a log of before."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    restarted = {one["name"] for one in statuses if one.get("restartCount")}
    return [(one["name"], one["name"] in restarted) for one in pod["spec"].get("containers") or []]


def find_telemetry_port(pod: Manifest) -> int | None:
    """Find the port of a program's metrics; None if it has none."""
    ports = (port for one in pod["spec"].get("containers") or [] for port in one.get("ports") or [])
    return next((int(port["containerPort"]) for port in ports if port.get("name") == TELEMETRY_PORT), None)


def find_images(pods: Iterable[Manifest]) -> Mapping[str, set[str]]:
    """Find the images that run, by container; a digest tells what a tag stands for."""
    images: dict[str, set[str]] = {}
    for pod in pods:
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            images.setdefault(status["name"], set()).add(f"{status.get('image')} ({status.get('imageID') or 'no id'})")
    return images


def is_running(pod: Any) -> bool:
    """Return whether a pod has a log and a port to ask."""
    return (pod.get("status") or {}).get("phase") == "Running"
