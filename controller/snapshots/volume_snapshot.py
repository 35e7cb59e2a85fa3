"""VolumeSnapshot POOL-DATE: one replica's volume as it was at a moment. What is known of it stands in its annotations.

It goes when its pool goes, unless storage.retentionPolicy keeps the volumes too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller.observed.labels import build_metadata, claim_name, parse_ordinal, read_annotations
from controller.snapshots.snapshots import Donor, Snapshot, Verdict
from readpool.kubernetes.kinds import VOLUME_SNAPSHOT, Manifest
from readpool.pool.spec import ReadOnlyPool, RetentionPolicy

DONOR_ANNOTATION = "stellar.org/replica"
"""The replica whose volume it is of."""
DONOR_UID_ANNOTATION = "stellar.org/pod-uid"
FRESH_ANNOTATION = "stellar.org/fresh-since"
"""Unix seconds since when that replica was fresh when the snapshot was asked for."""
VERSION_ANNOTATION = "stellar.org/core-version"
NETWORK_ANNOTATION = "stellar.org/network"
VERDICT_ANNOTATION = "stellar.org/verdict"
"""good or bad; none while it is not ready."""
JUDGED_ANNOTATION = "stellar.org/verdict-at"
REASON_ANNOTATION = "stellar.org/verdict-reason"
_RECORDED = (DONOR_ANNOTATION, DONOR_UID_ANNOTATION, FRESH_ANNOTATION, VERSION_ANNOTATION, NETWORK_ANNOTATION)
_NAME_SECONDS = 600
_MOST_CHARACTERS = 300


def build_snapshot(pool: ReadOnlyPool, donor: Donor, now: float) -> dict[str, Any]:
    """Build a snapshot that is to be taken; for ten minutes it has the same name, so that a refusal is remembered."""
    ordinal = parse_ordinal(pool.name, donor.name)
    class_name = pool.spec.storage.snapshots.volume_snapshot_class_name
    source = {"persistentVolumeClaimName": claim_name(pool.name, 0 if ordinal is None else ordinal)}
    spec = {"source": source} | ({} if class_name is None else {"volumeSnapshotClassName": class_name})
    recorded = {
        DONOR_ANNOTATION: donor.name,
        DONOR_UID_ANNOTATION: donor.uid,
        FRESH_ANNOTATION: f"{donor.fresh_since or 0.0:.0f}",
        VERSION_ANNOTATION: pool.spec.version,
        NETWORK_ANNOTATION: describe_network(pool),
    }
    return _build(pool, name_snapshot(pool.name, now), recorded, spec)


def keep_snapshot(pool: ReadOnlyPool, live: Manifest, snapshot: Snapshot) -> dict[str, Any]:
    """Build a snapshot that is there as it is to be: with what is known of it by now, and its owner or none."""
    found = read_annotations(live)
    recorded = {name: found[name] for name in _RECORDED if name in found}
    if snapshot.verdict is not Verdict.NONE:
        recorded |= {VERDICT_ANNOTATION: str(snapshot.verdict), JUDGED_ANNOTATION: f"{snapshot.evaluated_at:.0f}"}
        recorded |= {REASON_ANNOTATION: snapshot.why[:_MOST_CHARACTERS]} if snapshot.why else {}
    return _build(pool, snapshot.name, recorded, live.get("spec") or {})


def name_snapshot(pool_name: str, now: float) -> str:
    """Name the snapshot that is taken now."""
    slot = datetime.fromtimestamp(int(now) // _NAME_SECONDS * _NAME_SECONDS, UTC)
    return f"{pool_name}-{slot:%Y%m%d-%H%M}"


def describe_network(pool: ReadOnlyPool) -> str:
    """Describe a pool's network so that two are the same where the volumes of one can serve the other."""
    return pool.spec.network_passphrase or str(pool.spec.network)


def _build(pool: ReadOnlyPool, name: str, annotations: Mapping[str, str], spec: Manifest) -> dict[str, Any]:
    metadata = build_metadata(pool, name, annotations=annotations)
    if pool.spec.storage.retention_policy is RetentionPolicy.RETAIN:
        metadata = {field: part for field, part in metadata.items() if field != "ownerReferences"}
    return {
        "apiVersion": VOLUME_SNAPSHOT.api_version,
        "kind": VOLUME_SNAPSHOT.name,
        "metadata": metadata,
        "spec": dict(spec),
    }
