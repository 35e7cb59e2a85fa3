"""Pools as a plan sees them, for its tests: a pool, its pods, what the scaler says; as little as there can be."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from controller.observed.labels import build_labels, pod_name
from controller.observed.observed import FleetView, ObservedPool, ReplicaView
from controller.observed.plan_settings import PlanSettings
from devtools.pools.pool_manifests import build_manifest
from readpool.kubernetes.kinds import (
    HTTP_ROUTE,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    VOLUME_SNAPSHOT,
    Manifest,
    ObjectKey,
    key_of,
    kind_of,
)
from readpool.pool.spec import ReadOnlyPool, parse_pool
from readpool.public_networks import load_public_networks
from readpool.replica_class import ReplicaClass

NOW = 1_700_000_000.0
TIP = 55_000_000
SETTINGS = PlanSettings(load_public_networks())
EVERYTHING = frozenset({SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE, VOLUME_SNAPSHOT})
REVISION = "pool-1"
VERSION = "v30.0.0"

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN


def build_pool(name: str = "pool", **spec: Any) -> ReadOnlyPool:
    """Build a pool with these fields of the spec, as the API server would give it."""
    manifest = build_manifest(name, **({"version": VERSION} | spec))
    manifest["metadata"] |= {"uid": f"uid-of-{name}", "generation": 1}
    return parse_pool(manifest)


def build_pod(
    pool: ReadOnlyPool,
    ordinal: int,
    *,
    uid: str = "",
    address: str | None = None,
    is_ready: bool = True,
    is_going: bool = False,
    revision: str = REVISION,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Build the pod of a replica."""
    name = pod_name(pool.name, ordinal)
    metadata = {
        "name": name,
        "namespace": pool.namespace,
        "uid": uid or f"uid-of-{name}",
        "labels": build_labels(pool.name) | {"controller-revision-hash": revision},
        "annotations": dict(annotations or {}),
    }
    if is_going:
        metadata["deletionTimestamp"] = "2023-11-14T22:00:00Z"
    status = {
        "phase": "Running",
        "podIP": give_address(ordinal) if address is None else address,
        "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
    }
    return {"metadata": metadata, "spec": {"nodeName": f"node-{ordinal % 3}"}, "status": status}


def give_address(ordinal: int) -> str:
    """Return the address that a pod has unless a test says otherwise."""
    return f"10.0.{ordinal // 250}.{ordinal % 250 + 1}"


def build_view(pool: ReadOnlyPool, ordinal: int, replica_class: ReplicaClass, **fields: Any) -> ReplicaView:
    """Build what the scaler says of a replica."""
    lag = {FRESH: 0, LAGGING: 5000, CATCHING_UP: 100_000}.get(replica_class)
    told: dict[str, Any] = {
        "since": NOW - 7200,
        "observed_at": NOW - 1,
        "lag_ledgers": lag,
        "ledger": TIP - lag if lag is not None else None,
    }
    told |= {"address": f"{give_address(ordinal)}:11627"} | fields
    return ReplicaView(name=pod_name(pool.name, ordinal), replica_class=replica_class, **told)


def build_fleet(pool: ReadOnlyPool, *classes: ReplicaClass, **fields: Any) -> FleetView:
    """Build the scaler's snapshot of a pool whose replicas are of these classes, by ordinal."""
    views = tuple(build_view(pool, ordinal, one) for ordinal, one in enumerate(classes))
    told: dict[str, Any] = {"at": NOW, "tip_ledger": TIP, "desired_replicas": 5}
    return FleetView(replicas=views, **(told | fields))


def index(manifests: Iterable[Manifest]) -> dict[ObjectKey, Manifest]:
    """Index manifests by key."""
    return {key_of(kind_of(manifest), manifest): manifest for manifest in manifests}


def observe(pool: ReadOnlyPool, *classes: ReplicaClass, **fields: Any) -> ObservedPool:
    """Observe a pool whose replicas are there, ready and of these classes; nothing of its objects is."""
    pods = tuple(build_pod(pool, ordinal) for ordinal in range(len(classes)))
    observed = ObservedPool(pool, {}, pods=pods, fleet=build_fleet(pool, *classes), optional_kinds=EVERYTHING)
    return replace(observed, **fields)
