"""One replica as a plan sees it: its pod, and what the scaler says of that very pod. Decided on elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from controller.observed.labels import CONFIG_ANNOTATION, OUT_OF_SERVICE, parse_ordinal, read_annotations
from controller.observed.observed import FleetView, ObservedPool, ReplicaView
from controller.replicas.pod_troubles import Trouble, find_trouble, index_claims, read_unready_since
from controller.replicas.workload_pods import find_pod_ports, is_serving_dead, number_pods
from controller.resources.endpoint_slices import list_slices, read_routes
from controller.resources.pod_state import (
    choose_address,
    choose_other_address,
    is_dead,
    is_gate_unready,
    list_addresses,
    parse_time,
    read_core_start,
    read_ports,
    read_start,
)
from controller.resources.read_service import PORT_NAME
from controller.resources.start_command import MOST_SECONDS
from readpool.kubernetes.kinds import SERVICE, Manifest
from readpool.pool.spec import PoolSpec
from readpool.replica_class import ReplicaClass

ZONE_LABEL = "topology.kubernetes.io/zone"
REVISION_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica whose pod is there.

    Attributes:
        address: the pod's, of the family that readers come by where it has one of that; empty while it has none.
        other_address: the same of the second family, where readers come by both; empty where it answers at none.
        pod_address: the same, also of a workload's pod that has no port for readers, which has no `address`.
        is_ready: as the kubelet says.
        revision: of the StatefulSet, that the pod was made of.
        config_hash: of the configuration that it started with, None while no one has noted it.
        view: what the scaler says, None where it says nothing of this very pod, and while it cannot be heard.
        last_word: the same, or what it said last, however long ago.
        is_dead: the kubelet knows that Core or its gate does not run, or that the gate gets no answer from Core while
            most other gates do.
        is_serving: it is among the readers' endpoints already.
        trouble: what keeps its pod from running, as the kubelet or the scheduler says.
        unready_since: since when its pod is not ready, in Unix seconds by the cluster's clock; None while it is.
        ports: that its own pod has, by name; none where that is not known.
        made_at: Unix seconds by the API server's clock when its pod was made, None where it does not say.
        ends_at: the same when a pod that is told to end is to have ended; None while it is not.
        is_out_of_service: a person has taken it out of service, to look at it.
        started_at: since when its Core's container runs, in Unix seconds; None while it does not.
    """

    name: str
    ordinal: int
    uid: str
    address: str
    node: str
    zone: str
    is_ready: bool
    is_terminating: bool
    revision: str
    config_hash: str | None
    annotations: Mapping[str, str]
    view: ReplicaView | None = None
    last_word: ReplicaView | None = None
    is_dead: bool = False
    is_serving: bool = False
    trouble: Trouble | None = None
    unready_since: float | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    made_at: float | None = None
    ends_at: float | None = None
    is_out_of_service: bool = False
    started_at: float | None = None
    other_address: str = ""
    pod_address: str = ""

    def may_catch_up(self, now: float) -> bool:
        """Return whether it may still be catching up before Core's `run`, during which it does not respond."""
        if self.trouble is not None or self.started_at is None or now - self.started_at >= MOST_SECONDS:
            return False
        heard_at = self.last_word.observed_at if self.last_word is not None else None
        return heard_at is None or heard_at < self.started_at

    @property
    def replica_class(self) -> ReplicaClass:
        """Its class; unknown where the scaler says none."""
        return ReplicaClass.UNKNOWN if self.view is None else self.view.replica_class

    @property
    def is_fresh(self) -> bool:
        """Whether the scaler says that it is fresh, and it stays, and in service."""
        return self.replica_class is ReplicaClass.FRESH and not self.is_terminating and not self.is_out_of_service

    @property
    def has_ledgers(self) -> bool:
        """Whether it has closed ledgers of the network's, so that there is something to read."""
        return self.view is not None and (self.view.ledger or 0) > 1

    @property
    def is_proven(self) -> bool:
        """Whether anything speaks for it: it serves already, or it was heard to have ledgers."""
        word = self.last_word
        return self.is_serving or (word is not None and word.observed_at is not None and (word.ledger or 0) > 1)

    @property
    def is_candidate(self) -> bool:
        """Whether readers can be sent to it at all; never to one that names another network."""
        is_another = self.last_word is not None and self.last_word.is_of_another_network
        return bool(self.address) and not self.is_terminating and not is_another


def read_replicas(observed: ObservedPool) -> tuple[Replica, ...]:
    """Read the replicas whose pods are there, by ordinal."""
    views, is_heard = _index_views(observed.fleet), observed.current_fleet is not None
    routes = read_routes(list_slices(observed.children, observed.pool.name))
    serving = {(name, route.uid) for name, route in routes.items() if route.weight}
    claims = index_claims(observed.pool.name, observed.claims)
    families = _read_families(observed.find(SERVICE, observed.pool.name))
    is_own, numbers = observed.pool.spec.workload_ref is None, number_pods(observed)
    replicas = []
    for pod in observed.pods:
        name = pod["metadata"]["name"]
        ordinal = parse_ordinal(observed.pool.name, name) if is_own else numbers.get(name)
        one = _read(ordinal, pod, views, serving, claims, families, is_heard=is_heard)
        replicas.append(one if one is None or is_own else _read_of_workload(one, pod, observed.pool.spec))
    known = tuple(sorted((one for one in replicas if one is not None), key=lambda replica: replica.ordinal))
    return _count_unready_gates(known, {pod["metadata"]["name"] for pod in observed.pods if is_gate_unready(pod)})


