"""One replica as a plan sees it: its pod, and what the scaler says of that very pod. Decided on elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.labels import CONFIG_ANNOTATION, parse_ordinal, read_annotations
from controller.observed import FleetView, ObservedPool, ReplicaView
from readpool.kubernetes.kinds import Manifest
from readpool.replica_class import ReplicaClass

ZONE_LABEL = "topology.kubernetes.io/zone"
REVISION_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica whose pod is there.

    Attributes:
        address: the pod's, empty while it has none.
        is_ready: as the kubelet says.
        revision: of the StatefulSet, that the pod was made of.
        config_hash: of the configuration that it started with, None while nobody has noted it.
        view: what the scaler says, None where it says nothing of this very pod.
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

    @property
    def replica_class(self) -> ReplicaClass:
        """Its class; unknown where the scaler says none."""
        return ReplicaClass.UNKNOWN if self.view is None else self.view.replica_class

    @property
    def is_fresh(self) -> bool:
        """Whether the scaler says that it is fresh, and it stays."""
        return self.replica_class is ReplicaClass.FRESH and not self.is_terminating

    @property
    def has_ledgers(self) -> bool:
        """Whether it has closed ledgers of the network's, so that there is something to read."""
        return self.view is not None and (self.view.ledger or 0) > 1

    @property
    def is_candidate(self) -> bool:
        """Whether readers can be sent to it at all."""
        return bool(self.address) and not self.is_terminating


def read_replicas(observed: ObservedPool) -> tuple[Replica, ...]:
    """Read the replicas whose pods are there, by ordinal."""
    views = _index_views(observed.current_fleet)
    replicas = [_read(observed.pool.name, pod, views) for pod in observed.pods]
    return tuple(sorted((one for one in replicas if one is not None), key=lambda replica: replica.ordinal))


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


def _find_view(name: str, address: str, views: Mapping[str, ReplicaView]) -> ReplicaView | None:
    """Find what is said of a pod; what was said of one of the same name at another address was its predecessor's."""
    for view in filter(None, map(views.get, (name, address))):
        host = _host(view.address)
        if host == address or not _is_address(host):
            return view
    return None


def _read(pool: str, pod: Manifest, views: Mapping[str, ReplicaView]) -> Replica | None:
    metadata, status = pod["metadata"], pod.get("status") or {}
    ordinal = parse_ordinal(pool, metadata["name"])
    if ordinal is None or status.get("phase") in ("Succeeded", "Failed"):
        return None
    labels = metadata.get("labels") or {}
    address = status.get("podIP") or ""
    ready = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    return Replica(
        name=metadata["name"],
        ordinal=ordinal,
        uid=metadata.get("uid") or "",
        address=address,
        node=pod.get("spec", {}).get("nodeName") or "",
        zone=labels.get(ZONE_LABEL) or "",
        is_ready=ready.get("Ready") == "True",
        is_terminating=bool(metadata.get("deletionTimestamp")),
        revision=labels.get(REVISION_LABEL) or "",
        config_hash=read_annotations(pod).get(CONFIG_ANNOTATION),
        annotations=read_annotations(pod),
        view=_find_view(metadata["name"], address, views),
    )
