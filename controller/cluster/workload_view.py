"""From what is followed of a workload to what a plan sees of it: whose it is, who scales it, its pods."""

from controller.cluster.watches import Watches
from controller.observed.pool_keys import PoolKey, WorkloadKey
from controller.observed.workload import WorkloadView, find_kind, find_owning_pool
from readpool.kubernetes.kinds import POOL, SCALED_OBJECT, Manifest, ObjectKey
from readpool.pool.spec import ReadOnlyPool


def find_workload(pool: ReadOnlyPool) -> WorkloadKey | None:
    """Find which workload a pool stands before; None for one with replicas of its own."""
    ref = pool.spec.workload_ref
    return None if ref is None else WorkloadKey(pool.namespace, find_kind(ref), ref.name)


def list_workload_pods(watches: Watches, key: WorkloadKey) -> tuple[Manifest, ...]:
    """List the pods that a workload controls."""
    followed = watches.workloads.find(key)
    return () if followed is None else tuple(followed.list_pods())


def observe_workload(watches: Watches, pool: ReadOnlyPool, key: WorkloadKey) -> WorkloadView:
    """Gather what is seen of a workload; nothing where it is not followed yet."""
    followed = watches.workloads.find(key)
    if followed is None:
        return WorkloadView(is_seen=False)
    scalers = [one["metadata"]["name"] for one in followed.list_scalers() if not _is_made_for(one, pool)]
    manifest = followed.manifest
    return WorkloadView(
        manifest,
        is_seen=followed.is_seen,
        unseen=followed.refusal,
        taken_by=_find_owner(watches, pool, key, manifest),
        scaled_by=f"HorizontalPodAutoscaler {min(scalers)}" if scalers else "",
    )


def _is_made_for(scaler: Manifest, pool: ReadOnlyPool) -> bool:
    """Return whether KEDA has made an HPA for the pool's own ScaledObject."""
    owners = scaler["metadata"].get("ownerReferences") or ()
    return any((one["kind"], one["name"]) == (SCALED_OBJECT.name, pool.name) for one in owners)


def _find_owner(watches: Watches, pool: ReadOnlyPool, key: WorkloadKey, manifest: Manifest | None) -> str:
    """Find the other pool that has a workload: the one that owns it, or the oldest of those that stand before it."""
    owner = find_owning_pool(manifest) if manifest is not None else ""
    if owner:
        return owner
    own = PoolKey(pool.namespace, pool.name)
    manifests = (watches.get(ObjectKey(POOL, *one)) for one in {own, *watches.workloads.list_rivals(own, key)})
    first = min((_rank(one) for one in manifests if one is not None), default=("", pool.name))
    return "" if first[1] == pool.name else first[1]


def _rank(pool: Manifest) -> tuple[str, str]:
    """Rank pools before the same workload: the oldest first, of the same second the first by name."""
    return pool["metadata"].get("creationTimestamp") or "", pool["metadata"]["name"]
