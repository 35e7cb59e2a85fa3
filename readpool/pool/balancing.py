"""What a pool says of where its reads go and of which replica holds what: spec.loadBalancing, spec.shardBalancing.

Under readpool.pool.spec.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from readpool.pool.rules import Part, Rule
from readpool.pool.scalars import MAX_WEIGHT, ObjectName, list_of

MAX_LAG_THRESHOLD = 1_000_000
MAX_SHARDS = 1000


class RoutingMode(StrEnum):
    """How lagging replicas are kept from readers."""

    WEIGHTED = "Weighted"
    """They get a smaller share, by whatever honours weights: Envoy, a mesh, a Gateway."""
    FRESH_ONLY = "FreshOnly"
    """They leave the Service while a fresh one is there: what kube-proxy can do."""


class ParentRef(Part):
    """A parent of an HTTPRoute, as the Gateway API has it."""

    name: ObjectName
    """Name of the parent."""
    namespace: Annotated[str, Field(max_length=63)] | None = None
    """Namespace of the parent; the pool's own where it is left out. The controller has to allow another."""
    kind: Annotated[str, Field(max_length=63)] | None = None
    """Gateway, which is the default, or Service for a mesh."""
    group: Annotated[str, Field(max_length=253)] | None = None
    """API group of the parent; gateway.networking.k8s.io where it is left out, "" for a Service."""
    section_name: Annotated[str, Field(max_length=253)] | None = None
    """A listener of the Gateway, or a named port of the Service."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """A port of the parent; all of them where it is left out."""


class HttpRoute(Part):
    """An HTTPRoute of the Gateway API that spreads reads by weight."""

    parent_refs: Annotated[
        tuple[ParentRef, ...], Field(min_length=1, max_length=32, json_schema_extra=list_of(kind="atomic"))
    ]
    """What the route is attached to: Gateways, or a Service for a mesh."""


class LoadBalancing(Part):
    """How reads are spread over the replicas. A weight is a replica's share of the traffic beside the others'."""

    rules = (
        Rule(
            "self.laggingNodeWeight <= self.freshNodeWeight",
            "has to be no more than freshNodeWeight: lagging replicas would be read more than fresh ones",
            lambda part: part.lagging_node_weight <= part.fresh_node_weight,
            ".laggingNodeWeight",
        ),
    )

    enabled: bool = False
    """Weigh replicas by their freshness. While false, all that are ready and answer are read alike."""
    fresh_node_weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT)] = 100
    """Weight of a replica that is within lagThreshold of the network's newest ledger."""
    lagging_node_weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT)] = 10
    """Weight of a replica that was fresh and has fallen behind, while fewer than targetReplicas are fresh; beside so
    many it has none. 0 takes it out as soon as a fresh one is there."""
    lag_threshold: Annotated[int, Field(ge=1, le=MAX_LAG_THRESHOLD)] = 1000
    """Ledgers behind the network's newest from which a replica counts as lagging. A ledger closes about each 5 s,
    so 12 is a minute. Holds for scaling as well, and while loadBalancing is not enabled."""
    update_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How often numbers are written to status and EndpointSlices at most. A change of class is written at once."""
    mode: RoutingMode = RoutingMode.WEIGHTED
    """Weighted, for Envoy, a mesh or a Gateway, which honour weights; or FreshOnly, where kube-proxy alone routes:
    lagging replicas leave the Service while a fresh one is there."""
    http_route: HttpRoute | None = None
    """Also keep an HTTPRoute of the Gateway API for the pool."""


class ShardStrategy(StrEnum):
    """How shards find their replicas."""

    ROUND_ROBIN = "RoundRobin"
    """By ordinal: replica n has shard n modulo shardCount."""
    HASH_BASED = "HashBased"
    """By rendezvous hashing: few move when a replica joins or leaves."""
    MANUAL = "Manual"
    """By the pod annotation stellar.org/shard-id."""
    LEDGER_RANGE = "LedgerRange"
    """Contiguous ranges of whole checkpoints over what the archives hold."""


_SPELLINGS = {word[0].lower() + word[1:]: word for word in ShardStrategy}
_Strategy = Annotated[
    ShardStrategy,
    BeforeValidator(lambda value: _SPELLINGS.get(value, value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string", "enum": [*ShardStrategy, *_SPELLINGS]}),
]


class ShardBalancing(Part):
    """How the history archives are divided among the replicas."""

    enabled: bool = False
    """Give each replica a shard; historyArchiveUrls must not be empty then."""
    shard_count: Annotated[int, Field(ge=1, le=MAX_SHARDS)] = 4
    """How many shards there are."""
    strategy: _Strategy = ShardStrategy.ROUND_ROBIN
    """RoundRobin: by ordinal. HashBased: by rendezvous hashing, so that few move when a replica joins or leaves.
    Manual: by the pod annotation stellar.org/shard-id. LedgerRange: contiguous ranges of whole 64-ledger checkpoints
    over what the archives hold. The spellings roundRobin, hashBased, manual and ledgerRange mean the same."""
    auto_rebalance: bool = True
    """Divide anew when replicas join or leave; false keeps each assignment that is still valid."""
