"""Which pool does an object concern? From its label, its owner or what it scales; for the queue and for looking up."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from readpool.kubernetes.kinds import DEPLOYMENT, POOL, SCALED_OBJECT, STATEFUL_SET, Kind, Manifest
from readpool.pool.labels import POOL_LABEL


class PoolKey(NamedTuple):
    """What names a pool in a cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.namespace}/{self.name}"


class WorkloadKey(NamedTuple):
    """What names a workload that pools may stand before."""

    namespace: str
    kind: Kind
    name: str


_WORKLOADS = {(kind.group, kind.name): kind for kind in (DEPLOYMENT, STATEFUL_SET)}


def find_pool_keys(kind: Kind, manifest: Manifest) -> set[PoolKey]:
    """Find the pools that may have to be planned again once this object is another."""
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace", "")
    if kind == POOL:
        return {PoolKey(namespace, metadata["name"])}
    names = {(metadata.get("labels") or {}).get(POOL_LABEL)}
    names |= {owner["name"] for owner in metadata.get("ownerReferences") or () if owner["kind"] == POOL.name}
    if kind == SCALED_OBJECT:
        names.add(read_scaled_pool(manifest))
    return {PoolKey(namespace, name) for name in names if name}


def find_index_keys(manifest: Manifest) -> Iterator[str]:
    """Find what an object is looked up by: its owners, its pool's label, the pool that it scales."""
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace", "")
    for owner in metadata.get("ownerReferences") or ():
        yield owner["uid"]
    label = (metadata.get("labels") or {}).get(POOL_LABEL)
    if label:
        yield index_by_label(PoolKey(namespace, label))
    scaled = read_scaled_pool(manifest)
    if scaled:
        yield index_by_target(PoolKey(namespace, scaled))
    workload = find_scaled_workload(manifest)
    if workload is not None:
        yield index_by_workload(workload)


def index_by_label(pool: PoolKey) -> str:
    """Return the index key of objects with a pool's label."""
    return f"label {pool}"


def index_by_target(pool: PoolKey) -> str:
    """Return the index key of ScaledObjects that target a pool."""
    return f"target {pool}"


def index_by_workload(workload: WorkloadKey) -> str:
    """Return the index key of ScaledObjects that target a workload."""
    return f"workload {workload.namespace}/{workload.kind.name}/{workload.name}"


def read_workload(pool: Manifest) -> WorkloadKey | None:
    """Read which workload a pool stands before; None for one with replicas of its own, or of what is no workload."""
    return _read_reference(pool["metadata"].get("namespace", ""), (pool.get("spec") or {}).get("workloadRef"))


def find_scaled_workload(manifest: Manifest) -> WorkloadKey | None:
    """Find which workload an HPA or ScaledObject scales; None for one that scales something else, and for others."""
    target = (manifest.get("spec") or {}).get("scaleTargetRef")
    return _read_reference(manifest["metadata"].get("namespace", ""), target)


def _read_reference(namespace: str, ref: Any) -> WorkloadKey | None:
    """Read a reference as KEDA does: what it does not say is a Deployment of apps/v1."""
    if not isinstance(ref, dict):
        return None
    group = str(ref.get("apiVersion") or DEPLOYMENT.api_version).partition("/")[0]
    kind = _WORKLOADS.get((group, str(ref.get("kind") or DEPLOYMENT.name)))
    return None if kind is None else WorkloadKey(namespace, kind, str(ref.get("name", "")))


def read_scaled_pool(manifest: Manifest) -> str | None:
    """Read which pool a ScaledObject scales; None for one that scales something else, and for other objects."""
    target = (manifest.get("spec") or {}).get("scaleTargetRef")
    if not isinstance(target, dict) or target.get("kind") != POOL.name:
        return None
    group = str(target.get("apiVersion", "")).partition("/")[0]
    return str(target.get("name", "")) if group == POOL.group else None
