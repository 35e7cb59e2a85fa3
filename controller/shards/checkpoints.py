"""Ledgers counted as history archives count them, in checkpoints of 64. Under controller.shards.shards_ranges."""

import re
from dataclasses import dataclass

from readpool.history_archives import CHECKPOINT_LEDGERS, FIRST_LEDGER

_RANGE = re.compile(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,9})?")


@dataclass(frozen=True, slots=True)
class LedgerRange:
    """Ledgers from `start` to `end`, both within it; `end` None: to whatever comes."""

    start: int
    end: int | None = None

    def __str__(self) -> str:
        """Write it as the annotation has it: 64-127, or 128- while it is open."""
        return f"{self.start}-{'' if self.end is None else self.end}"


def parse_ledger_range(text: str) -> LedgerRange | None:
    """Parse what `str` of a range gives; None for anything else."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    start, end = int(found[1]), int(found[2]) if found[2] else None
    return LedgerRange(start, end) if end is None or start <= end else None


def compute_first_checkpoint(ledger: int) -> int:
    """Compute the first checkpoint, counted from 0, that lies whole at or after `ledger`."""
    return 0 if ledger <= FIRST_LEDGER else -(-ledger // CHECKPOINT_LEDGERS)


def compute_last_checkpoint(ledger: int) -> int:
    """Compute the last checkpoint, counted from 0, that has ended by `ledger`; -1 while none has."""
    return (ledger + 1) // CHECKPOINT_LEDGERS - 1


def build_range(first: int, after: int | None) -> LedgerRange:
    """Build the range of the checkpoints from `first` until `after`, which is the next one's, or None for open."""
    start = max(FIRST_LEDGER, first * CHECKPOINT_LEDGERS)
    return LedgerRange(start, None if after is None else after * CHECKPOINT_LEDGERS - 1)
