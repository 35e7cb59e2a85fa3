"""The ReadOnlyPool: what its spec may say and what holds when it says nothing. The door for manifests.

Everything that reads a pool starts with parse_pool. The parts lie beside: autoscaling, balancing, workload, status.
The schema for the API server is made from these types by readpool.pool.crd.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from readpool.pool.autoscaling import Autoscaling, Replacement, ScaleTrigger
from readpool.pool.balancing import HttpRoute, LoadBalancing, ParentRef, RoutingMode, ShardBalancing, ShardStrategy
from readpool.pool.errors import PoolError
from readpool.pool.lenient import parse_leniently
from readpool.pool.network import Network, Reference, ReferenceType
from readpool.pool.rules import Part, Rule
from readpool.pool.scalars import MAX_REPLICAS, ImageTag, Repository, Url, list_of
from readpool.pool.status import PoolStatus
from readpool.pool.volumes import AutoGrow, Snapshots
from readpool.pool.workload import (
    DataSource,
    Gate,
    LocalSecret,
    PodTemplate,
    PullPolicy,
    Resources,
    RetentionPolicy,
    SourceKind,
    Storage,
)
from readpool.pool.workload_ref import WORKLOAD_RULES, Probe, ProbeType, WorkloadKind, WorkloadRef

__all__ = [
    "AutoGrow",
    "Autoscaling",
    "DataSource",
    "Gate",
    "HttpRoute",
    "LoadBalancing",
    "LocalSecret",
    "Network",
    "ParentRef",
    "PoolError",
    "PoolSpec",
    "PoolStatus",
    "Probe",
    "ProbeType",
    "PullPolicy",
    "ReadOnlyPool",
    "Reference",
    "ReferenceType",
    "Replacement",
    "Resources",
    "RetentionPolicy",
    "RoutingMode",
    "ScaleTrigger",
    "ShardBalancing",
    "ShardStrategy",
    "Snapshots",
    "SourceKind",
    "Storage",
    "WorkloadKind",
    "WorkloadRef",
    "parse_pool",
    "parse_what_is_understood",
]

GROUP = "stellar.org"
VERSION = "v1alpha1"
KIND = "ReadOnlyPool"
MAX_NAME_CHARACTERS = 50
"""A StatefulSet's pods carry its name and a hash of ten in a label, which holds 63."""
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MESSAGE = (
    f"must be at most {MAX_NAME_CHARACTERS} lower-case letters, digits and hyphens, and start with a letter:"
    " Services and pods are named after it"
)


_KEEP = "is immutable: the volumes hold this network's ledgers; create a new pool instead"


