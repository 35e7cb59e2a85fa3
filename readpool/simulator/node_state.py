"""What is remembered of one simulated node, and how good it is: what its steps and its answers stand on. Pure."""

import math
from dataclasses import dataclass
from enum import StrEnum

from readpool.simulator.catch_up import CatchUpPlan


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How good a node is.

    Attributes:
        apply_pace: ledgers it applies, idle, in the time the network closes one.
        bucket_seconds: how long a new node downloads and applies buckets.
        download_seconds: how long it downloads an archive's state, and again ledger files.
        replays_all: CATCHUP_COMPLETE: a new node applies all ledgers instead of buckets.
        backlog_ratio: seconds it lags at the network's pace after a stop, for every second stopped (seen: 0.5 to 1.1).
    """

    apply_pace: float = 10.0
    bucket_seconds: float = 60.0
    download_seconds: float = 1.5
    replays_all: bool = False
    backlog_ratio: float = 1.0


class Phase(StrEnum):
    """What a node's process is at."""

    DEAD = "dead"
    BOOTING = "booting"
    JOINING = "joining"
    """It is connecting to its peers: `Joining SCP` with nothing, `Connected` with a database."""
    WAITING = "waiting"
    """It waits until the network has closed a whole checkpoint that it can catch up to."""
    REPLAYING = "replaying"
    """It catches up from the archives."""
    FOLLOWING = "following"
    """`Synced!`, whether or not it keeps up."""


@dataclass(slots=True)
class NodeState:
    """Where a node stands; its steps change it.

    Attributes:
        phase_since: when its phase began, Unix seconds, as all moments here.
        started_on: when its process started.
        starts: how many processes it has had.
        ledger: the last ledger it closed.
        credit: the part of a ledger that it has time for but has not applied yet.
        utilization: the share of it that readers use, 0 to 1.
        backlog_until: until when it works off what its peers sent while it was stopped.
        stuck_until: until when it says that it lost the network.
        first_heard: the oldest ledger that its peers could tell of when it joined.
        checked_ledger: the network's ledger when it joined, None until then.
        has_applied: whether it has applied a ledger; buckets alone leave fields out.
        has_buffered: whether it still applies ledgers that it heard while it caught up.
        plan: its catch-up, the last one once that is done.
        status: its lines of status.
    """

    phase: Phase = Phase.DEAD
    phase_since: float = 0.0
    started_on: float = 0.0
    starts: int = 0
    ledger: int = 1
    credit: float = 0.0
    utilization: float = 0.0
    backlog_until: float = -math.inf
    stuck_until: float = -math.inf
    first_heard: int = 0
    checked_ledger: int | None = None
    has_applied: bool = False
    has_buffered: bool = False
    plan: CatchUpPlan | None = None
    status: tuple[str, ...] = ()

    def enter(self, phase: Phase, at: float) -> None:
        """Begin a phase."""
        self.phase, self.phase_since = phase, at

    def start(self, now: float) -> None:
        """Begin a new process: of the old one only the database is left."""
        self.starts += 1
        self.started_on = now
        self.credit, self.backlog_until, self.stuck_until = 0.0, -math.inf, -math.inf
        self.checked_ledger, self.plan, self.status, self.has_buffered = None, None, (), False
        self.enter(Phase.BOOTING, now)

    def settle(self, ledger: int, started_on: float, now: float) -> None:
        """Begin in step with the network, its process as old as `started_on` says."""
        self.starts, self.started_on = 1, started_on
        self.ledger, self.checked_ledger, self.has_applied = ledger, max(1, ledger - 100), True
        self.enter(Phase.FOLLOWING, now)
