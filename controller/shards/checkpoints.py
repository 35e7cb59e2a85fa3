"""Ledgers counted as history archives count them, in checkpoints of 64. Under controller.shards.shards_ranges."""

from dataclasses import dataclass

from readpool.history_archives import CHECKPOINT_LEDGERS, FIRST_LEDGER


@dataclass(frozen=True, slots=True)
class LedgerRange:
    """Ledgers from `start` to `end`, both within it; `end` None: to whatever comes."""

    start: int
    end: int | None = None

    def __str__(self) -> str:
        """Write it as the annotation has it: 64-127, or 128- while it is open."""
        return f"{self.start}-{'' if self.end is None else self.end}"


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
