"""The ledger clock of a simulated network: which ledger is the newest at a moment, and when each one closed.

Everything a node does follows from this and from its own troubles. Pure: time comes in as `now`, Unix seconds.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass

GENESIS_HASH = "4950b123d1658fb37524c85a9cc9b63c6e2560ddf8b4bc89357509e0b210dd2a"
"""Ledger 1 as Core has it with a private passphrase, before any upgrade."""
UNKNOWN_HASH = "0" * 64
TEST_PASSPHRASE = "Simulated Stellar Network ; readpool"  # noqa: S105 - a network's name, which Stellar calls so


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What a network is like.

    Attributes:
        passphrase: its name.
        ledger_seconds: seconds a ledger, 1 or more since closeTime is in whole seconds.
        checkpoint_ledgers: ledgers a checkpoint, 64 on real networks; 8 where Core's time is accelerated.
        first_ledger: the newest ledger when the simulation begins.
        seed: what all that looks random is made from.
    """

    passphrase: str = TEST_PASSPHRASE
    ledger_seconds: float = 5.0
    checkpoint_ledgers: int = 64
    first_ledger: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if self.ledger_seconds < 1:
            raise ValueError(
                f"ledger_seconds is {self.ledger_seconds!r}; it must be 1 or more (a clock can run faster)"
            )
        if self.checkpoint_ledgers < 1:
            raise ValueError(f"checkpoint_ledgers is {self.checkpoint_ledgers!r}; it must be 1 or more")
        if self.first_ledger < 2:  # noqa: PLR2004 - ledger 1 is genesis, which nobody closes
            raise ValueError(f"first_ledger is {self.first_ledger!r}; it must be 2 or more")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From `start` on, with `ledger` closed at `start` (or before, while halted)."""

    start: float
    ledger: int
    ledger_closed_at: float
    is_halted: bool


class Network:
    """A network that closes a ledger each `ledger_seconds` from `start` on, can halt, and can resume."""

    def __init__(self, settings: NetworkSettings, start: float) -> None:
        self.settings = settings
        self.start = start
        self._stretches = [_Stretch(start, settings.first_ledger, start, is_halted=False)]

    @property
    def is_halted(self) -> bool:
        """Whether it is halted as of the last word."""
        return self._stretches[-1].is_halted

    def halt(self, now: float) -> None:
        """Stop closing ledgers. Halting twice is halting once."""
        if not self.is_halted:
            ledger, closed_at = self._newest(now)
            self._stretches.append(_Stretch(now, ledger, closed_at, is_halted=True))

    def resume(self, now: float) -> None:
        """Close ledgers again, the first one `ledger_seconds` from now."""
        if self.is_halted:
            ledger = self._stretches[-1].ledger
            self._stretches.append(_Stretch(now, ledger, self._stretches[-1].ledger_closed_at, is_halted=False))

    def was_halted(self, at: float) -> bool:
        """Whether it was halted at a moment."""
        return self._stretch(at).is_halted

    def tip(self, now: float) -> int:
        """Name the newest ledger at `now`."""
        return self._newest(now)[0]

    def newest_closed_at(self, now: float) -> float:
        """Return when the newest ledger of `now` closed, in seconds."""
        return self._newest(now)[1]

    def close_time(self, ledger: int) -> int:
        """Return when a ledger closed, in whole Unix seconds; 0 for genesis and what was before it.

        Ledgers before the simulation began closed at the same pace.
        """
        if ledger <= 1:
            return 0
        stretch = self._stretches[max(bisect_right(self._stretches, ledger - 1, key=lambda one: one.ledger) - 1, 0)]
        if ledger == stretch.ledger:
            return int(stretch.ledger_closed_at)
        return max(1, int(stretch.start + (ledger - stretch.ledger) * self.settings.ledger_seconds))

    def ledger_hash(self, ledger: int) -> str:
        """Return a ledger's hash: always the same for the same seed, passphrase and ledger."""
        if ledger <= 0:
            return UNKNOWN_HASH
        if ledger == 1:
            return GENESIS_HASH
        return hashlib.sha256(f"{self.settings.seed}/{self.settings.passphrase}/{ledger}".encode()).hexdigest()

    def newest_checkpoint(self, ledger: int) -> int:
        """Name the last ledger of the newest whole checkpoint at or before `ledger`; -1 or 0 when there is none."""
        size = self.settings.checkpoint_ledgers
        return (ledger + 1) // size * size - 1

    def _newest(self, now: float) -> tuple[int, float]:
        stretch = self._stretch(now)
        if stretch.is_halted:
            return stretch.ledger, stretch.ledger_closed_at
        closed = max(0, int((now - stretch.start) / self.settings.ledger_seconds))
        if closed == 0:
            return stretch.ledger, stretch.ledger_closed_at
        return stretch.ledger + closed, stretch.start + closed * self.settings.ledger_seconds

    def _stretch(self, at: float) -> _Stretch:
        return self._stretches[max(bisect_right(self._stretches, at, key=lambda one: one.start) - 1, 0)]
