"""What a pool says of where its reads go and of which replica holds what: spec.loadBalancing, spec.shardBalancing.

Under readpool.pool.spec.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from readpool.pool.rules import Part, Rule
from readpool.pool.scalars import MAX_WEIGHT, ObjectName, list_of
from readpool.pool.workload_ref import Port

MAX_LAG_THRESHOLD = 1_000_000
MAX_SHARDS = 1000


class RoutingMode(StrEnum):
    """How lagging replicas get less traffic."""

    WEIGHTED = "Weighted"
    """A smaller weight, for routers that use weights: Envoy, a service mesh, a Gateway."""
    FRESH_ONLY = "FreshOnly"
    """Removal from the Service while a fresh replica exists, for kube-proxy, which ignores weights."""


class ParentRef(Part):
    """A parent of an HTTPRoute, as in the Gateway API."""

    name: ObjectName
    """Name of the parent."""
    namespace: Annotated[str, Field(max_length=63)] | None = None
    """Namespace of the parent. Default: the pool's namespace. Any other requires the controller's flag
    --gateway-namespaces."""
    kind: Annotated[str, Field(max_length=63)] | None = None
    """Gateway (the default), or Service for a service mesh."""
    group: Annotated[str, Field(max_length=253)] | None = None
    """API group of the parent. Default: gateway.networking.k8s.io; "" for a Service."""
    section_name: Annotated[str, Field(max_length=253)] | None = None
    """A listener of the Gateway, or a named port of the Service."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """A port of the parent. Default: all ports."""


class HttpRoute(Part):
    """An HTTPRoute of the Gateway API that distributes reads by weight."""

    parent_refs: Annotated[
        tuple[ParentRef, ...], Field(min_length=1, max_length=32, json_schema_extra=list_of(kind="atomic"))
    ]
    """The parents of the route: Gateways, or a Service for a service mesh."""


class LoadBalancing(Part):
    """How reads are distributed over the replicas. A replica's share of the reads is its weight over the sum of all."""

    rules = (
        Rule(
            "self.laggingNodeWeight <= self.freshNodeWeight",
            "must be at most freshNodeWeight: lagging replicas must not get more reads than fresh ones",
            lambda part: part.lagging_node_weight <= part.fresh_node_weight,
            ".laggingNodeWeight",
        ),
    )

    enabled: bool = False
    """Weight replicas by freshness. If false, all ready replicas that respond get equal weight."""
    fresh_node_weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT)] = 100
    """Weight of a fresh replica: one fewer than lagThreshold ledgers behind the network's newest ledger."""
    lagging_node_weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT)] = 10
    """Weight of a lagging replica while too few are fresh: less than five sixths of targetReplicas, rounded up. While
    enough are fresh, it gets no traffic. With 0 it gets traffic only while no replica is fresh."""
    lag_threshold: Annotated[int, Field(ge=1, le=MAX_LAG_THRESHOLD)] = 1000
    """A replica that is at least this many ledgers behind the network's newest ledger is lagging. A ledger closes about
    every 5 s, so 12 is a minute and the default 83 minutes. Also used for scaling, even if loadBalancing is
    disabled."""
    update_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """Minimum seconds between updates of numbers in status and EndpointSlices. A change of class is written at once."""
    mode: RoutingMode = RoutingMode.WEIGHTED
    """Weighted, for routers that use weights: Envoy, a service mesh, a Gateway. FreshOnly, for kube-proxy, which
    ignores weights: lagging replicas are removed from the Service while a fresh replica exists."""
    port: Port | None = None
    """Port of the pods of workloadRef that serves reads, by number or by the name that a container gives it. Default:
    probe.port. Required with probe.type core: the port of its query server."""
    http_route: HttpRoute | None = None
    """Also create an HTTPRoute of the Gateway API for the pool."""


class ShardStrategy(StrEnum):
    """How shards are assigned to replicas."""

    ROUND_ROBIN = "RoundRobin"
    """By ordinal: replica n gets shard n modulo shardCount."""
    HASH_BASED = "HashBased"
    """By rendezvous hashing: few shards move when a replica joins or leaves."""
    MANUAL = "Manual"
    """By the pod annotation stellar.org/shard-id."""
    LEDGER_RANGE = "LedgerRange"
    """Contiguous ranges of whole checkpoints over the ledgers in the archives."""


_SPELLINGS = {word[0].lower() + word[1:]: word for word in ShardStrategy}
_Strategy = Annotated[
    ShardStrategy,
    BeforeValidator(lambda value: _SPELLINGS.get(value, value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string", "enum": [*ShardStrategy, *_SPELLINGS]}),
]


class ShardBalancing(Part):
    """How the history archives are sharded among the replicas."""

    enabled: bool = False
    """Assign a shard to each replica. Requires historyArchiveUrls."""
    shard_count: Annotated[int, Field(ge=1, le=MAX_SHARDS)] = 4
    """The number of shards."""
    strategy: _Strategy = ShardStrategy.ROUND_ROBIN
    """RoundRobin: by ordinal. HashBased: by rendezvous hashing, so that few shards move when a replica joins or leaves.
    Manual: by the pod annotation stellar.org/shard-id. LedgerRange: contiguous ranges of whole 64-ledger checkpoints
    over the ledgers in the archives. roundRobin, hashBased, manual and ledgerRange are accepted as well."""
    auto_rebalance: bool = True
    """Reassign shards when replicas join or leave. If false, every assignment that is still valid stays."""