def _count_unready_gates(replicas: Sequence[Replica], unready: AbstractSet[str]) -> tuple[Replica, ...]:
    """Count replicas whose gates are not ready as dead, unless they are more than half of those that have served.

    More than half is overload rather than broken replicas: their readers would only topple the others.
    """
    running = [one for one in replicas if one.is_candidate and one.is_proven and not one.is_dead]
    if 2 * sum(one.name in unready for one in running) > len(running):
        return tuple(replicas)
    return tuple(replace(one, is_dead=True) if one.name in unready else one for one in replicas)


def _read_of_workload(replica: Replica, pod: Manifest, spec: PoolSpec) -> Replica:
    """Read of a workload's pod what another's template says; without a port for readers it has no address for them."""
    ports = find_pod_ports(pod, spec)
    address, other = (replica.address, replica.other_address) if PORT_NAME in ports else ("", "")
    return replace(
        replica,
        ports=ports,
        address=address,
        other_address=other,
        pod_address=replica.address,
        is_dead=is_serving_dead(pod, spec),
    )


def _read_families(service: Manifest | None) -> Sequence[str]:
    """Read the families of addresses that readers come by: those of the read Service, once it has any."""
    families: Sequence[str] = (service or {}).get("spec", {}).get("ipFamilies") or ()
    return families


def _index_views(fleet: FleetView | None) -> Mapping[str, ReplicaView]:
    """Index what the scaler says by pod name, and by address where DNS told it no name."""
    replicas: Iterable[ReplicaView] = fleet.replicas if fleet is not None else ()
    ordered = sorted(replicas, key=_rank)
    return {_name_view(view): view for view in ordered}


def _rank(view: ReplicaView) -> tuple[bool, float, float, str, str]:
    """Rank views of the same pod: the one that answered last counts, whatever order they come in."""
    return (view.observed_at is not None, view.observed_at or 0.0, view.since, view.name, view.address)


def _name_view(view: ReplicaView) -> str:
    """Name whom a view is of: the pod, or its address."""
    host = _host(view.name)
    return host if _is_address(host) else host.split(".", maxsplit=1)[0]


def _host(address: str) -> str:
    """Read the host of HOST:PORT; an address of IPv6 with a port stands in brackets."""
    host, colon, _ = address.rpartition(":")
    return host.strip("[]") if colon and (host.startswith("[") or ":" not in host) else address.strip("[]")


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _find_view(pod: Manifest, views: Mapping[str, ReplicaView]) -> ReplicaView | None:
    """Find what is said of a pod; what was said of one of the same name at another address was its predecessor's."""
    addresses = list_addresses(pod)
    for view in filter(None, map(views.get, (pod["metadata"]["name"], *addresses))):
        host = _host(view.address)
        if (host in addresses or not _is_address(host)) and _is_of_this(view, read_start(pod)):
            return view
    return None


def _is_of_this(view: ReplicaView, start: float | None) -> bool:
    """Return whether a report is about the pod that exists since `start`, and not about an earlier one of its address.

    By Core's own start, which is by its node's clock, as the pod's is, or else by when it was reported. A report that
    nothing responds at the address is true of any pod.
    """
    if start is None or view.replica_class is ReplicaClass.UNREACHABLE:
        return True
    if view.started_on is not None and view.started_on >= start:
        return True
    return (view.observed_at if view.observed_at is not None else view.since) >= start


def _read(
    ordinal: int | None,
    pod: Manifest,
    views: Mapping[str, ReplicaView],
    serving: AbstractSet[tuple[str, str]],
    claims: Mapping[str, Manifest],
    families: Sequence[str],
    *,
    is_heard: bool,
) -> Replica | None:
    metadata, status = pod["metadata"], pod.get("status") or {}
    if ordinal is None or status.get("phase") in ("Succeeded", "Failed"):
        return None
    labels, uid = metadata.get("labels") or {}, metadata.get("uid") or ""
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    is_ready = conditions.get("Ready") == "True"
    word = _find_view(pod, views)
    address = choose_address(pod, next(iter(families), None))
    return Replica(
        name=metadata["name"],
        ordinal=ordinal,
        uid=uid,
        address=address,
        other_address=choose_other_address(pod, families, address),
        node=pod.get("spec", {}).get("nodeName") or "",
        zone=labels.get(ZONE_LABEL) or "",
        is_ready=is_ready,
        is_terminating=bool(metadata.get("deletionTimestamp")),
        revision=labels.get(REVISION_LABEL) or "",
        config_hash=read_annotations(pod).get(CONFIG_ANNOTATION),
        annotations=read_annotations(pod),
        view=word if is_heard else None,
        last_word=word,
        is_dead=is_dead(pod),
        is_serving=(metadata["name"], uid) in serving,
        trouble=None if is_ready else find_trouble(pod, claims.get(metadata["name"])),
        unready_since=None if is_ready else read_unready_since(pod),
        ports=read_ports(pod),
        started_at=read_core_start(pod),
        made_at=parse_time(metadata.get("creationTimestamp")),
        ends_at=parse_time(metadata.get("deletionTimestamp")),
        is_out_of_service=_is_out_of_service(metadata),
    )


def list_out_of_service(replicas: Iterable[Replica]) -> list[Replica]:
    """List the replicas that a person has taken out of service."""
    return [one for one in replicas if one.is_out_of_service]


def _is_out_of_service(metadata: Mapping[str, Any]) -> bool:
    """Return whether a pod is out of service, by annotation or label; every value except false counts."""
    marks = (metadata.get(part) or {} for part in ("annotations", "labels"))
    return any(str(mark.get(OUT_OF_SERVICE, "false")).strip().lower() != "false" for mark in marks)
