"""Which pool does an object concern? From its label, its owner or what it scales; for the queue and for looking up."""

from collections.abc import Iterator
from typing import NamedTuple

from readpool.kubernetes.kinds import POOL, SCALED_OBJECT, Kind, Manifest
from readpool.pool.labels import POOL_LABEL


class PoolKey(NamedTuple):
    """What names a pool in a cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.namespace}/{self.name}"


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


def index_by_label(pool: PoolKey) -> str:
    """Return the index key of objects with a pool's label."""
    return f"label {pool}"


def index_by_target(pool: PoolKey) -> str:
    """Return the index key of ScaledObjects that target a pool."""
    return f"target {pool}"


def read_scaled_pool(manifest: Manifest) -> str | None:
    """Read which pool a ScaledObject scales; None for one that scales something else, and for other objects."""
    target = (manifest.get("spec") or {}).get("scaleTargetRef")
    if not isinstance(target, dict) or target.get("kind") != POOL.name:
        return None
    group = str(target.get("apiVersion", "")).partition("/")[0]
    return str(target.get("name", "")) if group == POOL.group else None
