"""From a pool to its shards, and from them to what status and pods say. The strategies are in shards.shards."""

from collections.abc import Iterable, Mapping

from controller.observed.labels import ARCHIVE_ANNOTATION, RANGE_ANNOTATION, SHARD_ANNOTATION, pod_name
from controller.observed.observed import ObservedPool
from controller.replicas.replicas import Replica
from controller.shards.checkpoints import LedgerRange, compute_last_checkpoint
from controller.shards.shards import (
    ShardAssignment,
    ShardMember,
    ShardPlan,
    ShardSettings,
    assign_shards,
)
from readpool.history_archives import CHECKPOINT_LEDGERS, FIRST_LEDGER
from readpool.pool import status as pool_status
from readpool.pool.balancing import ShardStrategy
from readpool.pool.spec import ReadOnlyPool


def find_archived_ledgers(observed: ObservedPool) -> tuple[int, int] | None:
    """Find what the archives hold: as they said, or the checkpoints that they should have by the network's tip.

    A checkpoint is published while the next one closes, so the last whole one is left out.
    """
    if observed.archived_ledgers is not None:
        return observed.archived_ledgers
    fleet = observed.current_fleet
    tip = fleet.tip_ledger if fleet is not None else None
    tip = tip or observed.pool.status.network_latest_ledger
    checkpoint = compute_last_checkpoint(tip or 0) - 1
    return (FIRST_LEDGER, (checkpoint + 1) * CHECKPOINT_LEDGERS - 1) if checkpoint >= 0 else None


def plan_shards(observed: ObservedPool, replicas: Iterable[Replica], wanted: int) -> ShardPlan:
    """Assign the shards of the replicas that are wanted; none while shardBalancing is not enabled."""
    pool = observed.pool
    balancing = pool.spec.shard_balancing
    if not balancing.enabled:
        return ShardPlan({})
    settings = ShardSettings(
        balancing.strategy,
        balancing.shard_count,
        pool.spec.history_archive_urls,
        auto_rebalance=balancing.auto_rebalance,
        ledgers=find_archived_ledgers(observed),
    )
    annotated = {replica.name: replica.annotations.get(SHARD_ANNOTATION) for replica in replicas}
    names = [pod_name(pool.name, ordinal) for ordinal in range(wanted)]
    members = [ShardMember(name, ordinal, annotated.get(name)) for ordinal, name in enumerate(names)]
    return assign_shards(members, settings, _read_last(pool))


def build_annotations(
    pool: ReadOnlyPool, assignment: ShardAssignment | None, present: Mapping[str, str]
) -> dict[str, str | None]:
    """Build a pod's annotations; None takes one away.

    With Manual the shard's number is the user's to write, and so it is before shardBalancing is enabled: `present` are
    the annotations that the pod has, and beside one of ours stands an archive.
    """
    balancing = pool.spec.shard_balancing
    is_manual = balancing.strategy is ShardStrategy.MANUAL
    is_theirs = is_manual if balancing.enabled else ARCHIVE_ANNOTATION not in present
    ledger_range = assignment.ledger_range if assignment is not None else None
    annotations: dict[str, str | None] = {
        ARCHIVE_ANNOTATION: assignment.archive_url if assignment is not None else None,
        RANGE_ANNOTATION: str(ledger_range) if ledger_range is not None else None,
    }
    if not is_theirs:
        annotations[SHARD_ANNOTATION] = str(assignment.shard_id) if assignment is not None else None
    return annotations


def to_status(assignments: Mapping[str, ShardAssignment]) -> tuple[pool_status.ShardOfReplica, ...]:
    """Write the assignments as status tells them."""
    return tuple(
        pool_status.ShardOfReplica(
            replica_name=name,
            shard_id=one.shard_id,
            archive_url=one.archive_url,
            ledger_range=None
            if one.ledger_range is None
            else pool_status.LedgerRange(start=one.ledger_range.start, end=one.ledger_range.end),
        )
        for name, one in assignments.items()
    )


def _read_last(pool: ReadOnlyPool) -> dict[str, ShardAssignment]:
    return {
        one.replica_name: ShardAssignment(
            one.shard_id,
            one.archive_url,
            LedgerRange(one.ledger_range.start, one.ledger_range.end) if one.ledger_range is not None else None,
        )
        for one in pool.status.shard_assignments
    }
