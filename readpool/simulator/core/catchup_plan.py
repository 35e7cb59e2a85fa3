"""Which ledgers a catch-up takes from buckets, which it replays, and so which files it asks for. Pure."""

from dataclasses import dataclass

from readpool.simulator.core.archive import find_checkpoint

COMPLETE = 2**32 - 1
"""The count of ledgers that stands for all of them (CATCHUP_COMPLETE)."""
GENESIS = 1


@dataclass(frozen=True, slots=True)
class Target:
    """Where a catch-up goes.

    Attributes:
        ledger: the last one; None is the newest that the archive has.
        count: how many ledgers a node without a database replays (CATCHUP_RECENT); the rest it takes from buckets.
        trusted_hash: of that ledger, 64 hexadecimal digits; without one the archive is believed.
    """

    ledger: int | None
    count: int = 0
    trusted_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to take from where.

    Attributes:
        bucket_ledger: whose buckets are taken; None replays from what the node has.
        first: the first ledger that is replayed, to `last`; beyond `last` when none is.
        frequency: ledgers in a checkpoint.
    """

    bucket_ledger: int | None
    first: int
    last: int
    frequency: int

    @property
    def first_verified(self) -> int:
        """The first ledger whose header is looked at."""
        return self.first if self.bucket_ledger is None else self.bucket_ledger

    @property
    def header_checkpoints(self) -> range:
        """The checkpoints whose ledger files are asked for, by their last ledgers."""
        return self._list_checkpoints(self.first_verified)

    @property
    def replayed_checkpoints(self) -> range:
        """The checkpoints whose transactions are asked for, by their last ledgers."""
        return self._list_checkpoints(self.first) if self.first <= self.last else range(0)

    def _list_checkpoints(self, first: int) -> range:
        start = find_checkpoint(first, self.frequency)
        return range(start, find_checkpoint(self.last, self.frequency) + 1, self.frequency)


def make_plan(last_closed: int, last: int, count: int, frequency: int) -> Plan:
    """A node with ledgers replays all that follow; a newcomer takes buckets, and replays the `count` last ones."""
    start = last - count + 1
    bucket_ledger = start // frequency * frequency - 1
    if last_closed > GENESIS or bucket_ledger <= GENESIS:
        return Plan(None, last_closed + 1, last, frequency)
    return Plan(bucket_ledger, bucket_ledger + 1, last, frequency)
