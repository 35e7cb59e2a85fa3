"""Which replica serves which shard, and which archive is that shard's? Members in, assignments and problems out.

The assignment takes effect in the replica's own configuration (controller.core_config); pod annotations and status tell
of it. The same members, settings and last assignments give the same answer in any order and in any process.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.shards.checkpoints import LedgerRange
from controller.shards.shards_hashed import assign_by_hash
from controller.shards.shards_problems import (
    LEDGERS_UNKNOWN,
    NO_ARCHIVES,
    SHARD_MISSING,
    SHARDS_UNASSIGNED,
    TOO_FEW_CHECKPOINTS,
    ShardProblem,
    parse_shard_annotation,
)
from controller.shards.shards_ranges import count_checkpoints, split_ledgers
from readpool.pool.balancing import ShardStrategy

__all__ = [
    "ShardAssignment",
    "ShardMember",
    "ShardPlan",
    "ShardProblem",
    "ShardSettings",
    "assign_shards",
]

_NAMED_SHARDS = 8


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """What the pool asks for.

    Attributes:
        archives: history archives; shard S has the one at S modulo their number.
        auto_rebalance: False keeps every assignment that is still valid.
        ledgers: the first and the last one that the archives hold, for LedgerRange; None while not known.
    """

    strategy: ShardStrategy
    shard_count: int
    archives: tuple[str, ...]
    auto_rebalance: bool = True
    ledgers: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ShardMember:
    """A replica that the pool should have, whether its pod is there at the moment or not.

    Attributes:
        annotated_shard: its pod's annotation stellar.org/shard-id as it stands; only Manual reads it.
    """

    name: str
    ordinal: int
    annotated_shard: str | None = None


@dataclass(frozen=True, slots=True)
class ShardAssignment:
    """A replica's shard, the archive it reads first, and, for LedgerRange, its part of the history."""

    shard_id: int
    archive_url: str
    ledger_range: LedgerRange | None = None


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Each replica's assignment by name, and what stands in the way of others."""

    assignments: dict[str, ShardAssignment]
    problems: tuple[ShardProblem, ...] = ()


def assign_shards(
    members: Iterable[ShardMember], settings: ShardSettings, last: Mapping[str, ShardAssignment]
) -> ShardPlan:
    """Assign a shard to each replica.

    `last` is what was assigned before, by name. It matters where auto_rebalance is False, and to LedgerRange, whose
    ranges stand while they fit (shards.shards_ranges). RoundRobin and HashBased need nothing of it otherwise.
    """
    if not settings.archives:
        return ShardPlan({}, (ShardProblem(NO_ARCHIVES, "historyArchiveUrls is empty; list at least one archive"),))
    ordered = sorted(members, key=lambda member: (member.ordinal, member.name))
    shards, problems = _CHOICES[settings.strategy](ordered, settings)
    split = _split(settings, [last[member.name] for member in ordered if member.name in last])
    assignments = {}
    for member in ordered:
        before, chosen = last.get(member.name), shards.get(member.name)
        if before is not None and _is_kept(before, chosen, settings, split):
            assignments[member.name] = _with_range(before, settings, split)
        elif chosen is not None:
            archive = settings.archives[chosen % len(settings.archives)]
            known = before.ledger_range if before is not None and before.shard_id == chosen else None
            assignments[member.name] = _with_range(ShardAssignment(chosen, archive, known), settings, split)
    left = [problem for problem in problems if not _is_answered(problem, assignments)]
    return ShardPlan(assignments, (*left, *_find_gaps(assignments, settings)))


_Choice = tuple[dict[str, int], list[ShardProblem]]


def _choose_in_turn(members: Sequence[ShardMember], settings: ShardSettings) -> _Choice:
    count = _count_shards(settings)
    return {member.name: member.ordinal % count for member in members}, []


def _choose_by_hash(members: Sequence[ShardMember], settings: ShardSettings) -> _Choice:
    return assign_by_hash((member.name for member in members), settings.shard_count), []


