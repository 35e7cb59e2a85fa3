"""What a scaling policy sees and does in a model day; the model knows neither the scaler nor the controller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from readpool.simulator.day.calm import NO_CALM, Calm
from readpool.simulator.day.sight import Sight

Weigh = Callable[[Mapping[str, Sight], Mapping[str, int]], dict[str, int]]
"""From what is seen of the replicas and their last weights to their weights."""


@dataclass(slots=True)
class View:
    """What a scaling policy sees at one moment.

    Attributes:
        now: seconds from midnight.
        replicas: what the StatefulSet was told to be.
        sights: what is seen of each known replica.
        tip: the network's newest ledger.
        moved_at: when that last changed.
        is_halted: it has not for a minute.
        reads: reads/s that each known replica serves; None while one of the gates does not tell.
        lag_threshold: ledgers.
        reset_at: when the network was last seen to begin again; None where it was not.
        shares_database: all replicas read one database that somebody has to fill.
        calm: while this is one and the same, nothing changes but the tip and the reads; NO_CALM while something may.
    """

    now: float
    replicas: int
    sights: Mapping[str, Sight]
    tip: int
    moved_at: float
    is_halted: bool
    reads: Mapping[str, float] | None
    lag_threshold: int
    reset_at: float | None = None
    shares_database: bool = False
    calm: Calm = NO_CALM


class Scaling(Protocol):
    """One way of scaling a pool."""

    def sync(self, view: View) -> int:
        """Return how many replicas there are to be."""

    def restart(self, now: float) -> None:
        """Forget what a scaler forgets when it is started again."""


class Patience(Protocol):
    """How seldom a scaling need be asked while all is calm, so that long pasts take less time."""

    def rests_until(self, replicas: int) -> float:
        """Return until when a pool of this size keeps it, in seconds."""

    def stay(self, calm: Calm, requests: Mapping[str, float], now: float) -> bool:
        """Return whether the size stays, and remember that this was asked; where False, ask in full."""
