"""What holds of shards whoever the members are: one answer, every shard owned, even sizes, few moves, no gap."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.shards.checkpoints import (
    LedgerRange,
    compute_first_checkpoint,
    compute_last_checkpoint,
)
from controller.shards.shards import ShardAssignment, ShardMember, ShardSettings, assign_shards
from controller.shards.shards_hashed import assign_by_hash
from controller.shards.shards_problems import parse_shard_annotation
from controller.shards.shards_ranges import count_checkpoints, split_ledgers
from readpool.pool.balancing import ShardStrategy

NAMES = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=40)
SHARDS = st.integers(1, 12)
URLS = st.lists(st.sampled_from([f"https://{c}.example.com" for c in "abcdef"]), unique=True, min_size=1)
LEDGERS = st.tuples(st.integers(0, 5000), st.integers(0, 200_000)).map(lambda pair: (pair[0], pair[0] + pair[1]))
RANGES = st.builds(LedgerRange, st.integers(1, 9000), st.none() | st.integers(9000, 20_000))
ANNOTATIONS = st.none() | st.integers(-2, 13).map(str) | st.text(max_size=5)


@st.composite
def plans_asked_for(
    draw: st.DrawFn,
) -> tuple[list[ShardMember], ShardSettings, dict[str, ShardAssignment]]:
    asked = [ShardMember(f"pool-{i}", i, draw(ANNOTATIONS)) for i in range(draw(st.integers(0, 25)))]
    settings = ShardSettings(
        draw(st.sampled_from(ShardStrategy)),
        draw(SHARDS),
        tuple(draw(URLS)),
        draw(st.booleans()),
        draw(st.none() | LEDGERS),
    )
    urls = st.sampled_from([*settings.archives, "https://gone.example.com"])
    before = st.builds(ShardAssignment, st.integers(-1, 13), urls, st.none() | RANGES)
    last = {member.name: draw(before) for member in asked if draw(st.booleans())}
    return asked, settings, last


@given(plans_asked_for(), st.randoms(use_true_random=False))
def test_the_order_of_members_never_matters(
    asked: tuple[list[ShardMember], ShardSettings, dict[str, ShardAssignment]], chance: random.Random
) -> None:
    members, settings, last = asked
    shuffled = chance.sample(members, len(members))
    remembered = dict(chance.sample(list(last.items()), len(last)))
    assert assign_shards(members, settings, last) == assign_shards(shuffled, settings, remembered)


@given(plans_asked_for())
def test_what_is_assigned_is_there_and_assigning_it_again_changes_nothing(
    asked: tuple[list[ShardMember], ShardSettings, dict[str, ShardAssignment]],
) -> None:
    members, settings, last = asked
    plan = assign_shards(members, settings, last)
    for assignment in plan.assignments.values():
        assert 0 <= assignment.shard_id < settings.shard_count
        assert assignment.archive_url in settings.archives
        assert assignment.ledger_range is None or settings.strategy is ShardStrategy.LEDGER_RANGE
    again = assign_shards(members, settings, plan.assignments)
    assert again.assignments == plan.assignments
    if settings.strategy is not ShardStrategy.MANUAL:
        assert plan.assignments.keys() == {member.name for member in members}


@given(
    st.sampled_from([ShardStrategy.ROUND_ROBIN, ShardStrategy.HASH_BASED, ShardStrategy.LEDGER_RANGE]),
    st.integers(1, 60),
    SHARDS,
)
def test_every_shard_has_an_owner_when_there_are_replicas_enough_and_sizes_differ_by_one_at_most(
    strategy: ShardStrategy, count: int, shard_count: int
) -> None:
    members = [ShardMember(f"pool-{i}", i) for i in range(count)]
    plan = assign_shards(members, ShardSettings(strategy, shard_count, ("https://a",), ledgers=(1, 1_000_000)), {})
    sizes = Counter(assignment.shard_id for assignment in plan.assignments.values())
    assert len(sizes) == min(count, shard_count)
    assert max(sizes.values()) - min(sizes[shard] for shard in range(shard_count)) <= 1
    assert bool(plan.problems) is (count < shard_count)


@given(NAMES, SHARDS, st.text(min_size=1, max_size=8))
def test_a_join_or_a_leave_moves_no_more_than_twice_the_other_shards(
    names: list[str], shard_count: int, newcomer: str
) -> None:
    without = assign_by_hash([name for name in names if name != newcomer], shard_count)
    with_it = assign_by_hash([*names, newcomer], shard_count)
    moved = [name for name, shard in without.items() if with_it[name] != shard]
    assert len(moved) <= 2 * (shard_count - 1)


@given(st.integers(1, 60), SHARDS)
def test_round_robin_moves_nobody_when_a_replica_joins(count: int, shard_count: int) -> None:
    settings = ShardSettings(ShardStrategy.ROUND_ROBIN, shard_count, ("https://a",))
    members = [ShardMember(f"pool-{i}", i) for i in range(count + 1)]
    before, after = (assign_shards(some, settings, {}).assignments for some in (members[:-1], members))
    assert after.items() >= before.items()


@given(LEDGERS, SHARDS)
def test_ranges_cover_all_without_gap_or_overlap_in_whole_checkpoints_of_even_number(
    ledgers: tuple[int, int], shard_count: int
) -> None:
    split = split_ledgers(ledgers, shard_count, {}, may_move=True)
    assert len(split) == shard_count
    assert [one.end is None for one in split] == [False] * (shard_count - 1) + [True]
    assert compute_first_checkpoint(split[0].start) == compute_first_checkpoint(ledgers[0])
    assert all(before.end is not None and before.end + 1 == after.start for before, after in pairwise(split))
    assert all(one.start == 1 or one.start % 64 == 0 for one in split)
    assert all(one.end is None or one.end % 64 == 63 for one in split)
    if count_checkpoints(ledgers) >= shard_count:
        known_end = compute_last_checkpoint(ledgers[1]) + 1
        bounds = [*(compute_first_checkpoint(one.start) for one in split), known_end]
        sizes = [after - before for before, after in pairwise(bounds)]
        assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 5000), SHARDS, st.lists(st.integers(0, 40_000), min_size=1, max_size=30), st.data())
def test_a_growing_archive_moves_ranges_only_when_the_open_one_has_outgrown_the_others(
    first: int, shard_count: int, growth: list[int], data: st.DataObject
) -> None:
    last = first + shard_count * 64 + 64
    split = split_ledgers((first, last), shard_count, {}, may_move=True)
    for more in growth:
        last += more
        owned = data.draw(st.sets(st.integers(0, shard_count - 1), min_size=1))
        after = split_ledgers((first, last), shard_count, {i: [split[i]] for i in owned}, may_move=True)
        closed = -(-(compute_first_checkpoint(split[-1].start) - compute_first_checkpoint(first)) // shard_count)
        open_size = compute_last_checkpoint(last) + 1 - compute_first_checkpoint(split[-1].start)
        if any(after[i] != split[i] for i in owned):
            assert open_size > closed
        split = after


def test_another_process_with_another_hash_seed_gives_the_same_answer() -> None:
    script = (
        "import json; from controller.shards.shards_hashed import assign_by_hash;"
        "print(json.dumps(assign_by_hash([f'pool-{i}' for i in range(25)], 7), sort_keys=True))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert [json.loads(answer) for answer in answers] == [assign_by_hash([f"pool-{i}" for i in range(25)], 7)]


@given(st.text(), st.integers(1, 20))
def test_any_annotation_at_all_is_a_shard_or_a_problem(text: str, shard_count: int) -> None:
    parsed = parse_shard_annotation(text, shard_count, "pool-0")
    assert not isinstance(parsed, int) or 0 <= parsed < shard_count
