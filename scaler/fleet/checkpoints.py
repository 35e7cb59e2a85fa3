"""Which checkpoint do several vouch for? From what nodes told of its last ledger to one hash that a newcomer may trust.

An archive alone can say anything; what two fresh replicas, or one and a trusted node, closed alike is the network's.
"""

from collections.abc import Hashable, Iterable, Mapping

from readpool.history_archives import CHECKPOINT_LEDGERS
from readpool.replica_class import ReplicaClass
from scaler.fleet.evidence import USED, Verdict
from scaler.probes.report import ClosedLedger, NodeReport, PollFailure
from scaler.standing.standing import ReplicaState

KEPT = 2
"""A node polled a moment before the others reports the newest alone: then the one before it counts."""
VOUCHERS = 2

Told = tuple[ClosedLedger, ...]
"""What one node told of last ledgers of checkpoints, newest first."""


class Vouchers:
    """What each node told, by a key of the caller's: the name of a replica, or a reference."""

    def __init__(self) -> None:
        self._reported: dict[Hashable, Told] = {}

    def note(self, source: Hashable, outcome: NodeReport | PollFailure) -> None:
        """Record the outcome of one poll."""
        told = self._reported.get(source, ())
        if isinstance(outcome, NodeReport) and (after := note_told(told, outcome.closed)) is not told:
            self._reported[source] = after

    def keep(self, sources: Iterable[tuple[Hashable, Hashable]]) -> None:
        """Keep those that there are still: of each its present key, and the one that it had."""
        self._reported = {now: self._reported[was] for now, was in sources if was in self._reported}

    def find(self, sources: Iterable[Hashable]) -> ClosedLedger | None:
        """Find the checkpoint that those vouch for whose word is worth something."""
        return find_vouched(self._reported[one] for one in sources if one in self._reported)


def list_vouchers(standings: Mapping[str, ReplicaState], verdicts: Iterable[Verdict]) -> list[Hashable]:
    """List whose word on a checkpoint is worth something: fresh replicas, and references that count."""
    references = [verdict.reference for verdict in verdicts if verdict.state == USED]
    fresh = [name for name, one in standings.items() if one.replica_class is ReplicaClass.FRESH]
    return [*references, *fresh]


def note_told(told: Told, closed: ClosedLedger | None) -> Told:
    """Note what a node tells now, if it is the last ledger of a checkpoint; a network that was reset counts again.

    A checkpoint ends before each multiple of its length; one of a faster network, of 8 ledgers, ends there as well.
    """
    if closed is None or (closed.ledger + 1) % CHECKPOINT_LEDGERS or closed in told:
        return told
    kept = [one for one in told if one.ledger < closed.ledger]
    return (closed, *kept[: KEPT - 1])


def find_vouched(told: Iterable[Told]) -> ClosedLedger | None:
    """Find the newest that `VOUCHERS` agree on and none contradicts; each element is one node's."""
    alike: dict[int, list[ClosedLedger]] = {}
    for one in told:
        for closed in one:
            alike.setdefault(closed.ledger, []).append(closed)
    agreed = [some[0] for some in alike.values() if len(some) >= VOUCHERS and len(set(some)) == 1]
    return max(agreed, key=lambda closed: closed.ledger, default=None)
