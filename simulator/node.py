"""One simulated node: follows its network, falls behind, stops, restarts, catches up, as real ones were seen to do.

Pure: time comes in as `now`, Unix seconds. It steps on a grid of its own, so that what it is at a moment depends on the
seed and on what was done to it, never on how often it was asked.
"""

import hashlib
import math
from base64 import b32encode
from dataclasses import dataclass
from enum import StrEnum

from simulator.catch_up import CatchUpPlan, compute_progress
from simulator.core_info import PROTOCOL_VERSION, CoreInfo, CoreState, HeardQuorum, LedgerInfo
from simulator.network import UNKNOWN_HASH, Network

REMEMBERED_LEDGERS = 12
"""Core's MAX_SLOTS_TO_REMEMBER: how many ledgers back a peer can tell of."""
CONSENSUS_STUCK_SECONDS = 35.0
"""Core's CONSENSUS_STUCK_TIMEOUT: how long it hears nothing before it says so, or looks to the archives."""
HEARING_SECONDS = 2.0
"""From a node's start until its peers have told it of the network."""
BOOTING_SECONDS = 0.2
STEPS_A_LEDGER = 4
YOUNG_LEDGER = 2
"""Up to here a private network's ledgers are of protocol 0."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How good a node is.

    Attributes:
        apply_pace: ledgers it applies, idle, in the time the network closes one.
        bucket_seconds: how long a new node downloads and applies buckets.
        download_seconds: how long it downloads an archive's state, and again ledger files.
        replays_all: CATCHUP_COMPLETE: a new node applies all ledgers instead of buckets.
        backlog_ratio: seconds it lags at the network's pace after a stop, for each second stopped (seen: 0.5 to 1.1).
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


class Node:
    """A node of a network.

    `fresh` begins it with nothing at `now`; otherwise it has followed the network for an hour.
    """

    def __init__(self, name: str, network: Network, settings: NodeSettings, now: float, *, fresh: bool = False) -> None:
        self.name = name
        self.network = network
        self.settings = settings
        self.utilization = 0.0
        self.claimed_lead = 0
        self.passphrase = network.settings.passphrase
        self._seed = int.from_bytes(hashlib.sha256(f"{network.settings.seed}/{name}".encode()).digest()[:8])
        self._step_seconds = network.settings.ledger_seconds / STEPS_A_LEDGER
        self._offset = self._step_seconds * (self._seed % 997) / 997
        self._starts = 0
        self._ledger = 1
        self._credit = 0.0
        self._stopped_at: float | None = None
        self._backlog_until = -math.inf
        self._stuck_until = -math.inf
        self._plan: CatchUpPlan | None = None
        self._phase = Phase.DEAD
        self._phase_since = now
        self._started_on = now
        self._checked_ledger: int | None = None
        self._status: tuple[str, ...] = ()
        self._has_applied = False
        self._has_buffered = False
        self._first_heard = 0
        self._stepped_to = self._grid(now)
        if fresh:
            self.start(now)
        else:
            self._settle(now)

    @property
    def phase(self) -> Phase:
        """What its process was at when it was last advanced."""
        return self._phase

    @property
    def ledger(self) -> int:
        """The last ledger that it had closed when it was last advanced."""
        return self._ledger

    @property
    def is_stopped(self) -> bool:
        """Whether its process is stopped, as by SIGSTOP."""
        return self._stopped_at is not None

    def start(self, now: float) -> None:
        """Start its process with the database it has. One that runs is left alone."""
        if self._phase is not Phase.DEAD:
            return
        self._starts += 1
        self._started_on = now
        self._stepped_to = self._grid(now)
        self._stopped_at = None
        self._backlog_until = self._stuck_until = -math.inf
        self._checked_ledger, self._status, self._plan, self._credit = None, (), None, 0.0
        self._has_buffered = False
        self._enter(Phase.BOOTING, now)

    def die(self, now: float) -> None:
        """End its process; the database stays."""
        self.advance(now)
        self._stopped_at = None
        self._enter(Phase.DEAD, now)

    def stop(self, now: float) -> None:
        """Stop its process, as by SIGSTOP."""
        if not self.is_stopped and self._phase is not Phase.DEAD:
            self.advance(now)
            self._stopped_at = now

    def resume(self, now: float) -> None:
        """Let a stopped process go on: what its peers sent meanwhile is worked off at the network's own pace first."""
        if self._stopped_at is None:
            return
        away = now - self._stopped_at
        self._stopped_at = None
        self._stepped_to = self._grid(now)
        self._phase_since += away
        if self._phase is Phase.FOLLOWING:
            self._backlog_until = now + away * self.settings.backlog_ratio
            self._stuck_until = now + 1.0 if away >= CONSENSUS_STUCK_SECONDS else -math.inf

    def set_utilization(self, utilization: float, now: float) -> None:
        """Set how much of it readers use, 0 to 1: what they use it does not apply ledgers with."""
        if not 0 <= utilization <= 1:
            raise ValueError(f"utilization is {utilization!r}; it must be between 0 and 1")
        self.advance(now)
        self.utilization = utilization

    def advance(self, now: float) -> None:
        """Bring it to `now`. A time before the last one changes nothing."""
        if self.is_stopped or self._phase is Phase.DEAD:
            return
        end = self._grid(now)
        while self._stepped_to < end:
            if self._is_in_step():
                self._stepped_to, self._credit = end, 1.0
                self._ledger = self.network.tip(end * self._step_seconds + self._offset)
            else:
                self._stepped_to += 1
                self._step(self._stepped_to * self._step_seconds + self._offset)

    def info(self, now: float) -> CoreInfo:
        """Answer what it is at `now`, lies included."""
        self.advance(now)
        state = self._state(now)
        if self._phase is Phase.BOOTING:
            return CoreInfo(state, self.passphrase, self._started_on, self._node_id(), _EMPTY_LEDGER)
        ledger = self._ledger + self.claimed_lead
        is_old = ledger > YOUNG_LEDGER
        close_time = int(now) if self.claimed_lead else self.network.close_time(ledger)
        return CoreInfo(
            state=state,
            network=self.passphrase,
            started_on=self._started_on,
            node_id=self._node_id(),
            ledger=LedgerInfo(
                num=ledger,
                hash=self.network.ledger_hash(ledger),
                close_time=close_time,
                version=PROTOCOL_VERSION if is_old else 0,
                age=max(0, int(now) - close_time) if close_time else 0,
                max_soroban_tx_set_size=1 if is_old and self._has_applied else None,
            ),
            authenticated_peers=int(self._checked_ledger is not None or now - self._phase_since >= HEARING_SECONDS),
            heard=self._heard(now),
            last_check_ledger=self._checked_ledger,
            status=self._status,
        )

    def _state(self, now: float) -> CoreState:
        if self._phase is Phase.BOOTING:
            return CoreState.BOOTING
        if self._phase is Phase.JOINING:
            return CoreState.JOINING if self._ledger <= 1 else CoreState.CONNECTED
        if self._phase is not Phase.FOLLOWING:
            return CoreState.CATCHING_UP
        last = max(self.network.newest_closed_at(now), self._phase_since)
        is_silent = self._ledger >= self.network.tip(now) and now - last >= CONSENSUS_STUCK_SECONDS
        return CoreState.JOINING if is_silent or now < self._stuck_until else CoreState.SYNCED

    def _heard(self, now: float) -> HeardQuorum | None:
        if self._checked_ledger is None:
            return None
        if self.claimed_lead or (self._phase is Phase.FOLLOWING and now < self._backlog_until):
            return HeardQuorum(self._ledger + self.claimed_lead - 1)
        lag_ms = None if self._phase is not Phase.FOLLOWING or self._status else 1 + self._seed % 12
        return HeardQuorum(max(self.network.tip(now), self._ledger) - 1, lag_ms)

    def _node_id(self) -> str:
        digest = hashlib.sha256(f"{self._seed}/{self._starts}".encode()).digest()
        return "G" + "ABCD"[digest[0] % 4] + b32encode(digest[1:6]).decode()[:3]

    def _grid(self, now: float) -> int:
        return math.floor((now - self._offset) / self._step_seconds)

    def _is_in_step(self) -> bool:
        """Whether it keeps up and nothing else is under way, so that its steps have one outcome and can be skipped."""
        if self._phase is not Phase.FOLLOWING or self._status or self._pace() < STEPS_A_LEDGER:
            return False
        at = self._stepped_to * self._step_seconds + self._offset
        return at >= self._backlog_until and self._ledger >= self.network.tip(at)

    def _pace(self) -> float:
        return self.settings.apply_pace * (1 - self.utilization)

    def _enter(self, phase: Phase, at: float) -> None:
        self._phase, self._phase_since = phase, at

    def _settle(self, now: float) -> None:
        self._starts = 1
        self._started_on = now - 3600 - self._seed % 600
        self._ledger = self.network.tip(now)
        self._checked_ledger = max(1, self._ledger - 100)
        self._has_applied = True
        self._enter(Phase.FOLLOWING, now)

    def _step(self, at: float) -> None:
        elapsed = at - self._phase_since
        if self._phase is Phase.BOOTING and elapsed >= BOOTING_SECONDS:
            self._enter(Phase.JOINING, at)
        elif self._phase is Phase.JOINING:
            self._join(elapsed, at)
        elif self._phase is Phase.WAITING:
            self._wait(at)
        elif self._phase is Phase.REPLAYING and self._plan is not None:
            self._replay(self._plan, elapsed, at)
        elif self._phase is Phase.FOLLOWING:
            self._follow(at)

    def _join(self, elapsed: float, at: float) -> None:
        if elapsed < HEARING_SECONDS or self.network.was_halted(at):
            return
        tip = self.network.tip(at)
        is_near = tip - self._ledger <= REMEMBERED_LEDGERS
        if not is_near and self._ledger > 1 and elapsed < CONSENSUS_STUCK_SECONDS:
            return
        self._checked_ledger, self._first_heard = tip - 1, tip + 1 - REMEMBERED_LEDGERS
        if is_near:
            self._enter(Phase.FOLLOWING, at)
            return
        self._enter(Phase.WAITING, at)
        self._wait(at)

    def _wait(self, at: float) -> None:
        """Wait for the trigger ledger: the second one after a checkpoint that none of the heard ledgers precedes."""
        tip = self.network.tip(at)
        checkpoint = self.network.newest_checkpoint(tip - 2)
        if checkpoint + 1 >= self._first_heard and checkpoint > self._ledger:
            self._begin(checkpoint, at)
            return
        trigger = checkpoint + self.network.settings.checkpoint_ledgers + 2
        eta = round((trigger - tip) * self.network.settings.ledger_seconds)
        self._status = (f"Waiting for trigger ledger: {tip}/{trigger}, ETA: {eta}s",)

    def _begin(self, checkpoint: int, at: float) -> None:
        network = self.network.settings
        is_replay = self.settings.replays_all or self._ledger > 1
        apply_seconds = (
            (checkpoint - self._ledger) * network.ledger_seconds / self.settings.apply_pace
            if is_replay
            else self.settings.bucket_seconds
        )
        self._plan = CatchUpPlan(
            start=self._ledger,
            target=checkpoint,
            checkpoint_ledgers=network.checkpoint_ledgers,
            is_replay=is_replay,
            download_seconds=self.settings.download_seconds,
            apply_seconds=apply_seconds,
        )
        self._enter(Phase.REPLAYING, at)
        self._replay(self._plan, 0.0, at)

    def _replay(self, plan: CatchUpPlan, elapsed: float, at: float) -> None:
        progress = compute_progress(plan, elapsed)
        was_done = self._status == (progress.status,) and progress.is_done
        self._has_applied = self._has_applied or (plan.is_replay and progress.ledger > plan.start)
        self._ledger, self._status = progress.ledger, (progress.status,)
        if not was_done:
            return
        newest = self.network.newest_checkpoint(self.network.tip(at) - 2)
        if newest > plan.target:  # what was heard is kept from the newest checkpoint on only: once more
            self._begin(newest, at)
            return
        self._has_buffered = True
        self._enter(Phase.FOLLOWING, at)
        self._follow(at)

    def _follow(self, at: float) -> None:
        tip = self.network.tip(at)
        pace = min(1.0, self._pace()) if at < self._backlog_until else self._pace()
        self._credit += pace / STEPS_A_LEDGER
        applied = min(int(self._credit), max(0, tip - self._ledger))
        is_behind = tip - self._ledger > applied
        self._credit = self._credit - applied if is_behind else min(self._credit - applied, 1.0)
        if applied:
            self._ledger += applied
            self._has_applied = True
            self._status = self._buffered_status() if self._has_buffered else ()
            self._has_buffered = self._has_buffered and is_behind

    def _buffered_status(self) -> tuple[str, ...]:
        """Say what it applies of what it heard while it caught up. The line stays one ledger longer than that."""
        target = self._plan.target if self._plan else self._ledger
        return (f"Catching up to ledger {target}: Applying buffered ledgers: apply ledger {self._ledger}",)


_EMPTY_LEDGER = LedgerInfo(0, UNKNOWN_HASH, 0, 0, 0, base_fee=0, base_reserve=0, max_tx_set_size=0)
