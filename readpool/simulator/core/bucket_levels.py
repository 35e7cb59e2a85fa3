"""The bucket list of a ledger: eleven levels of two buckets each, and when one level spills into the next. Pure.

A bucket is named by the hash of its content. Level 0 changes with every ledger; level n spills every 2 * 4**n ledgers,
so that a folder and an archive hold as many buckets, and drop them as soon, as those of Stellar Core.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EMPTY = "0" * 64
"""The name of a bucket without entries; no file belongs to it."""
LEVELS = 11


@dataclass(frozen=True, slots=True)
class Level:
    """One level: the bucket that grows, and the one that waits to be merged into the next level."""

    curr: str = EMPTY
    snap: str = EMPTY


BucketList = tuple[Level, ...]

NO_BUCKETS: BucketList = (Level(),) * LEVELS


def list_spilling(num: int) -> list[int]:
    """List the levels that spill into the next one when ledger `num` closes, the highest first."""
    return [level for level in range(LEVELS - 2, -1, -1) if num % (2 * 4**level) == 0]


def list_buckets(levels: Iterable[Level]) -> list[str]:
    """List the buckets that have a file, each once, the newest first."""
    names = [name for level in levels for name in (level.curr, level.snap) if name != EMPTY]
    return list(dict.fromkeys(names))


def replace_level(levels: Sequence[Level], index: int, *, curr: str, snap: str) -> BucketList:
    """Return the list with one of its levels replaced."""
    return (*levels[:index], Level(curr, snap), *levels[index + 1 :])
