"""What the controller says of a pool: sizes, conditions, and each replica's weight and shard.

Parsed with the pool by readpool.pool.spec; written out by dump_status, and by nobody but the controller.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from readpool.pool.rules import Part
from readpool.pool.scalars import MAX_REPLICAS, MAX_WEIGHT, Timestamp, list_of
from readpool.replica_class import ReplicaClass

_Count = Annotated[int, Field(ge=0)]
_Ledger = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
_Name = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Without what a terminal obeys."""
# As Kubernetes' own conditions have them.
_CONDITION_TYPE = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_CONDITION_REASON = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


class Verdict(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Part):
    """One aspect of the pool's state, as every Kubernetes object has them."""

    type: Annotated[str, Field(max_length=316, pattern=_CONDITION_TYPE)]
    """What the condition is about: Ready, Reconciling, Stalled, Fresh, Autoscaling, Routing or another."""
    status: Verdict
    """True, False or Unknown."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=_CONDITION_REASON)]
    """Why, in one CamelCase word, for machines."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """Why, in a sentence, for people."""
    last_transition_time: Timestamp
    """Since when the status is what it is."""
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the spec that this was said of."""


class ReplicaWeight(Part):
    """One replica: how fresh it is and what share of the reads it gets."""

    replica_name: _Name
    """Name of the pod."""
    weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT * MAX_REPLICAS)]
    """Its share of the reads beside the others' weights."""
    replica_class: ReplicaClass = ReplicaClass.UNKNOWN
    """fresh, lagging, catchingUp, unreachable, foreign or unknown."""
    is_fresh: bool = False
    """Whether it is within lagThreshold of the network's newest ledger and in step with the network."""
    ledger_sequence: _Ledger | None = None
    """Its newest ledger; absent while it has told none."""
    lag: _Ledger | None = None
    """Ledgers behind the network's newest; absent while that is not known."""
    catch_up_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """How far it has caught up, while it does."""
    seconds_to_fresh: _Ledger | None = None
    """About how long until it is fresh, from the rate at which it gains; absent when it does not."""
    out_of_service: bool | None = None
    """Whether a person has taken it out of service, by stellar.org/out-of-service on its pod; absent otherwise."""
    volume_used_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """How full its volume is; absent unless storage.autoGrow is set and its gate tells."""
    last_updated: Timestamp | None = None
    """When the scaler saw this."""


class LedgerRange(Part):
    """The ledgers of one shard, both ends included."""

    start: _Ledger
    """First ledger."""
    end: _Ledger | None = None
    """Last ledger; absent in the last range, which grows with the network."""


class ShardOfReplica(Part):
    """Which part of the archives one replica has."""

    replica_name: _Name
    """Name of the pod."""
    shard_id: _Count
    """Number of the shard, from 0."""
    archive_url: Annotated[str, Field(max_length=2048, pattern=_PRINTABLE)] = ""
    """The archive that stands first in its configuration."""
    ledger_range: LedgerRange | None = None
    """Its ledgers, with strategy LedgerRange."""


class SnapshotOfPool(Part):
    """The snapshot that new replicas start from."""

    name: _Name
    """Name of the VolumeSnapshot."""
    replica_name: _Name
    """The replica whose volume it is of."""
    taken_at: Timestamp
    """When it was taken."""


class ScalingMemory(Part):
    """What the scaler remembers of its scaling for hours, so that the next one asks for what it asked for."""

    told_at: Timestamp
    """When the scaler told this."""
    network_passphrase: Annotated[str, Field(max_length=200)] | None = None
    """The network that it is of."""
    asked_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
    """The size last asked for."""
    fewer_since: Timestamp | None = None
    """Since when fewer than that are enough; absent while they are not."""
    fewer_peak: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] = 0
    """The most that was wanted since then."""
    regrets: Annotated[int, Field(ge=0, le=32)] = 0
    """How many scale-ins in a row were followed by a need for more; each doubles the wait before the next."""
    released_at: Timestamp | None = None
    """When replicas were last let go; absent once that has proved right or wrong."""
    overload_at: Timestamp | None = None
    """When overload was seen that called for some of the replicas; absent once the target was enough again."""
    warm_up_seconds: Annotated[float, Field(ge=1, le=86_400)] | None = None
    """How long new replicas took to be fresh: the middle one of those measured."""
    warm_ups: Annotated[int, Field(ge=0, le=32)] = 0
    """How many were measured."""
    unrest: Annotated[float, Field(ge=0, le=MAX_REPLICAS)] = 0.0
    """How many replicas lagged or were silent on the average of the last minutes."""
    knew_load: bool = False
    """Whether the request rate has been known, so that nobody is let go where it is not."""


class PoolStatus(Part):
    """What the pool is at present. Written by the controller alone."""

    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the spec that this was said of."""
    replicas: _Count = 0
    """How many replicas there are; for whoever scales."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Labels of the pods, as text; for whoever scales."""
    current_replicas: _Count = 0
    """How many replicas there are."""
    ready_replicas: _Count = 0
    """How many of them are ready to serve."""
    fresh_replicas: _Count = 0
    """How many of them are within lagThreshold of the network's newest ledger."""
    lagging_replicas: _Count = 0
    """How many of them were fresh and have fallen behind."""
    desired_replicas: _Count | None = None
    """How many there should be by the scaler's last word; absent while it has no ground to say."""
    network_latest_ledger: _Ledger | None = None
    """The network's newest ledger, as far as the scaler knows."""
    average_ledger_sequence: _Ledger | None = None
    """Mean of the replicas' newest ledgers."""
    average_lag: _Ledger | None = None
    """Mean of the replicas' lag in ledgers."""
    learned_requests_per_replica: Annotated[float, Field(ge=0)] | None = None
    """How many requests a second one replica has been seen to bear before it fell behind."""
    newest_snapshot: SnapshotOfPool | None = None
    """The snapshot that new replicas start from; absent while there is no good one."""
    scaling_memory: ScalingMemory | None = None
    """What the scaler remembers of its scaling for hours, so that the next one asks for what it asked for."""
    observed_at: Timestamp | None = None
    """When the scaler last told what this rests on."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32, json_schema_extra=list_of("type"))] = ()
    """Ready, Reconciling, Stalled, Fresh, Autoscaling and Routing, each with a reason."""
    replica_weights: Annotated[
        tuple[ReplicaWeight, ...], Field(max_length=MAX_REPLICAS, json_schema_extra=list_of("replicaName"))
    ] = ()
    """Each replica: how fresh it is and what share of the reads it gets."""
    shard_assignments: Annotated[
        tuple[ShardOfReplica, ...], Field(max_length=MAX_REPLICAS, json_schema_extra=list_of("replicaName"))
    ] = ()
    """Which part of the archives each replica has, while shardBalancing is enabled."""


def dump_status(status: PoolStatus) -> dict[str, Any]:
    """Write a status as it stands in the resource: camelCase, without what is not known."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