class PoolSpec(Part):
    """The desired state of the pool."""

    rules = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "must be at most maxReplicas",
            lambda spec: spec.min_replicas <= spec.max_replicas,
            ".minReplicas",
        ),
        Rule(
            "self.minReplicas <= self.targetReplicas && self.targetReplicas <= self.maxReplicas",
            "must be between minReplicas and maxReplicas",
            lambda spec: spec.min_replicas <= spec.target_replicas <= spec.max_replicas,
            ".targetReplicas",
        ),
        Rule(
            "(self.network == 'Custom') == (has(self.networkPassphrase) && size(self.networkPassphrase) > 0)",
            "is required for network: Custom, and not allowed otherwise: the passphrases of public networks are known",
            lambda spec: (spec.network is Network.CUSTOM) == bool(spec.network_passphrase),
            ".networkPassphrase",
        ),
        Rule("self.network == oldSelf.network", _KEEP, path=".network"),
        Rule(
            "!has(self.networkPassphrase) || !has(oldSelf.networkPassphrase)"
            " || self.networkPassphrase == oldSelf.networkPassphrase",
            _KEEP,
            path=".networkPassphrase",
        ),
        Rule(
            "!self.shardBalancing.enabled || (has(self.historyArchiveUrls) && size(self.historyArchiveUrls) > 0)",
            "must list at least one archive if shardBalancing is enabled: shards are parts of archives",
            lambda spec: bool(spec.history_archive_urls) or not spec.shard_balancing.enabled,
            ".historyArchiveUrls",
        ),
        Rule(
            "!self.shardBalancing.enabled || !(self.shardBalancing.strategy in ['LedgerRange', 'ledgerRange'])"
            " || self.shardBalancing.shardCount <= self.maxReplicas",
            "must be at most maxReplicas with strategy LedgerRange: each range needs its own replica",
            lambda spec: (
                not spec.shard_balancing.enabled
                or spec.shard_balancing.strategy is not ShardStrategy.LEDGER_RANGE
                or spec.shard_balancing.shard_count <= spec.max_replicas
            ),
            ".shardBalancing.shardCount",
        ),
        Rule(
            "!has(self.storage.autoGrow) || self.gate.enabled",
            "requires gate.enabled: the gate reports how full a volume is",
            lambda spec: spec.storage.auto_grow is None or spec.gate.enabled,
            ".storage.autoGrow",
        ),
        *WORKLOAD_RULES,
    )

    network: Network
    """The Stellar network: Mainnet, Testnet, Futurenet, or Custom with a networkPassphrase. Immutable."""
    version: ImageTag = ""
    """Version of Stellar Core: the tag of `image`, such as 30. A change restarts the replicas one by one; at most
    one fresh replica is restarted at a time. Required, except with workloadRef."""
    workload_ref: WorkloadRef | None = None
    """A StatefulSet or Deployment that exists already. The pool then creates no replicas of its own, but observes,
    routes to and, with autoscaling, scales that workload's pods. Immutable."""
    probe: Probe | None = None
    """What runs in the pods of workloadRef, and at which port. Required with workloadRef."""
    image: Repository = "stellar/stellar-core"
    """Image repository of Stellar Core, without a tag."""
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    """When images are pulled: Always, IfNotPresent or Never."""
    image_pull_secrets: Annotated[tuple[LocalSecret, ...], Field(max_length=16, json_schema_extra=list_of("name"))] = ()
    """Secrets for pulling images."""
    replicas: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] = 0
    """The current number of replicas, set through the scale subresource by KEDA, an HPA or `kubectl scale`; omit it
    from manifests. 0 means not scaled yet: the pool starts with targetReplicas. Bounded by minReplicas and
    maxReplicas."""
    min_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] = 3
    """The minimum number of replicas."""
    max_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] = 20
    """The maximum number of replicas."""
    target_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] = 5
    """The number of fresh replicas to keep at all times. Each replica that lags for autoscaling.sustainSeconds adds
    another one."""
    network_passphrase: Annotated[str, Field(max_length=200)] | None = None
    """The network's passphrase, for network: Custom. Immutable."""
    core_config_override: Annotated[str, Field(max_length=65_536)] = ""
    """TOML that is merged over the generated configuration of Stellar Core: tables key by key, lists as a whole."""
    template: PodTemplate = Field(default_factory=dict)
    """A partial pod template (metadata and spec) that is merged over the generated one."""
    references: Annotated[tuple[Reference, ...], Field(max_length=8, json_schema_extra=list_of("type", "url"))] = ()
    """Trusted nodes that report the network's newest ledger, in addition to the replicas. Use the same ones for pools
    in several clusters, so that lag is measured against the same ledger. Requires the scaler's flag
    --allow-static-nodes, or the same ones among the scaler's own; otherwise the pool is not scaled."""
    autoscaling: Autoscaling = Autoscaling()
    """How KEDA scales the pool."""
    paused: bool = False
    """Pause reconciliation: keep replicas and weights as they are."""
    replacement: Replacement = Replacement()
    """Replacement of replicas that do not recover."""
    gate: Gate = Gate()
    """The Envoy sidecar that keeps Stellar Core's command port inside the pod."""
    load_balancing: LoadBalancing = LoadBalancing()
    """How reads are distributed over the replicas."""
    shard_balancing: ShardBalancing = ShardBalancing()
    """How the history archives are divided among the replicas."""
    history_archive_urls: Annotated[tuple[Url, ...], Field(max_length=32, json_schema_extra=list_of(kind="set"))] = ()
    """History archives to catch up from. Default: the archives of the network's validators."""
    resources: Resources = Resources()
    """CPU, memory and other resources of the stellar-core container."""
    storage: Storage = Storage()
    """The volume of each replica."""
    alerting: bool = False
    """Create a PrometheusRule for the pool. Requires the Prometheus operator."""