def _choose_as_annotated(members: Sequence[ShardMember], settings: ShardSettings) -> _Choice:
    shards, problems = {}, []
    for member in members:
        shard = parse_shard_annotation(member.annotated_shard, settings.shard_count, member.name)
        if isinstance(shard, ShardProblem):
            problems.append(shard)
        else:
            shards[member.name] = shard
    return shards, problems


_CHOICES: Mapping[ShardStrategy, Callable[[Sequence[ShardMember], ShardSettings], _Choice]] = {
    ShardStrategy.ROUND_ROBIN: _choose_in_turn,
    ShardStrategy.HASH_BASED: _choose_by_hash,
    ShardStrategy.MANUAL: _choose_as_annotated,
    ShardStrategy.LEDGER_RANGE: _choose_in_turn,
}


def _count_shards(settings: ShardSettings) -> int:
    """Count the shards there can be: of a history with fewer checkpoints than shards, one for each."""
    if settings.strategy is not ShardStrategy.LEDGER_RANGE or settings.ledgers is None:
        return settings.shard_count
    return max(1, min(settings.shard_count, count_checkpoints(settings.ledgers)))


def _split(settings: ShardSettings, last: Iterable[ShardAssignment]) -> tuple[LedgerRange, ...] | None:
    """Split the history for LedgerRange; None for the other strategies, and while it is not known."""
    if settings.strategy is not ShardStrategy.LEDGER_RANGE or settings.ledgers is None:
        return None
    remembered: dict[int, list[LedgerRange]] = {}
    for before in last:
        if before.ledger_range is not None:
            remembered.setdefault(before.shard_id, []).append(before.ledger_range)
    return split_ledgers(settings.ledgers, _count_shards(settings), remembered, may_move=settings.auto_rebalance)


def _is_kept(
    before: ShardAssignment, chosen: int | None, settings: ShardSettings, split: tuple[LedgerRange, ...] | None
) -> bool:
    """Return whether a replica keeps what it has. What Manual says is said on purpose, and counts more."""
    if settings.auto_rebalance or before.archive_url not in settings.archives:
        return False
    if settings.strategy is ShardStrategy.MANUAL and chosen is not None:
        return before.shard_id == chosen
    if not 0 <= before.shard_id < _count_shards(settings):
        return False
    return split is None or before.ledger_range in (None, split[before.shard_id])


def _with_range(
    assignment: ShardAssignment, settings: ShardSettings, split: tuple[LedgerRange, ...] | None
) -> ShardAssignment:
    """Return the assignment with its shard's range; while the history is not known, with the one it has."""
    if settings.strategy is not ShardStrategy.LEDGER_RANGE:
        return ShardAssignment(assignment.shard_id, assignment.archive_url)
    if split is None:
        return assignment
    return ShardAssignment(assignment.shard_id, assignment.archive_url, split[assignment.shard_id])


def _is_answered(problem: ShardProblem, assignments: Mapping[str, ShardAssignment]) -> bool:
    """Return whether a missing annotation is made up for by what the replica keeps."""
    return problem.reason == SHARD_MISSING and problem.replica in assignments


def _find_gaps(assignments: Mapping[str, ShardAssignment], settings: ShardSettings) -> Iterable[ShardProblem]:
    """Yield problems: shards without a replica, and history that is unknown or too short."""
    count = _count_shards(settings)
    if settings.strategy is ShardStrategy.LEDGER_RANGE and settings.ledgers is None:
        yield ShardProblem(LEDGERS_UNKNOWN, "No archive has reported its ledgers yet, so no range is assigned")
    if count < settings.shard_count:
        yield ShardProblem(
            TOO_FEW_CHECKPOINTS,
            f"shardBalancing.shardCount is {settings.shard_count}, but the archives hold only {count} checkpoints of 64"
            f" ledgers; using {count} shards until they hold more",
        )
    unowned = sorted(set(range(count)) - {assignment.shard_id for assignment in assignments.values()})
    if assignments and unowned:
        named = ", ".join(map(str, unowned[:_NAMED_SHARDS])) + (" …" if len(unowned) > _NAMED_SHARDS else "")
        yield ShardProblem(SHARDS_UNASSIGNED, f"{len(unowned)} of {count} shards have no replica: {named}")
