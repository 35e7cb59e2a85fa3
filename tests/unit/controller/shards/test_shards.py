"""Shards by each strategy: tables of what is assigned, what is kept, and what is said to be wrong."""

from collections.abc import Mapping

import pytest

from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import (
    ShardAssignment,
    ShardMember,
    ShardPlan,
    ShardSettings,
    assign_shards,
)
from controller.shards.shards_hashed import compute_score
from controller.shards.shards_problems import (
    LEDGERS_UNKNOWN,
    NO_ARCHIVES,
    SHARD_MISSING,
    SHARD_NOT_A_NUMBER,
    SHARD_OUT_OF_RANGE,
    SHARDS_UNASSIGNED,
    TOO_FEW_CHECKPOINTS,
)
from readpool.pool.balancing import ShardStrategy

A, B, C = "https://a.example.com", "https://b.example.com", "https://c.example.com"
ROUND_ROBIN, HASH_BASED = ShardStrategy.ROUND_ROBIN, ShardStrategy.HASH_BASED
MANUAL, LEDGER_RANGE = ShardStrategy.MANUAL, ShardStrategy.LEDGER_RANGE


def members(count: int, annotations: Mapping[int, str] | None = None) -> list[ShardMember]:
    return [ShardMember(f"pool-{i}", i, (annotations or {}).get(i)) for i in range(count)]


def shards_of(plan: ShardPlan) -> dict[str, int]:
    return {name: assignment.shard_id for name, assignment in plan.assignments.items()}


def ranges_of(plan: ShardPlan) -> list[str]:
    return [str(assignment.ledger_range) for assignment in plan.assignments.values()]


def reasons_of(plan: ShardPlan) -> list[tuple[str, str | None]]:
    return [(problem.reason, problem.replica) for problem in plan.problems]


def test_round_robin_goes_by_ordinal_and_each_shard_has_its_archive() -> None:
    plan = assign_shards(members(5), ShardSettings(ROUND_ROBIN, 4, (A, B, C)), {})
    assert plan.assignments == {
        "pool-0": ShardAssignment(0, A),
        "pool-1": ShardAssignment(1, B),
        "pool-2": ShardAssignment(2, C),
        "pool-3": ShardAssignment(3, A),
        "pool-4": ShardAssignment(0, A),
    }
    assert plan.problems == ()


def test_hash_based_goes_by_name_and_loads_all_shards_alike() -> None:
    plan = assign_shards(members(8), ShardSettings(HASH_BASED, 4, (A,)), {})
    assert list(shards_of(plan).values()) == [3, 2, 1, 2, 0, 1, 3, 0]


def test_a_score_is_what_b2sum_of_coreutils_says() -> None:
    assert compute_score(0, "pool-0") == 0x20FF819E0EA72878


@pytest.mark.parametrize(
    ("annotations", "shards", "problems"),
    [
        pytest.param({0: "1", 1: "0"}, {"pool-0": 1, "pool-1": 0}, [], id="as annotated"),
        pytest.param({0: " 1 ", 1: "0"}, {"pool-0": 1, "pool-1": 0}, [], id="spaces around it do no harm"),
        pytest.param({0: "1"}, {"pool-0": 1}, [(SHARD_MISSING, "pool-1"), (SHARDS_UNASSIGNED, None)], id="missing"),
        pytest.param(
            {0: "0", 1: "one"},
            {"pool-0": 0},
            [(SHARD_NOT_A_NUMBER, "pool-1"), (SHARDS_UNASSIGNED, None)],
            id="not a number",
        ),
        pytest.param(
            {0: "0", 1: "-1"}, {"pool-0": 0}, [(SHARD_NOT_A_NUMBER, "pool-1"), (SHARDS_UNASSIGNED, None)], id="minus"
        ),
        pytest.param(
            {0: "0", 1: "١"},  # noqa: RUF001 - an Arabic digit, which int() would take for a 1
            {"pool-0": 0},
            [(SHARD_NOT_A_NUMBER, "pool-1"), (SHARDS_UNASSIGNED, None)],
            id="a digit of another script",
        ),
        pytest.param(
            {0: "0", 1: "2"},
            {"pool-0": 0},
            [(SHARD_OUT_OF_RANGE, "pool-1"), (SHARDS_UNASSIGNED, None)],
            id="out of range",
        ),
        pytest.param({}, {}, [(SHARD_MISSING, "pool-0"), (SHARD_MISSING, "pool-1")], id="nobody is annotated"),
    ],
)
def test_manual_goes_by_the_annotation(
    annotations: Mapping[int, str], shards: Mapping[str, int], problems: list[tuple[str, str | None]]
) -> None:
    plan = assign_shards(members(2, annotations), ShardSettings(MANUAL, 2, (A, B)), {})
    assert shards_of(plan) == shards
    assert reasons_of(plan) == problems


