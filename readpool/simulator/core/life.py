"""The life cycle of a node: its state, what it applies next, when it catches up and to which ledger. Pure.

The names of the states and the texts of the status are Core's; the times are those of its recordings.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from readpool.simulator.core.herder import Herder
from readpool.simulator.core.model import ClosedLedger, Header

BACKLOG_SECONDS = 0.15
"""How long a process that goes on reads what had piled up before it decides how far behind it is."""
BACKLOG_LEDGER_TIMES = 1.38
BACKLOG_FREE_LEDGERS = 3
"""Each ledger missed beyond what peers remember holds it up for 1.38 ledger times; the first 3 for one together."""


class Books(Enum):
    """How the node's own ledger stands to what it hears."""

    BOOTING = "Connected"
    SYNCED = "Synced!"
    CATCHING_UP = "Catching up"


@dataclass(frozen=True, slots=True)
class LifeSettings:
    """What of the configuration the life cycle depends on; see CoreSettings."""

    ledger_seconds: float = 1.0
    checkpoint_ledgers: int = 8
    slots_remembered: int = 12


class Life:
    """The state of one node between its start and its end.

    Attributes:
        ledger: the number of the last ledger that it has applied; 0 while it boots.
        target: the ledger that it has to catch up to by the archive, None when it has not.
        target_hash: of that ledger, as the network's next one says; None when that one was not heard.
        status: what /info's status says of catching up; None when it says nothing.
        checked_at: the ledger at which the quorum's intersection was looked at, None before.
    """

    def __init__(self, settings: LifeSettings, own_ledger: int, now: float) -> None:
        self.ledger = own_ledger
        self.target: int | None = None
        self.status: str | None = None
        self.checked_at: int | None = None
        self._settings = settings
        self._goal = own_ledger
        self._herder = Herder(own_ledger, now)
        self._books = Books.BOOTING
        self._heard: deque[tuple[Header, float]] = deque()
        self._ready: deque[ClosedLedger] = deque()
        self.target_hash: str | None = None
        self._buffer: dict[int, ClosedLedger] = {}
        self._text_ends_with_next = False
        self._reading_until: float | None = None
        self._held_times = 0
        self._allowed = 0
        self._is_stopping = False

    @property
    def state(self) -> str:
        """The state as /info names it."""
        if self._is_stopping:
            return "Stopping"
        return self._books.value if self._herder.is_tracking else "Joining SCP"

    @property
    def heard(self) -> tuple[tuple[Header, float], ...]:
        """The remembered slots, oldest first, each with when it was heard, without those that wait."""
        known = [one for one in self._heard if one[0].num <= self.ledger] if self.is_held else self._heard
        return tuple(known)[-self._settings.slots_remembered :]

    @property
    def is_synced(self) -> bool:
        """Whether the state is Synced!."""
        return self.state == Books.SYNCED.value

    @property
    def times_lost(self) -> int:
        """How often it has lost track of consensus."""
        return self._herder.times_lost

    @property
    def is_held(self) -> bool:
        """Whether it lets what piled up wait, after the process was stopped."""
        return self._reading_until is not None or self._held_times > 0

    def hear(self, ledgers: Iterable[ClosedLedger], now: float) -> None:
        """Add slots that satisfy the quorum, of which none is reported twice."""
        known = self._herder.slot
        self._process(self._herder.hear(ledgers, now), now)
        if self._herder.slot > known and self._held_times > 0 and self._reading_until is None:
            self._held_times -= 1
            self._allowed += 1

    def look(self, now: float) -> None:
        """Advance time: lose track after 35 s without a slot."""
        if self._reading_until is not None and now >= self._reading_until:
            self._weigh_backlog()
        self._process(self._herder.look(now), now)

    def resume(self, stopped_seconds: float, now: float) -> None:
        """Note that the process did not run for `stopped_seconds` until `now`."""
        self._herder.forgive(stopped_seconds)
        self._reading_until = now + BACKLOG_SECONDS

    def stop(self) -> None:
        """Begin to end."""
        self._is_stopping = True

    def close(self, header: Header, now: float) -> None:
        """Note a ledger that the node closed and applied by its own vote; of the first it says nothing yet."""
        self._herder.close(header.num, now)
        if self.checked_at is None:
            self.checked_at = header.num
        else:
            self._remember(header, now)
        self.ledger, self._books = header.num, Books.SYNCED

    def take(self) -> ClosedLedger | None:
        """Pop the next ledger to apply; None when there is none now."""
        if not self._ready or self._reading_until is not None:
            return None
        if self._held_times > 0:
            if self._allowed == 0:
                return None
            self._allowed -= 1
        return self._ready.popleft()

    def applied(self, num: int) -> None:
        """Note that `num`, taken before, is the node's ledger now."""
        self.ledger = num
        if self._books is not Books.CATCHING_UP:
            self._forget_text()
            return
        self.status = self._tell(f"Applying buffered ledgers: apply ledger {num}")
        if not self._ready and not self._buffer:
            self._books, self._text_ends_with_next = Books.SYNCED, True

    def progress(self, text: str) -> None:
        """Write into the status how far catching up is."""
        self.status = text

    def replayed(self, num: int) -> None:
        """Note that catching up by the archive has come to `num`."""
        self.ledger = num

    def caught_up(self, num: int) -> None:
        """Note that catching up by the archive has ended at `num`, and go on with what was heard meanwhile."""
        self.ledger, self.target = num, None
        for old in [known for known in self._buffer if known <= num]:
            del self._buffer[old]
        self.status = self._tell("Succeeded: catchup-seq")
        self._move_buffered()

    def _tell(self, text: str) -> str:
        return f"Catching up to ledger {self._goal}: {text}"

    def _process(self, ledgers: Iterable[ClosedLedger], now: float) -> None:
        for ledger in ledgers:
            self._remember(ledger.header, now)
            self._process_one(ledger)
        if self._heard and self.checked_at is None:
            self.checked_at = self._heard[-1][0].num - 1

    def _remember(self, header: Header, now: float) -> None:
        """Remember a slot, and those before it as far back as peers are told, or the node has not applied them."""
        self._heard.append((header, now))
        most = self._settings.slots_remembered
        while len(self._heard) > most and (self._heard[0][0].num <= self.ledger - most or not self.is_held):
            self._heard.popleft()

    def _process_one(self, ledger: ClosedLedger) -> None:
        num = ledger.header.num
        if num < self._next:
            return
        if num == self._next and self.target is None and not self._buffer:
            if self._books is Books.BOOTING:
                self._books = Books.SYNCED
            self._ready.append(ledger)
            return
        self._books = Books.CATCHING_UP
        self._buffer[num] = ledger
        self._trim(num)
        self._decide()

    @property
    def _next(self) -> int:
        return self._ready[-1].header.num + 1 if self._ready else self.ledger + 1

    def _trim(self, newest: int) -> None:
        """Keep the ledgers of the newest checkpoint, and of the one before when the newest has only begun."""
        step = self._settings.checkpoint_ledgers
        first = (newest - 1) // step * step
        for old in [num for num in self._buffer if num < first]:
            del self._buffer[old]

    def _decide(self) -> None:
        """Start to catch up when what is buffered begins a checkpoint and goes beyond its first ledger, else wait."""
        if self.target is not None or self._ready or self._move_buffered():
            return
        first, newest = min(self._buffer), max(self._buffer)
        step = self._settings.checkpoint_ledgers
        begins = -(-first // step) * step
        if newest > begins:
            self.target = begins - 1
            after = self._buffer.get(begins)
            self.target_hash = None if after is None else after.header.previous_hash
            self._goal = self.target
            self.status = self._tell("Running: catchup")
            return
        eta_seconds = (begins + 1 - newest) * self._settings.ledger_seconds
        self.status = f"Waiting for trigger ledger: {newest}/{begins + 1}, ETA: {eta_seconds:.0f}s"

    def _move_buffered(self) -> bool:
        moved = False
        while (ledger := self._buffer.pop(self._next, None)) is not None:
            self._ready.append(ledger)
            moved = True
        return moved

    def _forget_text(self) -> None:
        if self._text_ends_with_next:
            self.status, self._text_ends_with_next = None, False

    def _weigh_backlog(self) -> None:
        self._reading_until = None
        missed = len(self._ready)
        beyond = missed - self._settings.slots_remembered
        if beyond > 0:
            self._held_times = max(1, round(BACKLOG_LEDGER_TIMES * (beyond - BACKLOG_FREE_LEDGERS)))
            self._allowed = 1
