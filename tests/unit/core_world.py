"""A network in virtual time for a life cycle under test: its tip, its peers' memory, an archive; what a node says."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from readpool.simulator.core.life import Life, LifeSettings
from readpool.simulator.core.model import ClosedLedger, Header

STEP_SECONDS = 0.05
FIRST_DIAL_SECONDS = 2.0
LOOK_STEPS = 10
REPLAY_SECONDS = 0.018
"""Of one ledger, as recorded on a busy machine."""


@dataclass(frozen=True)
class Story:
    """What happens in a recording.

    Attributes:
        name: of the recording.
        own: the ledger that the node begins with; 1 is a new one.
        tip: (seconds, ledger) at which the network stood then; it closes one each ledger time.
        seconds: how long it is looked at.
        connected: spans of seconds with a connection to a peer.
        stopped: spans in which the process is stopped.
        halted: spans in which the network closes nothing.
        replays: it applies each ledger on its way, as a node with a database does; otherwise it takes buckets.
        archive_from: seconds before which no catch-up ends.
        download_seconds: how long the archive takes for a catch-up without what is replayed.
        recorded_from: seconds at which the story begins in its recording.
        synced_before: it has run in step until the story begins.
    """

    name: str
    own: int
    tip: tuple[float, int]
    seconds: float
    ledger_seconds: float = 1.0
    checkpoint_ledgers: int = 8
    connected: Sequence[tuple[float, float]] = ((FIRST_DIAL_SECONDS, 1e9),)
    stopped: Sequence[tuple[float, float]] = ()
    halted: Sequence[tuple[float, float]] = ()
    replays: bool = False
    archive_from: float = 0.0
    download_seconds: float = 0.2
    recorded_from: float = 0.0
    synced_before: bool = False
    peer_remembers: int = 12


@dataclass
class Seen:
    """What was seen: each change of state, and of the ledger in it."""

    changes: list[tuple[float, str, int]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def note(self, now: float, life: Life) -> None:
        """Note what a node says now, when it is new."""
        if not self.changes or self.changes[-1][1:] != (life.state, life.ledger):
            self.changes.append((now, life.state, life.ledger))
        if life.status is not None and life.status not in self.statuses[-1:]:
            self.statuses.append(life.status)

    def states(self) -> list[tuple[str, float]]:
        """Return the states in their order, each with when it began."""
        return collapse([(when, state) for when, state, _ in self.changes])

    def ledger_at(self, when: float) -> int:
        """Return the ledger at a time."""
        return [num for at, _, num in self.changes if at <= when][-1]


def collapse(changes: Sequence[tuple[float, str]]) -> list[tuple[str, float]]:
    """Leave out what stays the same."""
    kept: list[tuple[str, float]] = []
    for when, state in changes:
        if not kept or kept[-1][0] != state:
            kept.append((state, when))
    return kept


def live(story: Story) -> Seen:
    """Run a node through a story."""
    return _World(story).run()


def make_ledger(num: int) -> ClosedLedger:
    """Make a ledger; what is in it does not matter to the life cycle."""
    return ClosedLedger(Header(num, num, "", ""))


class _World:
    def __init__(self, story: Story) -> None:
        self.story = story
        timing = LifeSettings(story.ledger_seconds, story.checkpoint_ledgers)
        self.life = Life(timing, story.own, 0.0)
        self.known = 0
        self.connected_at: float | None = 0.0 if story.synced_before else None
        self.is_checkpoint_sent = story.synced_before
        self.stopped_at: float | None = None
        self.ends_at: float | None = None
        if story.synced_before:
            self.known = self.tip(0.0)
            self.life = Life(timing, self.known - 1, -0.5)
            self.life.hear([make_ledger(self.known)], 0.0)

    def run(self) -> Seen:
        seen = Seen()
        for step in range(int(self.story.seconds / STEP_SECONDS)):
            now = step * STEP_SECONDS
            if _is_in(now, self.story.stopped):
                self.stopped_at = now if self.stopped_at is None else self.stopped_at
                continue
            if self.stopped_at is not None:
                self.life.resume(now - self.stopped_at, now)
                self.stopped_at = None
            self.talk(now)
            if step % LOOK_STEPS == 0 or self.life.is_held:
                self.life.look(now)
            self.work(now)
            seen.note(now, self.life)
        return seen

    def tip(self, now: float) -> int:
        at, ledger = self.story.tip
        halted = sum(max(0.0, min(now, end) - begin) for begin, end in self.story.halted)
        return int(ledger + (now - halted - at) // self.story.ledger_seconds)

    def talk(self, now: float) -> None:
        if not _is_in(now, self.story.connected) or _is_in(now, self.story.halted):
            if not _is_in(now, self.story.connected):
                self.connected_at = None
            return
        tip = self.tip(now)
        if self.connected_at is None:
            self.connected_at, self.is_checkpoint_sent = now, False
            self.known = max(self.life.ledger, tip - self.story.peer_remembers)
        if tip > self.known:
            self.life.hear([make_ledger(num) for num in range(self.known + 1, tip + 1)], now)
            self.known = tip
        if now >= self.connected_at + 2.0 and not self.is_checkpoint_sent:
            self.is_checkpoint_sent = True
            first = tip // self.story.checkpoint_ledgers * self.story.checkpoint_ledgers
            self.life.hear([make_ledger(first)], now)

    def work(self, now: float) -> None:
        if self.life.target is not None:
            if self.ends_at is None:
                replayed = self.life.target - self.life.ledger if self.story.replays or self.life.ledger > 1 else 0
                self.ends_at = now + self.story.download_seconds + REPLAY_SECONDS * replayed
            elif now >= max(self.ends_at, self.story.archive_from):
                self.life.caught_up(self.life.target)
                self.ends_at = None
        while (ledger := self.life.take()) is not None:
            self.life.applied(ledger.header.num)


def _is_in(now: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(begin <= now < end for begin, end in spans)
