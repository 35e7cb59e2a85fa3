"""The pods of a workload that the pool does not own: which number each has, its ports, and whether what serves runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.observed.labels import parse_ordinal
from controller.observed.observed import ObservedPool
from controller.resources.nodes_service import PROBE_PORT_NAME
from controller.resources.pod_state import read_states
from controller.resources.read_service import PORT_NAME
from readpool.kubernetes.kinds import Manifest
from readpool.pool.spec import PoolSpec, WorkloadKind

_ENDED = ("Succeeded", "Failed")


def number_pods(observed: ObservedPool) -> Mapping[str, int]:
    """Number the pods of a workload, by name.

    Those of a StatefulSet by their ordinals, so that its highest go first. Those of a Deployment by how long they are
    likely to stay: ready ones first, those that are told to end last.
    """
    ref = observed.pool.spec.workload_ref
    if ref is None or observed.workload is None or observed.workload.manifest is None:
        return {}
    if ref.kind is WorkloadKind.STATEFUL_SET:
        spec = observed.workload.manifest.get("spec") or {}
        first = int((spec.get("ordinals") or {}).get("start") or 0)
        numbers = {pod["metadata"]["name"]: parse_ordinal(ref.name, pod["metadata"]["name"]) for pod in observed.pods}
        return {name: number - first for name, number in numbers.items() if number is not None}
    return {pod["metadata"]["name"]: number for number, pod in enumerate(sorted(observed.pods, key=_rank))}


def _rank(pod: Manifest) -> tuple[bool, bool, bool, str, str]:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    is_ready = conditions.get("Ready") == "True"
    has_ended = status.get("phase") in _ENDED
    return (
        has_ended,
        bool(metadata.get("deletionTimestamp")),
        not is_ready,
        metadata.get("creationTimestamp") or "",
        metadata["name"],
    )


def choose_read_port(spec: PoolSpec) -> str:
    """Choose the port of the pods that readers are sent to, a number or a name; empty without a workload."""
    return spec.load_balancing.port or (spec.probe.port if spec.probe is not None else "")


def find_pod_ports(pod: Manifest, spec: PoolSpec) -> Mapping[str, int]:
    """Find where a pod answers, by the names of our Services' ports; a name that it does not have is left out."""
    wanted = {PROBE_PORT_NAME: spec.probe.port if spec.probe is not None else "", PORT_NAME: choose_read_port(spec)}
    ports = [port for one in _list_containers(pod) for port in _read_ports(one)]
    named = dict(reversed(ports))  # of two containers that name theirs alike, the first counts, as for a Service
    found = {name: int(port) if port.isdigit() else named.get(port) for name, port in wanted.items()}
    return {name: number for name, number in found.items() if number is not None}


def is_serving_dead(pod: Manifest, spec: PoolSpec) -> bool:
    """Return whether the kubelet knows that a container does not run which readers are sent to.

    That is each that names the port, a native sidecar too, or else the only one. Another sidecar that crashes is not
    what readers come for.
    """
    port = find_pod_ports(pod, spec).get(PORT_NAME)
    states = read_states(pod)
    names = [one.get("name") for one in _list_containers(pod) if port in [number for _, number in _read_ports(one)]]
    serving = names or (list(states) if len(states) == 1 else [])
    known = {**read_states(pod, "initContainerStatuses"), **states}
    return any(known.get(str(name), {}).keys() & {"waiting", "terminated"} for name in serving)


def _list_containers(pod: Manifest) -> Sequence[Mapping[str, Any]]:
    containers: Sequence[Mapping[str, Any]] = (pod.get("spec") or {}).get("containers") or ()
    return containers


def _read_ports(container: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    ports = container.get("ports") or ()
    return [(str(one.get("name") or ""), one["containerPort"]) for one in ports if one.get("containerPort")]
