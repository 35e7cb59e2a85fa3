"""Which ledgers belong to which shard? Whole checkpoints, shared out evenly. Under controller.shards.shards.

Archives grow by a checkpoint each five minutes, and shards must not move each time: a split stands, its open end taking
in what is new, until that end has outgrown the others.
"""

from collections.abc import Iterable, Mapping

from controller.shards.checkpoints import LedgerRange, build_range, compute_first_checkpoint, compute_last_checkpoint

MOST_OPEN_GROWTH = 2
"""The open range is at most this many times the size of a closed one before all is shared out again."""


def count_checkpoints(ledgers: tuple[int, int]) -> int:
    """Count the whole checkpoints that archives hold which hold `ledgers`, the first and the last."""
    return max(0, compute_last_checkpoint(ledgers[1]) - compute_first_checkpoint(ledgers[0]) + 1)


def split_ledgers(
    ledgers: tuple[int, int], shard_count: int, remembered: Mapping[int, Iterable[LedgerRange]], *, may_move: bool
) -> tuple[LedgerRange, ...]:
    """Split what the archives hold into one range a shard: no gap, no overlap, only the last one open.

    Sizes differ by one checkpoint at most when the split is made. `remembered` are the ranges that shards have: they
    stand while they fit one split; where `may_move`, only until the open range has grown to twice a closed one.
    """
    first, known = compute_first_checkpoint(ledgers[0]), count_checkpoints(ledgers)
    length = _find_length(first, shard_count, remembered)
    if length is None or (may_move and _is_outgrown(length, known, shard_count)):
        length = max(known, shard_count)
    return _build_split(first, length, shard_count)


def _build_split(first: int, length: int, shard_count: int) -> tuple[LedgerRange, ...]:
    """Share out `length` checkpoints; what comes after them belongs to the last range."""
    bounds = [first + index * length // shard_count for index in range(shard_count)]
    return tuple(map(build_range, bounds, [*bounds[1:], None]))


def _is_outgrown(length: int, known: int, shard_count: int) -> bool:
    open_size = known - (shard_count - 1) * length // shard_count
    return open_size > MOST_OPEN_GROWTH * -(-length // shard_count)


def _find_length(first: int, shard_count: int, remembered: Mapping[int, Iterable[LedgerRange]]) -> int | None:
    """Find how many checkpoints were shared out when the remembered ranges were made; None where no split gives them.

    Bound i of a split of n checkpoints is i * n // shard_count. So each bound that is remembered leaves a span for n,
    and any n within all of the spans gives all of the bounds.
    """
    least, most = shard_count, None
    for index, ledger in _list_bounds(remembered):
        if not 0 < index < shard_count:
            return None
        offset = compute_first_checkpoint(ledger) - first
        highest = ((offset + 1) * shard_count - 1) // index
        least = max(least, -(-offset * shard_count // index))
        most = highest if most is None else min(most, highest)
    if most is None or least > most:
        return None
    split = _build_split(first, least, shard_count)
    is_whole = all(one == split[shard] for shard, ranges in remembered.items() for one in ranges)
    return least if is_whole else None


def _list_bounds(remembered: Mapping[int, Iterable[LedgerRange]]) -> Iterable[tuple[int, int]]:
    """List the bounds that lie within the whole: the shard that begins there, and its first ledger."""
    for shard, ranges in remembered.items():
        for one in ranges:
            if shard > 0:
                yield shard, one.start
            if one.end is not None:
                yield shard + 1, one.end + 1