def test_a_problem_names_annotation_value_and_what_is_allowed() -> None:
    plan = assign_shards(members(1, {0: "7" * 80}), ShardSettings(MANUAL, 2, (A,)), {})
    message = plan.problems[0].message
    assert message.startswith("annotation stellar.org/shard-id is '777")
    assert message.endswith("…'; it must be a whole number from 0 to 1")


def test_a_pod_that_lost_its_annotation_keeps_its_shard_only_where_nothing_is_rebalanced() -> None:
    last = {"pool-0": ShardAssignment(1, B)}
    keeping = assign_shards(members(1), ShardSettings(MANUAL, 2, (A, B), auto_rebalance=False), last)
    assert keeping.assignments == last
    assert reasons_of(keeping) == [(SHARDS_UNASSIGNED, None)]
    assert assign_shards(members(1), ShardSettings(MANUAL, 2, (A, B)), last).assignments == {}


def test_an_annotation_counts_more_than_what_was_and_a_wrong_one_is_reported_even_so() -> None:
    settings = ShardSettings(MANUAL, 2, (A, B), auto_rebalance=False)
    last = {"pool-0": ShardAssignment(1, B), "pool-1": ShardAssignment(0, A)}
    plan = assign_shards(members(2, {0: "0", 1: "x"}), settings, last)
    assert shards_of(plan) == {"pool-0": 0, "pool-1": 0}
    assert reasons_of(plan) == [(SHARD_NOT_A_NUMBER, "pool-1"), (SHARDS_UNASSIGNED, None)]


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        pytest.param({"pool-1": ShardAssignment(0, B)}, ShardAssignment(0, B), id="still valid: kept"),
        pytest.param({"pool-1": ShardAssignment(4, A)}, ShardAssignment(1, B), id="no such shard any more"),
        pytest.param({"pool-1": ShardAssignment(0, C)}, ShardAssignment(1, B), id="no such archive any more"),
        pytest.param({"pool-1": ShardAssignment(-1, A)}, ShardAssignment(1, B), id="no shard at all"),
        pytest.param({}, ShardAssignment(1, B), id="a newcomer"),
    ],
)
def test_without_rebalancing_an_assignment_is_kept_while_it_is_valid(
    last: Mapping[str, ShardAssignment], kept: ShardAssignment
) -> None:
    plan = assign_shards(members(2), ShardSettings(ROUND_ROBIN, 4, (A, B), auto_rebalance=False), last)
    assert plan.assignments["pool-1"] == kept


def test_with_rebalancing_what_was_does_not_matter() -> None:
    last = {"pool-0": ShardAssignment(3, B), "pool-1": ShardAssignment(0, A, LedgerRange(1, 63))}
    for strategy in (ROUND_ROBIN, HASH_BASED):
        settings = ShardSettings(strategy, 4, (A, B))
        assert assign_shards(members(4), settings, last) == assign_shards(members(4), settings, {})


def test_ledger_ranges_are_whole_checkpoints_and_the_last_one_is_open() -> None:
    plan = assign_shards(members(5), ShardSettings(LEDGER_RANGE, 4, (A, B), ledgers=(1, 6399)), {})
    assert ranges_of(plan) == ["1-1599", "1600-3199", "3200-4799", "4800-", "1-1599"]
    assert [one.archive_url for one in plan.assignments.values()] == [A, B, A, B, A]


