"""Shards of a pool: from its spec and its archives to assignments, and from them to pods' annotations and status."""

from dataclasses import replace
from typing import Any

import pytest

from controller.plan.pod_plan import PodPatch, plan_patches
from controller.plan.shard_plan import build_annotations, find_archived_ledgers, plan_shards, to_status
from controller.replicas.replicas import read_replicas
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment, ShardPlan
from devtools.pools.pool_manifests import ARCHIVE
from readpool.pool.status import PoolStatus
from tests.unit.observed_pools import FRESH, NOW, TIP, build_fleet, build_pod, build_pool, observe

ARCHIVES = [ARCHIVE, "https://archive2.example.com"]
SHARD, URL, RANGE = "stellar.org/shard-id", "stellar.org/archive-url", "stellar.org/ledger-range"


def sharded(**balancing: Any) -> dict[str, Any]:
    return {"historyArchiveUrls": ARCHIVES, "shardBalancing": {"enabled": True, "shardCount": 2} | balancing}


def plan(wanted: int = 3, *, annotations: dict[int, dict[str, str]] | None = None, **balancing: Any) -> ShardPlan:
    pool = build_pool(**sharded(**balancing))
    told = annotations or {}
    pods = tuple(build_pod(pool, ordinal, annotations=told.get(ordinal)) for ordinal in range(wanted))
    observed = observe(pool, *[FRESH] * wanted, pods=pods)
    return plan_shards(observed, read_replicas(observed), wanted)


def test_without_shard_balancing_nobody_has_a_shard() -> None:
    observed = observe(build_pool(historyArchiveUrls=ARCHIVES), FRESH)
    assert plan_shards(observed, read_replicas(observed), 1) == ShardPlan({})


def test_replicas_that_are_wanted_have_shards_before_their_pods_are_there() -> None:
    pool = build_pool(**sharded())
    observed = observe(pool, FRESH)
    assert list(plan_shards(observed, read_replicas(observed), 3).assignments) == ["pool-0", "pool-1", "pool-2"]


@pytest.mark.parametrize("strategy", ["RoundRobin", "HashBased", "LedgerRange", "roundRobin", "hashBased"])
def test_every_strategy_gives_each_shard_a_replica(strategy: str) -> None:
    found = plan(strategy=strategy)
    assert {one.shard_id for one in found.assignments.values()} == {0, 1}
    assert found.problems == ()


def test_manual_goes_by_the_annotations_of_pods_and_says_which_are_wrong() -> None:
    found = plan(strategy="Manual", annotations={0: {SHARD: "1"}, 1: {SHARD: "7"}})
    assert {name: one.shard_id for name, one in found.assignments.items()} == {"pool-0": 1}
    assert [(one.reason, one.replica) for one in found.problems] == [
        ("ShardOutOfRange", "pool-1"),
        ("ShardMissing", "pool-2"),
        ("ShardsUnassigned", None),
    ]


def test_what_was_assigned_before_is_read_from_status() -> None:
    pool = build_pool(**sharded(autoRebalance=False))
    told = to_status({"pool-0": ShardAssignment(1, ARCHIVE, LedgerRange(64, 127))})
    pool = replace(pool, status=PoolStatus(shard_assignments=told))
    observed = observe(pool, FRESH)
    assert plan_shards(observed, read_replicas(observed), 1).assignments == {"pool-0": ShardAssignment(1, ARCHIVE)}


LEDGERS = {
    "as the archives said": ((1, 6399), TIP, None, (1, 6399)),
    "what they should hold by the tip": (None, 6464, None, (1, 6399)),
    "not the checkpoint that is just being published": (None, 127, None, (1, 63)),
    "nothing yet": (None, 63, None, None),
    "by the last tip that status tells": (None, None, 6464, (1, 6399)),
    "nothing is known": (None, None, None, None),
}


@pytest.mark.parametrize(("archived", "tip", "last_tip", "found"), LEDGERS.values(), ids=LEDGERS.keys())
def test_the_ledgers_that_archives_hold(
    archived: tuple[int, int] | None, tip: int | None, last_tip: int | None, found: tuple[int, int] | None
) -> None:
    pool = replace(build_pool(), status=PoolStatus(network_latest_ledger=last_tip))
    observed = observe(pool, fleet=build_fleet(pool, tip_ledger=tip), archived_ledgers=archived)
    assert find_archived_ledgers(observed) == found


ASSIGNED = ShardAssignment(1, ARCHIVE, LedgerRange(128))
ANNOTATIONS: dict[str, tuple[dict[str, Any], ShardAssignment | None, dict[str, str | None]]] = {
    "a shard with its range": (sharded(), ASSIGNED, {SHARD: "1", URL: ARCHIVE, RANGE: "128-"}),
    "a shard without one": (sharded(), ShardAssignment(0, ARCHIVE), {SHARD: "0", URL: ARCHIVE, RANGE: None}),
    "no shard any more": ({}, None, {SHARD: None, URL: None, RANGE: None}),
    "by hand": (sharded(strategy="Manual"), ASSIGNED, {URL: ARCHIVE, RANGE: "128-"}),
    "by hand, and wrong": (sharded(strategy="manual"), None, {URL: None, RANGE: None}),
}


@pytest.mark.parametrize(("spec", "assignment", "annotations"), ANNOTATIONS.values(), ids=ANNOTATIONS.keys())
def test_a_pod_tells_of(
    spec: dict[str, Any], assignment: ShardAssignment | None, annotations: dict[str, str | None]
) -> None:
    assert build_annotations(build_pool(**spec), assignment, {SHARD: "5", URL: ARCHIVE}) == annotations


def test_a_number_that_a_person_has_written_before_shards_are_enabled_stays() -> None:
    assert build_annotations(build_pool(), None, {SHARD: "5"}) == {URL: None, RANGE: None}


def test_a_pod_is_patched_with_what_it_does_not_say_yet_and_only_while_it_stays() -> None:
    pool = build_pool(**sharded())
    pods = (
        build_pod(pool, 0),
        build_pod(pool, 1, annotations={SHARD: "1", URL: ARCHIVE, RANGE: "64-127", "theirs": "x"}),
        build_pod(pool, 2, is_going=True),
    )
    observed = observe(pool, FRESH, FRESH, FRESH, pods=pods, fleet=build_fleet(pool, at=NOW))
    assignments = {f"pool-{ordinal}": ShardAssignment(1, ARCHIVE) for ordinal in range(3)}
    assert plan_patches(observed, read_replicas(observed), assignments) == (
        PodPatch("pool-0", "uid-of-pool-0", {SHARD: "1", URL: ARCHIVE}),
        PodPatch("pool-1", "uid-of-pool-1", {RANGE: None}),
    )


def test_status_tells_the_same_as_the_annotations() -> None:
    (row,) = to_status({"pool-0": ASSIGNED})
    assert row.model_dump(by_alias=True, exclude_none=True) == {
        "replicaName": "pool-0",
        "shardId": 1,
        "archiveUrl": ARCHIVE,
        "ledgerRange": {"start": 128},
    }
