"""The status of a pool: sizes, conditions, and each replica's weight and shard.

Parsed with the pool by readpool.pool.spec; written out by dump_status, and by no one but the controller.
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


class ConditionStatus(StrEnum):
    """Status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Part):
    """One aspect of the pool's state, as in other Kubernetes objects."""

    type: Annotated[str, Field(max_length=316, pattern=_CONDITION_TYPE)]
    """Type of the condition: Ready, Reconciling, Stalled, Fresh, Autoscaling, Routing or another."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=_CONDITION_REASON)]
    """Reason of the status, one CamelCase word, for programs."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """Details for people."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The metadata.generation that this is based on."""


class ReplicaWeight(Part):
    """Freshness and weight of one replica."""

    replica_name: _Name
    """Name of the pod."""
    weight: Annotated[int, Field(ge=0, le=MAX_WEIGHT * MAX_REPLICAS)]
    """Its weight; its share of the reads is this divided by the sum of all weights."""
    replica_class: ReplicaClass = ReplicaClass.UNKNOWN
    """Class of the replica: fresh, lagging, catchingUp, unreachable, foreign or unknown."""
    is_fresh: bool = False
    """Whether it is synced and fewer than lagThreshold ledgers behind the network's newest ledger."""
    ledger_sequence: _Ledger | None = None
    """Its newest ledger; absent until it reports one."""
    lag: _Ledger | None = None
    """Ledgers behind the network's newest ledger; absent while unknown."""
    catch_up_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Progress of catching up, in percent; absent while it is not catching up."""
    seconds_to_fresh: _Ledger | None = None
    """Estimated seconds until it is fresh, from the rate at which it catches up; absent while it does not."""
    out_of_service: bool | None = None
    """True if stellar.org/out-of-service on its pod takes it out of service; absent otherwise."""
    volume_used_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Used space of its volume, in percent; absent unless storage.autoGrow is set and its gate reports it."""
    last_updated: Timestamp | None = None
    """When the scaler observed this."""


class LedgerRange(Part):
    """The ledgers of one shard, both ends inclusive."""

    start: _Ledger
    """First ledger."""
    end: _Ledger | None = None
    """Last ledger; absent in the last range, which is open-ended."""


class ShardOfReplica(Part):
    """The shard of one replica."""

    replica_name: _Name
    """Name of the pod."""
    shard_id: _Count
    """Number of the shard, from 0."""
    archive_url: Annotated[str, Field(max_length=2048, pattern=_PRINTABLE)] = ""
    """The archive that it reads first."""
    ledger_range: LedgerRange | None = None
    """Its ledgers; only with strategy LedgerRange."""


class SnapshotOfPool(Part):
    """The snapshot that new replicas start from."""

    name: _Name
    """Name of the VolumeSnapshot."""
    replica_name: _Name
    """The replica whose volume was snapshotted."""
    taken_at: Timestamp
    """When it was taken."""


class ScalingMemory(Part):
    """State of the scaling policy, saved so that a restarted scaler goes on where the last one stopped."""

    reported_at: Timestamp
    """When the scaler reported this."""
    network_passphrase: Annotated[str, Field(max_length=200)] | None = None
    """The network that this is about."""
    desired_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
    """The number of replicas last asked for."""
    surplus_since: Timestamp | None = None
    """Since when fewer replicas are enough; absent while they are not."""
    surplus_peak: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] = 0
    """The highest number of replicas needed since then."""
    premature_scale_ins: Annotated[int, Field(ge=0, le=32)] = 0
    """Number of consecutive scale-ins that were followed by a need for more replicas; each doubles the wait before the
    next scale-in."""
    scaled_in_at: Timestamp | None = None
    """When replicas were last removed; absent once it is known whether that was premature."""
    overloaded_at: Timestamp | None = None
    """When replicas were last added because of overload; absent once targetReplicas are enough again."""
    warm_up_seconds: Annotated[float, Field(ge=1, le=86_400)] | None = None
    """Median time that new replicas took to become fresh, in seconds."""
    warm_ups: Annotated[int, Field(ge=0, le=32)] = 0
    """Number of replicas in that median."""
    average_unhealthy: Annotated[float, Field(ge=0, le=MAX_REPLICAS)] = 0.0
    """Average number of replicas that lagged or did not respond in the last minutes."""
    request_rate_known: bool = False
    """True once the request rate has been known; while it is then unknown, no replica is removed."""


class PoolStatus(Part):
    """The observed state of the pool. Written by the controller only."""

    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The metadata.generation that this is based on."""
    replicas: _Count = 0
    """Number of replicas, for the scale subresource."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods, for the scale subresource."""
    current_replicas: _Count = 0
    """Number of replicas; the same as replicas."""
    ready_replicas: _Count = 0
    """Number of ready replicas."""
    fresh_replicas: _Count = 0
    """Number of replicas fewer than lagThreshold ledgers behind the network's newest ledger."""
    lagging_replicas: _Count = 0
    """Number of replicas that were fresh and have fallen behind."""
    desired_replicas: _Count | None = None
    """Number of replicas that the scaler last asked for; absent while it has no data to decide."""
    network_latest_ledger: _Ledger | None = None
    """The newest ledger of the network that the scaler knows."""
    average_ledger_sequence: _Ledger | None = None
    """Mean of the replicas' newest ledgers."""
    average_lag: _Ledger | None = None
    """Mean of the replicas' lag in ledgers."""
    learned_requests_per_replica: Annotated[float, Field(ge=0)] | None = None
    """Requests per second that one replica can serve without falling behind, as measured."""
    newest_snapshot: SnapshotOfPool | None = None
    """The snapshot that new replicas start from; absent until a good one exists."""
    scaling_memory: ScalingMemory | None = None
    """State of the scaling policy, saved so that a restarted scaler goes on where the last one stopped."""
    observed_at: Timestamp | None = None
    """When the scaler reported these numbers."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32, json_schema_extra=list_of("type"))] = ()
    """Ready, Reconciling, Stalled, Fresh, Autoscaling, Routing and, where they apply, Sharded, Alerting, Snapshots,
    VolumeSpace and Resources; each with a reason."""
    replica_weights: Annotated[
        tuple[ReplicaWeight, ...], Field(max_length=MAX_REPLICAS, json_schema_extra=list_of("replicaName"))
    ] = ()
    """Freshness and weight of each replica."""
    shard_assignments: Annotated[
        tuple[ShardOfReplica, ...], Field(max_length=MAX_REPLICAS, json_schema_extra=list_of("replicaName"))
    ] = ()
    """The shard of each replica, if shardBalancing is enabled."""


def dump_status(status: PoolStatus) -> dict[str, Any]:
    """Write a status as it stands in the resource: camelCase, without what is not known."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
