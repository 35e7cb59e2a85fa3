"""The kinds of object that readpool reads or writes, and where the API keeps them. Pure: names and paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]
"""An object as the API gives it: JSON, never to be changed in place."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as in `kubectl api-resources`.

    Attributes:
        group: "" for the core group.
        version: such as v1.
        plural: the name in paths, such as statefulsets.
        name: the name in manifests, such as StatefulSet.
    """

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        """Return group and version as in manifests: apps/v1, or v1 for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def build_path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Build the path of all objects, of those of a namespace, of one object, or of one's subresource."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


class ObjectKey(NamedTuple):
    """What names one object in a cluster."""

    kind: Kind
    namespace: str
    name: str


CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
POD = Kind("", "v1", "pods", "Pod")
PVC = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SECRET = Kind("", "v1", "secrets", "Secret")
SERVICE = Kind("", "v1", "services", "Service")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
REPLICA_SET = Kind("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SET = Kind("apps", "v1", "statefulsets", "StatefulSet")
HPA = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
EVENT = Kind("events.k8s.io", "v1", "events", "Event")
HTTP_ROUTE = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
SCALED_OBJECT = Kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
PROMETHEUS_RULE = Kind("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
PDB = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
VOLUME_SNAPSHOT = Kind("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot")
POOL = Kind("stellar.org", "v1alpha1", "readonlypools", "ReadOnlyPool")

KINDS: tuple[Kind, ...] = (
    *(CONFIG_MAP, POD, PVC, SERVICE, STATEFUL_SET, LEASE, ENDPOINT_SLICE, EVENT, HTTP_ROUTE, SCALED_OBJECT),
    *(PROMETHEUS_RULE, NETWORK_POLICY, PDB, SECRET, VOLUME_SNAPSHOT, POOL, DEPLOYMENT, REPLICA_SET, HPA),
)
_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}


def kind_of(manifest: Manifest) -> Kind:
    """Return the kind of a manifest.

    Raises:
        KeyError: where readpool has nothing to do with such a kind.
    """
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


def key_of(kind: Kind, manifest: Manifest) -> ObjectKey:
    """Name the object of a manifest; members of a list do not say their own kind."""
    metadata = manifest["metadata"]
    return ObjectKey(kind, metadata.get("namespace", ""), metadata["name"])
