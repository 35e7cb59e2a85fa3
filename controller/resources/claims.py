"""The volumes of the replicas: a claim's spec from storage, and what a StatefulSet cannot do for claims by itself.

A StatefulSet's claim template can never change. So where the pool's storage has, the claims of new replicas are made
beforehand (the StatefulSet takes what has the right name), and those that are there grow.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from controller.labels import VOLUME, build_labels, claim_name
from readpool.kubernetes.kinds import PVC, Manifest
from readpool.pool.quantity import parse_quantity
from readpool.pool.spec import ReadOnlyPool, SourceKind, Storage
from readpool.pool.workload import SNAPSHOT_GROUP


def build_claim_template(pool: ReadOnlyPool) -> dict[str, Any]:
    """Build what the StatefulSet makes its claims of."""
    return {"metadata": {"name": VOLUME, "labels": build_labels(pool.name)}, "spec": _build_spec(pool.spec.storage)}


def build_new_claims(
    pool: ReadOnlyPool, template: Manifest, ordinals: int, claims: Iterable[Manifest]
) -> list[dict[str, Any]]:
    """Build the claims that the StatefulSet would make otherwise than storage says now.

    `template` is the claim template of the StatefulSet as it is; `claims` are those that are there.
    """
    wanted = _build_spec(pool.spec.storage)
    if not _is_other(template["spec"], wanted):
        return []
    there = {claim["metadata"]["name"] for claim in claims}
    names = (claim_name(pool.name, ordinal) for ordinal in range(ordinals))
    return [_build(pool, name, wanted) for name in names if name not in there]


def find_claim_in_the_way(pool: ReadOnlyPool, running: int, wanted: int, claims: Iterable[Manifest]) -> int | None:
    """Find the first replica to be added whose claim of before is still going; None where there is none.

    A StatefulSet would take that claim, or make another of its template, which may be of an older size and snapshot.
    """
    going = {one["metadata"]["name"] for one in claims if one["metadata"].get("deletionTimestamp")}
    return next((one for one in range(running, wanted) if claim_name(pool.name, one) in going), None)


def build_grown_claims(pool: ReadOnlyPool, ordinals: int, claims: Iterable[Manifest]) -> list[dict[str, Any]]:
    """Build what makes claims grow that are smaller than storage says now."""
    wanted = _build_spec(pool.spec.storage)
    names = {claim_name(pool.name, ordinal) for ordinal in range(ordinals)}
    return [
        _build(pool, claim["metadata"]["name"], {"resources": wanted["resources"]})
        for claim in claims
        if claim["metadata"]["name"] in names and not claim["metadata"].get("deletionTimestamp")
        if _is_smaller(claim["spec"], wanted)
    ]


def _build(pool: ReadOnlyPool, name: str, spec: Manifest) -> dict[str, Any]:
    metadata = {"name": name, "namespace": pool.namespace, "labels": build_labels(pool.name)}
    return {"apiVersion": PVC.api_version, "kind": PVC.name, "metadata": metadata, "spec": spec}


def _build_spec(storage: Storage) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage.size}},
    }
    if storage.storage_class is not None:
        spec["storageClassName"] = storage.storage_class
    if storage.data_source is not None:
        group = {"apiGroup": SNAPSHOT_GROUP} if storage.data_source.kind is SourceKind.SNAPSHOT else {}
        spec["dataSource"] = group | {"kind": str(storage.data_source.kind), "name": storage.data_source.name}
    return spec


def _is_other(template: Manifest, wanted: Manifest) -> bool:
    source, wished = template.get("dataSource") or {}, wanted.get("dataSource") or {}
    is_same_source = (source.get("kind"), source.get("name")) == (wished.get("kind"), wished.get("name"))
    return not is_same_source or _is_smaller(template, wanted)


def _is_smaller(live: Manifest, wanted: Manifest) -> bool:
    return _read_size(live) < _read_size(wanted)


def _read_size(spec: Manifest) -> Fraction:
    return parse_quantity(str(spec["resources"]["requests"]["storage"]))
