"""One replica of the model: it answers reads and applies ledgers with one processor, so that either slows the other."""

from math import inf
from random import Random

from readpool.simulator.day.oddities import LOOP_AWAY_SECONDS, LOOP_SECONDS, Newcomer, draw_newcomer
from readpool.simulator.day.scenario import Fault, FaultKind
from readpool.simulator.day.starts import MeasuredStarts

NETWORK_RATE = 0.2
"""Ledgers/s that the network closes: one each five seconds."""
FULL_SPEED = 2.0
"""Ledgers/s that an idle replica applies."""
READS_AT_FULL_USE = 1000.0
"""Reads/s that take all of a replica's time."""

_LEAST_SHARE = 0.02
"""Share of its time in which a replica applies ledgers however busy it is: the kernel starves no process."""
_CONNECTED_SECONDS = 35.0
"""After a restart Core is connected this long before it closes ledgers again, unless its peers tell what it missed."""
_SILENT_SHARE = 0.5
"""Of a measured start: for so long nothing answers."""
_CHECKPOINT_LEDGERS = 64
_HANGS_CHANCE = 0.03
"""Of a new replica: that its catch-up never ends, for a volume too small or an archive that it cannot read."""


class ModelReplica:
    """One replica. `ledger` is a fraction while one is being applied; 0 while it has closed none of the network's."""

    __slots__ = (
        "answers_at",
        "connected_seconds",
        "downloaded_at",
        "fault",
        "fault_until",
        "ledger",
        "load",
        "looped_to",
        "loops_at",
        "name",
        "ordinal",
        "pace",
        "restarts",
        "resumes_at",
        "speed",
        "starts_in_step",
    )

    def __init__(self, ordinal: int, pace: float) -> None:
        self.name = f"core-{ordinal}"
        self.ordinal = ordinal
        self.pace = pace
        self.speed = pace
        self.ledger = 0.0
        self.load = 0.0
        self.restarts = 0
        self.answers_at = 0.0
        self.downloaded_at = 0.0
        self.resumes_at = 0.0
        self.fault: FaultKind | None = None
        self.fault_until = 0.0
        self.loops_at = inf
        self.looped_to = 0.0
        self.connected_seconds = _CONNECTED_SECONDS
        self.starts_in_step = False

    def befall(self, fault: Fault) -> None:
        """Suffer a fault; one at a time, and not before it has been started."""
        if self.fault is not None or fault.at < self.resumes_at:
            return
        self.fault = fault.kind
        self.fault_until = fault.at + fault.seconds
        if fault.kind is FaultKind.SLOW:
            self.speed = self.pace / 2
        elif fault.kind is FaultKind.STUCK:
            self.resumes_at = self.fault_until
        elif fault.kind is FaultKind.LOOP:
            self.loops_at, self.looped_to = fault.at, self.ledger
        else:
            self.restarts += 1
            self.answers_at = self.fault_until
            self.resumes_at = self.fault_until + self.connected_seconds

    @property
    def most_reads(self) -> float:
        """Reads/s that it can answer; more find no answer in time."""
        return READS_AT_FULL_USE * self.speed * (1.0 - _LEAST_SHARE)

    def recover(self) -> None:
        """End the fault."""
        self.fault = None
        self.speed = self.pace
        self.loops_at = inf

    def loop(self, now: float) -> None:
        """Kill the replica if it is time: an old one returns at the ledger where that began, a new one with nothing."""
        if now < self.loops_at:
            return
        if self.fault is not FaultKind.LOOP and self.ledger:
            self.loops_at = inf  # it has caught up at last
            return
        download_seconds = self.downloaded_at - self.answers_at
        self.restarts += 1
        self.loops_at = now + LOOP_SECONDS
        self.answers_at = now + LOOP_AWAY_SECONDS
        self.resumes_at = self.answers_at + self.connected_seconds
        if self.ledger:
            self.ledger = self.looped_to
        else:
            self.downloaded_at = self.resumes_at = self.answers_at + download_seconds

    def lose(self, now: float, download_seconds: float) -> None:
        """Lose all that it has, and begin again."""
        self.restarts += 1
        self.recover()
        self.ledger, self.answers_at = 0.0, now + LOOP_AWAY_SECONDS
        self.downloaded_at = self.resumes_at = self.answers_at + download_seconds

    def advance(self, tip: float, now: float, seconds: float) -> bool:
        """Apply ledgers for a step; return whether it is reads that keep it from keeping pace."""
        if now < self.resumes_at:
            return False
        share = 1.0 - self.load / (READS_AT_FULL_USE * self.speed)
        rate = FULL_SPEED * self.speed * max(_LEAST_SHARE, share)
        self.ledger = min(tip, self.ledger + rate * seconds)
        return rate < NETWORK_RATE


def start_replica(
    seed: int,
    ordinal: int,
    generation: int,
    warm_up_seconds: float,
    now: float,
    *,
    may_be_odd: bool = False,
    measured: MeasuredStarts | None = None,
) -> ModelReplica:
    """Start a new, empty replica: pod and volume first, then the download of a state that is old when it has come.

    Where it was `measured` how soon one is fresh, it is fresh then, and so are its restarts.
    """
    random = Random(f"{seed}/{ordinal}/{generation}")  # noqa: S311 - a model wants the same numbers each time
    replica = ModelReplica(ordinal, pace=min(1.1, max(0.9, random.gauss(1.0, 0.04))))
    replica.answers_at = now + random.uniform(30.0, 90.0)
    download = warm_up_seconds * min(3.0, max(0.4, random.lognormvariate(0.0, 0.3)))
    replica.downloaded_at = replica.answers_at + download
    if measured is not None:
        own = Random(f"{seed}/{ordinal}/{generation}/measured")  # noqa: S311 - a model wants the same numbers each time
        seconds = measured.new.draw(own)
        replica.answers_at, replica.downloaded_at = now + _SILENT_SHARE * seconds, now + seconds
        replica.connected_seconds = measured.restarted.draw(own)
        replica.starts_in_step = True
    if random.random() < _HANGS_CHANCE:
        replica.downloaded_at = inf
    if may_be_odd:
        kind, later_seconds = draw_newcomer(random)
        replica.answers_at += later_seconds
        replica.downloaded_at += later_seconds
        replica.loops_at = replica.answers_at + LOOP_SECONDS if kind is Newcomer.LOOPS else inf
    replica.resumes_at = replica.downloaded_at
    return replica


def find_start_ledger(replica: ModelReplica, tip: float) -> float:
    """Find the ledger that a downloaded state is at: the last checkpoint before the download began.

    Where replaying from there is part of what was measured, it is the newest.
    """
    if replica.starts_in_step:
        return tip
    began = tip - (replica.downloaded_at - replica.answers_at) * NETWORK_RATE
    return max(1.0, began - began % _CHECKPOINT_LEDGERS)
