"""What is everything that a pool owns called, and how is it told apart? Names, labels, annotations, owner references.

Every builder in controller.resources starts from build_metadata.
"""

from collections.abc import Mapping
from typing import Any

from readpool.kubernetes.kinds import POOL, Manifest
from readpool.pool.labels import MANAGER, POOL_LABEL
from readpool.pool.spec import ReadOnlyPool

SERVICE_LABEL = "kubernetes.io/service-name"
"""On an EndpointSlice: the Service that it is of."""
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
FRESHNESS_LABEL = "stellar.org/freshness"
WEIGHT_ANNOTATION = "stellar.org/weight"
APPLIED_ANNOTATION = "stellar.org/applied"
"""The hash of what was applied, so that a field that is no longer wanted is seen."""
CONFIG_ANNOTATION = "stellar.org/config"
"""On a pod: the hash of the configuration that it started with."""
NOT_FRESH_BEFORE_ANNOTATION = "stellar.org/not-fresh-before-rollout"
"""On a StatefulSet: ordinals of replicas that were not fresh before they ran what is rolled out at the moment."""
CLOSED_ANNOTATION = "stellar.org/shut-since"
"""On a PodDisruptionBudget: since when it lets no one go, in Unix seconds."""
OUT_OF_SERVICE = "stellar.org/out-of-service"
"""Set by a person on a pod, as an annotation or a label: no readers, nothing restarted, and a substitute meanwhile."""
SHARD_ANNOTATION = "stellar.org/shard-id"
ARCHIVE_ANNOTATION = "stellar.org/archive-url"
RANGE_ANNOTATION = "stellar.org/ledger-range"


def build_selector(pool_name: str) -> dict[str, str]:
    """Build the labels that a pool's pods have and no others do. They can never change: StatefulSets keep theirs."""
    return {"app.kubernetes.io/name": "stellar-core", "app.kubernetes.io/instance": pool_name, POOL_LABEL: pool_name}


def build_labels(pool_name: str) -> dict[str, str]:
    """Build the labels of whatever a pool owns."""
    return build_selector(pool_name) | {MANAGED_BY_LABEL: MANAGER}


def build_metadata(
    pool: ReadOnlyPool,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Build the metadata of an object that goes when its pool goes."""
    owner = {
        "apiVersion": POOL.api_version,
        "kind": POOL.name,
        "name": pool.name,
        "uid": pool.uid,
        "controller": True,
    }
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": pool.namespace,
        "labels": build_labels(pool.name) | dict(labels or {}),
        "ownerReferences": [owner],
    }
    return metadata | ({"annotations": dict(annotations)} if annotations else {})


def config_map_name(pool_name: str) -> str:
    """Name the ConfigMap with a configuration a replica."""
    return f"{pool_name}-config"


def checkpoint_name(pool_name: str) -> str:
    """Name the ConfigMap with the checkpoint that replicas may start from."""
    return f"{pool_name}-checkpoint"


def nodes_service_name(pool_name: str) -> str:
    """Name the headless Service of the replicas, which the scaler looks up."""
    return f"{pool_name}-nodes"


def pod_name(pool_name: str, ordinal: int) -> str:
    """Name the pod of a replica."""
    return f"{pool_name}-{ordinal}"


def claim_name(pool_name: str, ordinal: int) -> str:
    """Name the claim of a replica's volume, as its StatefulSet does."""
    return f"{VOLUME}-{pod_name(pool_name, ordinal)}"


def is_claim_name(pool_name: str, claim: str) -> bool:
    """Return whether a claim is a replica's by its name; a copy that a backup restored has its labels too."""
    pod = claim.removeprefix(f"{VOLUME}-")
    return pod != claim and parse_ordinal(pool_name, pod) is not None


VOLUME = "data"
"""The volume of a replica, in its pod and in its claim's name."""


def parse_ordinal(pool_name: str, pod: str) -> int | None:
    """Parse a replica's ordinal from its pod's name; None for a pod that is no replica of the pool."""
    ordinal = pod.removeprefix(f"{pool_name}-")
    return int(ordinal) if ordinal != pod and ordinal.isascii() and ordinal.isdigit() else None


_MOST_DIGITS = 15


def parse_number(text: str) -> int | None:
    """Parse a number of an annotation; None for anything else, since anyone may write there."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else None


def read_number(manifest: Manifest, annotation: str) -> int | None:
    """Read a number from an annotation; None where there is none."""
    return parse_number(read_annotations(manifest).get(annotation, ""))


def read_annotations(manifest: Manifest) -> Mapping[str, str]:
    """Read the annotations of an object as the API gives it."""
    annotations: Mapping[str, str] = manifest.get("metadata", {}).get("annotations") or {}
    return annotations