@pytest.mark.parametrize(
    ("last_ledger", "auto_rebalance", "moves"),
    [
        pytest.param(6399 + 64, True, False, id="a checkpoint later they stand"),
        pytest.param(6399 + 25 * 64, True, False, id="the open end at twice the others stands"),
        pytest.param(6399 + 26 * 64, True, True, id="beyond that all is shared out anew"),
        pytest.param(6399 + 260 * 64, False, False, id="never without rebalancing"),
        pytest.param(3000, True, False, id="an archive that is behind moves nothing"),
    ],
)
def test_ranges_stand_while_the_archive_grows(last_ledger: int, auto_rebalance: bool, moves: bool) -> None:
    before = assign_shards(members(4), ShardSettings(LEDGER_RANGE, 4, (A,), ledgers=(1, 6399)), {})
    settings = ShardSettings(LEDGER_RANGE, 4, (A,), auto_rebalance, (1, last_ledger))
    after = assign_shards(members(4), settings, before.assignments)
    assert (after.assignments != before.assignments) is moves


def test_another_number_of_shards_splits_anew() -> None:
    before = assign_shards(members(6), ShardSettings(LEDGER_RANGE, 4, (A,), ledgers=(1, 6399)), {})
    for auto_rebalance in (True, False):
        settings = ShardSettings(LEDGER_RANGE, 5, (A,), auto_rebalance, (1, 6399))
        after = assign_shards(members(6), settings, before.assignments)
        assert ranges_of(after) == ["1-1279", "1280-2559", "2560-3839", "3840-5119", "5120-", "1-1279"]


def test_newcomers_fit_into_the_split_that_others_have_even_when_shards_have_no_replica() -> None:
    settings = ShardSettings(LEDGER_RANGE, 7, (A,), ledgers=(1, 64_000))
    first = assign_shards(members(2), settings, {})
    grown = ShardSettings(LEDGER_RANGE, 7, (A,), ledgers=(1, 70_000))
    second = assign_shards(members(7), grown, first.assignments)
    assert ranges_of(second)[:2] == ranges_of(first)
    starts = [one.ledger_range.start for one in second.assignments.values() if one.ledger_range]
    ends = [one.ledger_range.end for one in second.assignments.values() if one.ledger_range]
    assert [end + 1 if end else None for end in ends] == [*starts[1:], None]


def test_while_the_history_is_not_known_ranges_stay_and_none_is_guessed() -> None:
    before = assign_shards(members(2), ShardSettings(LEDGER_RANGE, 2, (A,), ledgers=(1, 6399)), {}).assignments
    for auto_rebalance in (True, False):
        plan = assign_shards(members(3), ShardSettings(LEDGER_RANGE, 2, (A,), auto_rebalance), before)
        assert ranges_of(plan) == ["1-3199", "3200-", "None"]
        assert reasons_of(plan) == [(LEDGERS_UNKNOWN, None)]


@pytest.mark.parametrize(
    ("ledgers", "ranges"),
    [
        pytest.param((1, 40), ["1-", "1-", "1-"], id="no checkpoint yet"),
        pytest.param((1, 63), ["1-", "1-", "1-"], id="one"),
        pytest.param((1, 130), ["1-63", "64-", "1-63"], id="two"),
        pytest.param((65, 200), ["128-", "128-", "128-"], id="an archive that begins within a checkpoint"),
    ],
)
def test_a_short_history_has_as_many_shards_as_checkpoints(ledgers: tuple[int, int], ranges: list[str]) -> None:
    plan = assign_shards(members(3), ShardSettings(LEDGER_RANGE, 4, (A,), ledgers=ledgers), {})
    assert ranges_of(plan) == ranges
    assert reasons_of(plan) == [(TOO_FEW_CHECKPOINTS, None)]


def test_shards_that_nobody_serves_are_named() -> None:
    plan = assign_shards(members(2), ShardSettings(ROUND_ROBIN, 4, (A,)), {})
    assert [problem.message for problem in plan.problems] == ["2 of 4 shards have no replica: 2, 3"]
    assert assign_shards([], ShardSettings(ROUND_ROBIN, 4, (A,)), {}) == ShardPlan({})


def test_without_archives_there_is_nothing_to_assign() -> None:
    plan = assign_shards(members(2), ShardSettings(ROUND_ROBIN, 4, ()), {})
    assert plan.assignments == {}
    assert reasons_of(plan) == [(NO_ARCHIVES, None)]
