"""What a pool says of the pods themselves: spec.template, spec.resources, spec.storage, spec.gate.

Under readpool.pool.spec.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from readpool.pool.quantity import parse_quantity
from readpool.pool.rules import Part, Rule
from readpool.pool.scalars import Image, ObjectName, Quantity
from readpool.pool.volumes import AutoGrow, Snapshots

SNAPSHOT_GROUP = "snapshot.storage.k8s.io"


class PullPolicy(StrEnum):
    """When images are pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class LocalSecret(Part):
    """A Secret in the pool's namespace."""

    name: ObjectName
    """Name of the Secret."""


def _are_requests_within_limits(part: "Resources") -> bool:
    return all(
        parse_quantity(asked) <= parse_quantity(part.limits[name])
        for name, asked in part.requests.items()
        if name in part.limits
    )


Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]


class Resources(Part):
    """CPU, memory and other resources of the stellar-core container."""

    rules = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) ||"
            " quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
            "must be at most the limits",
            _are_requests_within_limits,
            ".requests",
        ),
    )

    requests: Quantities = Field(default_factory=dict)
    """Resources that the scheduler reserves, such as {cpu: 500m, memory: 1Gi}."""
    limits: Quantities = Field(default_factory=dict)
    """The maximum that the container may use, such as {cpu: "2", memory: 4Gi}."""


_TEMPLATE_SCHEMA = {
    "type": "object",
    "properties": {
        "metadata": {
            "type": "object",
            "description": "Labels and annotations of the pods.",
            "properties": {
                name: {
                    "type": "object",
                    "description": f"{name.capitalize()} to add to the pods.",
                    "additionalProperties": {"type": "string"},
                }
                for name in ("labels", "annotations")
            },
        },
        "spec": {
            "type": "object",
            "description": "Part of a PodSpec; containers are merged by name.",
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}
PodTemplate = Annotated[dict[str, Any], WithJsonSchema(_TEMPLATE_SCHEMA)]
"""A part of a PodTemplateSpec; the API server of a StatefulSet knows whether the rest of it is right."""


class RetentionPolicy(StrEnum):
    """What becomes of the volumes when the pool goes."""

    DELETE = "Delete"
    RETAIN = "Retain"


class SourceKind(StrEnum):
    """What a new replica's volume can be made from."""

    SNAPSHOT = "VolumeSnapshot"
    CLAIM = "PersistentVolumeClaim"


class DataSource(Part):
    """A volume that new replicas start from."""

    rules = (
        Rule(
            f"!has(self.apiGroup) || self.apiGroup == (self.kind == 'VolumeSnapshot' ? '{SNAPSHOT_GROUP}' : '')",
            f"must be omitted, or be {SNAPSHOT_GROUP} for a VolumeSnapshot and empty for a PersistentVolumeClaim",
            lambda part: part.api_group in {None, SNAPSHOT_GROUP if part.kind is SourceKind.SNAPSHOT else ""},
            ".apiGroup",
        ),
    )

    kind: SourceKind
    """VolumeSnapshot or PersistentVolumeClaim, in the pool's namespace."""
    name: ObjectName
    """Name of the snapshot or claim."""
    api_group: Annotated[str, Field(max_length=63)] | None = None
    """API group of kind: snapshot.storage.k8s.io for a VolumeSnapshot. Can be omitted."""


class Storage(Part):
    """The volume of each replica: its database and buckets."""

    rules = (
        Rule(
            "quantity(string(self.size)).isGreaterThan(quantity('0'))",
            "must be greater than zero, such as 100Gi",
            lambda part: parse_quantity(part.size) > 0,
            ".size",
        ),
        Rule(
            "quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0",
            "cannot be decreased: volumes cannot shrink; create a new pool with smaller volumes instead",
            path=".size",
        ),
        Rule(
            "has(self.storageClass) == has(oldSelf.storageClass)"
            " && (!has(self.storageClass) || self.storageClass == oldSelf.storageClass)",
            "is immutable: a volume cannot change its class; create a new pool instead",
            path=".storageClass",
        ),
        Rule(
            "!has(self.autoGrow)"
            " || quantity(string(self.autoGrow.maxSize)).compareTo(quantity(string(self.size))) >= 0",
            "must be at least storage.size",
            lambda part: part.auto_grow is None or parse_quantity(part.auto_grow.max_size) >= parse_quantity(part.size),
            ".autoGrow.maxSize",
        ),
    )

    storage_class: ObjectName | None = None
    """StorageClass of the volumes. Default: the cluster's default class. Immutable."""
    size: Quantity = "100Gi"
    """Size of each replica's volume. Can be increased if the StorageClass allows volume expansion; cannot be
    decreased."""
    retention_policy: RetentionPolicy = RetentionPolicy.DELETE
    """What happens to volumes when the pool is deleted or scaled in: Delete or Retain."""
    data_source: DataSource | None = None
    """A VolumeSnapshot or PersistentVolumeClaim that new replicas start from, so that they are fresh in minutes instead
    of hours. Existing replicas keep their volumes. With snapshots enabled, used until the first good snapshot
    exists."""
    snapshots: Snapshots = Snapshots()
    """Snapshots of the pool's own volumes, from which new replicas start."""
    auto_grow: AutoGrow | None = None
    """Expand volumes before they are full. The StorageClass must allow volume expansion."""


class Gate(Part):
    """The Envoy sidecar of Stellar Core. It exposes queries and GET /info, and never the command port."""

    enabled: bool = True
    """Run the gate. Without it, everything that the NetworkPolicy admits can reach Core's command port, an admin port,
    and its query port, which in versions up to 25.2.2 a single malformed request crashes."""
    image: Image | None = None
    """Image of Envoy. Default: the controller's --gate-image."""
