"""What the controller says of a pool: written in the resource's words, read back as it was written."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from devtools.pools.pool_manifests import build_manifest
from readpool.pool.scalars import to_timestamp
from readpool.pool.spec import parse_pool
from readpool.pool.status import (
    Condition,
    ConditionStatus,
    LedgerRange,
    PoolStatus,
    ReplicaWeight,
    ShardOfReplica,
    dump_status,
)
from readpool.replica_class import ReplicaClass

AT = datetime(2026, 11, 24, 3, 41, 5, tzinfo=UTC)
FULL_STATUS = PoolStatus(
    observed_generation=3,
    replicas=5,
    selector="stellar.org/pool=pool",
    current_replicas=5,
    ready_replicas=5,
    fresh_replicas=4,
    lagging_replicas=1,
    desired_replicas=6,
    network_latest_ledger=55123456,
    average_ledger_sequence=55123400,
    average_lag=56,
    learned_requests_per_replica=812.5,
    observed_at=AT,
    conditions=(
        Condition(
            type="Ready",
            status=ConditionStatus.TRUE,
            reason="AllFresh",
            message="Five of five.",
            last_transition_time=AT,
            observed_generation=3,
        ),
        Condition(type="Fresh", status=ConditionStatus.UNKNOWN, reason="ScalerGone", last_transition_time=AT),
    ),
    replica_weights=(
        ReplicaWeight(
            replica_name="pool-0",
            weight=100,
            replica_class=ReplicaClass.FRESH,
            is_fresh=True,
            ledger_sequence=55123456,
            lag=0,
            last_updated=AT,
        ),
        ReplicaWeight(
            replica_name="pool-1",
            weight=0,
            replica_class=ReplicaClass.CATCHING_UP,
            catch_up_percent=11,
            seconds_to_fresh=255,
        ),
    ),
    shard_assignments=(
        ShardOfReplica(
            replica_name="pool-0",
            shard_id=0,
            archive_url="https://a.example",
            ledger_range=LedgerRange(start=1, end=63),
        ),
        ShardOfReplica(replica_name="pool-1", shard_id=1, ledger_range=LedgerRange(start=64)),
    ),
)


def test_a_status_is_written_in_the_resources_words_without_what_is_not_known() -> None:
    written = dump_status(FULL_STATUS)
    assert written["networkLatestLedger"] == 55123456
    assert written["conditions"][0] == {
        "type": "Ready",
        "status": "True",
        "reason": "AllFresh",
        "message": "Five of five.",
        "lastTransitionTime": "2026-11-24T03:41:05Z",
        "observedGeneration": 3,
    }
    assert written["replicaWeights"][1] == {
        "replicaName": "pool-1",
        "weight": 0,
        "replicaClass": "catchingUp",
        "isFresh": False,
        "catchUpPercent": 11,
        "secondsToFresh": 255,
    }
    assert written["shardAssignments"][1] == {
        "replicaName": "pool-1",
        "shardId": 1,
        "archiveUrl": "",
        "ledgerRange": {"start": 64},
    }


def test_the_proposals_status_is_read() -> None:
    status = {"currentReplicas": 5, "averageLag": 56, "averageLedgerSequence": 55123400, "conditions": []}
    assert parse_pool(build_manifest() | {"status": status}).status == PoolStatus(
        current_replicas=5, average_lag=56, average_ledger_sequence=55123400
    )


def test_what_another_version_wrote_into_a_status_is_left_out_and_the_rest_is_read() -> None:
    written = dump_status(FULL_STATUS)
    written["replicaWeights"][0]["replicaClass"] = "draining"
    written["conditions"][1]["status"] = "Perhaps"
    del written["shardAssignments"][0]["shardId"]
    written["averageLag"] = "much"
    read = parse_pool(build_manifest() | {"status": written}).status
    assert [one.replica_class for one in read.replica_weights] == [ReplicaClass.UNKNOWN, ReplicaClass.CATCHING_UP]
    assert read.replica_weights[0].weight == 100
    assert [one.type for one in read.conditions] == ["Ready"]
    assert read.shard_assignments == FULL_STATUS.shard_assignments[1:]
    assert (read.average_lag, read.fresh_replicas) == (None, 4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["conditions", "replicaWeights", "type", "replicas"]), inner)
        ),
    )
)
def test_no_status_whatever_keeps_a_pool_from_being_read(status: object) -> None:
    assert isinstance(parse_pool(build_manifest() | {"status": status}).status, PoolStatus)


def test_a_pool_that_nobody_has_seen_to_has_an_empty_status() -> None:
    assert parse_pool(build_manifest()).status == PoolStatus()


@given(st.floats(min_value=0, max_value=4e9))
def test_a_time_is_read_back_as_it_was_written(now: float) -> None:
    status = PoolStatus(observed_at=to_timestamp(now))
    assert parse_pool(build_manifest() | {"status": dump_status(status)}).status == status


def test_a_full_status_is_read_back_as_it_was_written() -> None:
    assert parse_pool(build_manifest() | {"status": dump_status(FULL_STATUS)}).status == FULL_STATUS
