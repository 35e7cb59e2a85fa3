"""What is seen of a pool's snapshots on a cluster, and what a test does to them and to its size."""

import time
from pathlib import Path
from typing import Any

from controller.observed.labels import APPLIED_ANNOTATION
from controller.resources.claims import SEED_ANNOTATION
from controller.snapshots.snapshots import Donor
from controller.snapshots.volume_snapshot import VERDICT_ANNOTATION, build_snapshot
from devtools.cluster.csi_storage import CsiStorage
from readpool.pool.spec import parse_pool
from tests.e2e.cluster.read_only_pool import CORE, POOL_LABEL, Manifest, PoolView

TAKEN_SECONDS = 60.0
NEW_DATABASE = "Established genesis ledger"
"""What Core logs at `new-db`."""


def build_storage(storage: CsiStorage, **snapshots: Any) -> Manifest:
    """Build a pool's storage of this class, with snapshots."""
    settings = {"enabled": True, "volumeSnapshotClassName": storage.snapshot_class} | snapshots
    return {"storageClass": storage.storage_class, "size": "64Mi", "snapshots": settings}


def list_snapshots(pool: PoolView) -> list[Manifest]:
    """List the pool's snapshots that are not on their way out, the oldest first."""
    found = pool.access.list("volumesnapshots", pool.namespace, f"{POOL_LABEL}={pool.name}")
    staying = (one for one in found if "deletionTimestamp" not in one["metadata"])
    return sorted(staying, key=lambda one: str(one["metadata"]["creationTimestamp"]))


def read_verdict(pool: PoolView, name: str) -> str:
    """Read what the controller has found a snapshot to be; empty where it has not yet."""
    found = pool.access.get("volumesnapshot", name, pool.namespace) or {}
    return str(found.get("metadata", {}).get("annotations", {}).get(VERDICT_ANNOTATION, ""))


def take_known_good(pool: PoolView, ordinal: int, name: str) -> None:
    """Make the driver take a snapshot of a replica now, that counts as one of the pool's and as found to be good.

    By itself the controller takes none of a replica that has been fresh for less than two minutes, and none within ten
    minutes of another.
    """
    donor = Donor(pool.pod(ordinal), str(pool.pods()[ordinal]["metadata"]["uid"]), fresh_since=0.0)
    manifest = build_snapshot(parse_pool(pool.pool()), donor, time.time())
    manifest["metadata"]["name"] = name
    manifest["metadata"]["annotations"] |= {APPLIED_ANNOTATION: "by the test", VERDICT_ANNOTATION: "good"}
    pool.access.apply(manifest, namespace=pool.namespace)
    pool.wait_for(f"new replicas start from {name}", lambda: name in read_newest(pool), TAKEN_SECONDS)


def read_newest(pool: PoolView) -> str:
    """Read what the condition says of the snapshot that new replicas start from."""
    told = pool.condition("Snapshots")
    return str(told["message"]) if told.get("reason") == "SnapshotReady" else ""


def scale(pool: PoolView, replicas: int, seconds: float) -> float:
    """Scale a pool, and return the seconds until all its replicas are fresh."""
    began = time.monotonic()
    where = f"--namespace={pool.namespace}"
    pool.access.kubectl("scale", f"rop/{pool.name}", f"--replicas={replicas}", where)
    pool.wait_until_fresh(replicas, seconds)
    return time.monotonic() - began


def read_origin(pool: PoolView, ordinal: int) -> str:
    """Read which snapshot a replica's volume was made from; empty where from none, as claim and volume agree."""
    claim = pool.access.get("persistentvolumeclaim", f"data-{pool.pod(ordinal)}", pool.namespace) or {}
    source = str((claim.get("spec", {}).get("dataSource") or {}).get("name", ""))
    assert source == claim.get("metadata", {}).get("annotations", {}).get(SEED_ANNOTATION, "")
    return source


def has_new_database(pool: PoolView, ordinal: int) -> bool:
    """Return whether a replica's pod began with a new database."""
    return NEW_DATABASE in pool.access.logs(pool.namespace, pool.pod(ordinal))


def read_core_log(pool: PoolView, ordinal: int, *, previous: bool = False) -> str:
    """Read what a replica's Core has logged."""
    return pool.access.logs(pool.namespace, pool.pod(ordinal), CORE, previous=previous)


def spoil(files: Path) -> None:
    """Empty the buckets in a snapshot, as of a replica that had not yet written them to disk."""
    buckets = list(files.rglob("bucket-*.xdr"))
    assert buckets, files
    for one in buckets:
        one.write_bytes(b"")
