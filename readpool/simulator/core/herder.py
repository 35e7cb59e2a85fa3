"""What a node does with the slots it hears: whose word counts, which is next, and when it has lost track. Pure.

As recorded: slots are taken one after another while it tracks; 35 s without one, and it starts again from the oldest
that it heard since.
"""

from collections.abc import Collection, Iterable

from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.settings import QuorumSet

LOST_SECONDS = 35.0
"""Without a further slot for this long, a node has lost track of consensus."""
BRACKET_SLOTS = 100
"""A node that tracks does not keep what is further ahead than this."""


def is_satisfied(quorum: QuorumSet, signers: Collection[str]) -> bool:
    """Return whether the accounts `signers` are enough for `quorum`; a threshold of 0 is never satisfied."""
    agreeing = sum(account in signers for account in quorum.validators)
    agreeing += sum(is_satisfied(one, signers) for one in quorum.inner)
    return 0 < quorum.threshold <= agreeing


class Herder:
    """Gives the ledgers that the network agreed on in their order.

    Attributes:
        slot: the last that was given; 0 before the first of a node without a ledger of its own.
        is_tracking: whether it takes one slot after another.
        times_lost: how often it has lost track.
    """

    def __init__(self, own_ledger: int, now: float) -> None:
        """Begin at `own_ledger`, the last of the node's database; 1 is a new node, which tracks nothing yet."""
        self.slot = own_ledger if own_ledger > 1 else 0
        self.is_tracking = own_ledger > 1
        self.times_lost = 0
        self._last_at = now
        self._heard: dict[int, ClosedLedger] = {}

    def hear(self, ledgers: Iterable[ClosedLedger], now: float) -> list[ClosedLedger]:
        """Add slots that came together and satisfy the quorum, and return the ledgers that are due with them."""
        last = self.slot + BRACKET_SLOTS
        for ledger in ledgers:
            num = ledger.header.num
            if num > self.slot and (num <= last or not self.is_tracking):
                self._heard[num] = ledger
        return self._give(now)

    def look(self, now: float) -> list[ClosedLedger]:
        """Find out whether it has lost track; if so, give what it can start from."""
        if not self.is_tracking or now - self._last_at < LOST_SECONDS:
            return []
        self.is_tracking = False
        self.times_lost += 1
        return self._give(now)

    def close(self, num: int, now: float) -> None:
        """Note a ledger that the node closed by its own vote."""
        self.slot, self.is_tracking, self._last_at = num, True, now

    def forgive(self, seconds: float) -> None:
        """Leave `seconds` out of account in which the process was stopped."""
        self._last_at += seconds

    def _give(self, now: float) -> list[ClosedLedger]:
        if not self.is_tracking:
            if not self._heard:
                return []
            self.slot = min(self._heard) - 1
        given = []
        while (ledger := self._heard.pop(self.slot + 1, None)) is not None:
            self.slot += 1
            given.append(ledger)
        if given:
            self.is_tracking = True
            self._last_at = now
        return given
