"""The volumes of the replicas: a claim's spec from storage, and what a StatefulSet cannot do for claims by itself.

A StatefulSet's claim template can never change. So where the pool's storage has, the claims of new replicas are made
beforehand (the StatefulSet takes what has the right name), and those that are there grow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from controller.observed.labels import APPLIED_ANNOTATION, VOLUME, build_labels, claim_name, read_annotations
from readpool.kubernetes.kinds import PVC, Manifest
from readpool.pool.quantity import parse_quantity
from readpool.pool.spec import ReadOnlyPool, SourceKind, Storage
from readpool.pool.workload import SNAPSHOT_GROUP
from readpool.timestamps import format_time

SEED_ANNOTATION = "stellar.org/restored-from"
"""On a claim: the snapshot of the pool's that its volume was made of."""
GROWN_ANNOTATION = "stellar.org/grown-at"
"""On a claim: when it was last asked to grow because its volume was nearly full."""
_NO_SEEDS: Mapping[int, "Seed"] = {}
_NO_SIZES: Mapping[str, Fraction] = {}


@dataclass(frozen=True, slots=True)
class Seed:
    """A snapshot that a replica's volume is made of; `least_size` in bytes, as its driver says."""

    name: str
    least_size: Fraction | None = None


def build_claim_template(pool: ReadOnlyPool) -> dict[str, Any]:
    """Build what the StatefulSet makes its claims of."""
    return {"metadata": {"name": VOLUME, "labels": build_labels(pool.name)}, "spec": _build_spec(pool.spec.storage)}


def build_new_claims(
    pool: ReadOnlyPool,
    template: Manifest,
    ordinals: int,
    claims: Iterable[Manifest],
    seeds: Mapping[int, Seed] = _NO_SEEDS,
) -> list[dict[str, Any]]:
    """Build the claims that the StatefulSet would make otherwise than storage and the pool's snapshots say now.

    `template` is the claim template of the StatefulSet as it is; `claims` are those that are there; `seeds` are what
    volumes of new replicas are made of, by ordinal. A pool's volumes have grown alike: a new one begins as large.
    """
    known = tuple(claims)
    there = {claim["metadata"]["name"] for claim in known}
    grown = _find_largest(known) if pool.spec.storage.auto_grow is not None else None
    built = []
    for ordinal in range(ordinals):
        name, seed = claim_name(pool.name, ordinal), seeds.get(ordinal)
        if name in there:
            continue
        spec = _build_spec(pool.spec.storage, seed, grown)
        if _is_other(template["spec"], spec):
            built.append(_build(pool, name, spec, {} if seed is None else {SEED_ANNOTATION: seed.name}))
    return built


def find_claim_in_the_way(pool: ReadOnlyPool, running: int, wanted: int, claims: Iterable[Manifest]) -> int | None:
    """Find the first replica to be added whose claim of before is still going; None where there is none.

    A StatefulSet would take that claim, or make another of its template, which may be of an older size and snapshot.
    """
    terminating = {one["metadata"]["name"] for one in claims if one["metadata"].get("deletionTimestamp")}
    return next((one for one in range(running, wanted) if claim_name(pool.name, one) in terminating), None)


def build_grown_claims(
    pool: ReadOnlyPool,
    ordinals: int,
    claims: Iterable[Manifest],
    sizes: Mapping[str, Fraction] = _NO_SIZES,
    now: float = 0.0,
) -> list[dict[str, Any]]:
    """Build what makes claims grow that are smaller than storage says now, or than `sizes` says, by their names.

    What grows by `sizes` says since when: `now`, in Unix seconds.
    """
    names = {claim_name(pool.name, ordinal) for ordinal in range(ordinals)}
    built = []
    for claim in claims:
        name = claim["metadata"]["name"]
        wanted = _build_spec(pool.spec.storage, least=sizes.get(name))
        is_there = name in names and not claim["metadata"].get("deletionTimestamp")
        if is_there and _is_smaller(claim["spec"], wanted):
            noted = read_annotations(claim)
            kept = {key: noted[key] for key in (SEED_ANNOTATION, GROWN_ANNOTATION) if key in noted}
            kept |= {GROWN_ANNOTATION: format_time(now)} if name in sizes else {}
            built.append(_build(pool, name, _keep_spec(claim) | {"resources": wanted["resources"]}, kept))
    return built


def _keep_spec(claim: Manifest) -> dict[str, Any]:
    """Keep what a claim of ours was made with: what is no longer applied would be taken away, which is refused."""
    if APPLIED_ANNOTATION not in read_annotations(claim):
        return {}
    return {name: claim["spec"][name] for name in _FIXED if name in claim["spec"]}


_FIXED = ("accessModes", "storageClassName", "dataSource")


def _build(pool: ReadOnlyPool, name: str, spec: Manifest, annotations: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": pool.namespace, "labels": build_labels(pool.name)}
    metadata |= {"annotations": dict(annotations)} if annotations else {}
    return {"apiVersion": PVC.api_version, "kind": PVC.name, "metadata": metadata, "spec": spec}


def _build_spec(storage: Storage, seed: Seed | None = None, least: Fraction | None = None) -> dict[str, Any]:
    smallest = max((one for one in (least, seed.least_size if seed else None) if one is not None), default=Fraction(0))
    size = storage.size if parse_quantity(str(storage.size)) >= smallest else write_size(smallest)
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if storage.storage_class is not None:
        spec["storageClassName"] = storage.storage_class
    if seed is not None:
        spec["dataSource"] = {"apiGroup": SNAPSHOT_GROUP, "kind": str(SourceKind.SNAPSHOT), "name": seed.name}
    elif storage.data_source is not None:
        group = {"apiGroup": SNAPSHOT_GROUP} if storage.data_source.kind is SourceKind.SNAPSHOT else {}
        spec["dataSource"] = group | {"kind": str(storage.data_source.kind), "name": storage.data_source.name}
    return spec


def write_size(size: Fraction) -> str:
    """Write a size as a quantity of whole mebibytes, rounded up."""
    return f"{ceil(size / _MEBIBYTE)}Mi"


_MEBIBYTE = 1024 * 1024


def _find_largest(claims: Iterable[Manifest]) -> Fraction | None:
    return max((read_size(claim["spec"]) for claim in claims), default=None)


def _is_other(template: Manifest, wanted: Manifest) -> bool:
    source, wished = template.get("dataSource") or {}, wanted.get("dataSource") or {}
    is_same_source = (source.get("kind"), source.get("name")) == (wished.get("kind"), wished.get("name"))
    return not is_same_source or _is_smaller(template, wanted)


def _is_smaller(live: Manifest, wanted: Manifest) -> bool:
    return read_size(live) < read_size(wanted)


def read_size(spec: Manifest) -> Fraction:
    """Read the size that a claim asks for, in bytes."""
    return parse_quantity(str(spec["resources"]["requests"]["storage"]))
