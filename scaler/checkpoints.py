"""Which checkpoint do several vouch for? From what nodes told of its last ledger to one hash that a newcomer may trust.

An archive alone can say anything; what two fresh replicas, or one and a trusted node, closed alike is the network's.
"""

from collections.abc import Iterable

from scaler.probes.report import ClosedLedger

LEDGERS = 64
"""A checkpoint ends before each multiple of it; one of a faster network, of 8, ends there as well."""
KEPT = 2
"""Who was polled a moment before the others has told the newest alone: the one before it then counts."""
VOUCHERS = 2

Told = tuple[ClosedLedger, ...]
"""What one node told of last ledgers of checkpoints, newest first."""


def note_told(told: Told, closed: ClosedLedger | None) -> Told:
    """Note what a node tells now, if it is the last ledger of a checkpoint; a network that begins anew counts again."""
    if closed is None or (closed.ledger + 1) % LEDGERS or closed in told:
        return told
    kept = [one for one in told if one.ledger < closed.ledger]
    return (closed, *kept[: KEPT - 1])


def find_vouched(told: Iterable[Told]) -> ClosedLedger | None:
    """Find the newest that `VOUCHERS` tell alike and nobody otherwise; each element is one node's."""
    alike: dict[int, list[ClosedLedger]] = {}
    for one in told:
        for closed in one:
            alike.setdefault(closed.ledger, []).append(closed)
    agreed = [some[0] for some in alike.values() if len(some) >= VOUCHERS and len(set(some)) == 1]
    return max(agreed, key=lambda closed: closed.ledger, default=None)
