"""What is the network's newest ledger, and does it move? Decided from what nodes and references claim, none of them trusted alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tip:
    """The network's newest ledger as far as the evidence goes.

    Attributes:
        ledger: its sequence number.
        moved_at: when it last advanced, in seconds.
        is_stalled: it has not moved for a few ledgers' time; nobody's class is changed for the worse meanwhile.
        is_halted: it has not moved for a minute while all agree; nothing scales.
    """

    ledger: int
    moved_at: float
    is_stalled: bool = False
    is_halted: bool = False