@dataclass(frozen=True, slots=True)
class ReadOnlyPool:
    """One pool as the API server holds it.

    Attributes:
        generation: increases with each change of the spec; 0 in a manifest that was not yet applied.
        deletion_timestamp: since when it is being deleted.
        creation_timestamp: when it was made; None in a manifest that was not yet applied.
    """

    name: str
    namespace: str
    spec: PoolSpec
    uid: str = ""
    generation: int = 0
    status: PoolStatus = field(default_factory=PoolStatus)
    deletion_timestamp: datetime | None = None
    creation_timestamp: datetime | None = None


_PartT = TypeVar("_PartT", bound=Part)


def parse_pool(manifest: Mapping[str, Any]) -> ReadOnlyPool:
    """Parse a ReadOnlyPool as it stands in a manifest or comes from the API server.

    Raises:
        PoolError: for the first thing in it that is not understood; fields that are not known are ignored. Never for
            its status, which is ours: what is not understood of that is left out.
    """
    metadata = manifest.get("metadata") or {}
    deleted, made = metadata.get("deletionTimestamp"), metadata.get("creationTimestamp")
    return ReadOnlyPool(
        name=_check_name(metadata.get("name")),
        namespace=metadata.get("namespace") or "default",
        spec=_parse(PoolSpec, manifest.get("spec"), "spec"),
        uid=metadata.get("uid") or "",
        generation=metadata.get("generation") or 0,
        status=parse_leniently(PoolStatus, manifest.get("status")) or PoolStatus(),
        deletion_timestamp=datetime.fromisoformat(deleted) if deleted else None,
        creation_timestamp=datetime.fromisoformat(made) if made else None,
    )


def list_problems(manifest: Mapping[str, Any]) -> list[PoolError]:
    """List all that parse_pool refuses in a manifest, where it raises the first; empty for a pool in order."""
    problems: list[PoolError] = []
    try:
        _check_name((manifest.get("metadata") or {}).get("name"))
    except PoolError as error:
        problems.append(error)
    spec = manifest.get("spec")
    if spec is None:
        return [*problems, PoolError("spec", None, "is required")]
    try:
        PoolSpec.model_validate_json(json.dumps(spec), strict=True)
    except ValidationError as error:
        problems += PoolError.list_all(error, "spec")
    return problems


def parse_what_is_understood(manifest: Mapping[str, Any]) -> ReadOnlyPool:
    """Parse a pool that parse_pool refuses, with defaults for what is not understood: enough to care for its readers.

    Raises:
        PoolError: where its very name cannot be one.
    """
    written = manifest.get("spec")
    is_before_workload = isinstance(written, Mapping) and "workloadRef" in written
    spec = parse_leniently(PoolSpec, written, _OF_WORKLOAD if is_before_workload else _REQUIRED)
    pool = parse_pool({**manifest, "spec": _REQUIRED})
    return pool if spec is None else replace(pool, spec=spec)


_REQUIRED: Mapping[str, Any] = {"network": "Mainnet", "version": "latest"}
"""Stands for what has to be given and is not understood; readers are not sent by it."""
_OF_WORKLOAD: Mapping[str, Any] = {"network": "Mainnet"}
"""The same beside workloadRef, which allows no version."""


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARACTERS or not re.fullmatch(NAME_PATTERN, name):
        raise PoolError("metadata.name", name, NAME_MESSAGE)
    return name


def _parse(kind: type[_PartT], written: Any, top: str) -> _PartT:
    if written is None:
        raise PoolError(top, None, "is required")
    try:
        return kind.model_validate_json(json.dumps(written), strict=True)
    except ValidationError as error:
        raise PoolError.from_validation(error, top) from error
