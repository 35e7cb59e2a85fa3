"""What a node does in one step: it joins, waits for a checkpoint, catches up, follows. Pure; copied from real nodes.

The sequence, the waits and the words were seen on real nodes; docs/simulator.md says where.
"""

from readpool.simulator.catch_up import CatchUpPlan, compute_progress
from readpool.simulator.network import Network
from readpool.simulator.node_state import NodeSettings, NodeState, Phase

REMEMBERED_LEDGERS = 12
"""Core's MAX_SLOTS_TO_REMEMBER: how many ledgers back a peer can tell of."""
CONSENSUS_STUCK_SECONDS = 35.0
"""Core's CONSENSUS_STUCK_TIMEOUT: how long it hears nothing before it says so, or looks to the archives."""
HEARING_SECONDS = 2.0
"""From a node's start until its peers have told it of the network."""
BOOTING_SECONDS = 0.2
STEPS_A_LEDGER = 4


class Steps:
    """The steps of one node; they change its state and nothing else."""

    def __init__(self, state: NodeState, network: Network, settings: NodeSettings) -> None:
        self._state = state
        self._network = network
        self._settings = settings

    def is_in_step(self, at: float) -> bool:
        """Whether it keeps up and nothing else is under way, so that its steps have one outcome and can be skipped."""
        state = self._state
        if state.phase is not Phase.FOLLOWING or state.status or self._pace() < STEPS_A_LEDGER:
            return False
        return at >= state.backlog_until and state.ledger >= self._network.tip(at)

    def skip(self, at: float) -> None:
        """Skip to `at`, where all steps since the last one have one outcome."""
        self._state.credit = 1.0
        self._state.ledger = self._network.tip(at)

    def take(self, at: float) -> None:
        """Apply the step of the moment `at`."""
        state = self._state
        elapsed = at - state.phase_since
        if state.phase is Phase.BOOTING and elapsed >= BOOTING_SECONDS:
            state.enter(Phase.JOINING, at)
        elif state.phase is Phase.JOINING:
            self._join(elapsed, at)
        elif state.phase is Phase.WAITING:
            self._wait(at)
        elif state.phase is Phase.REPLAYING and state.plan is not None:
            self._replay(state.plan, elapsed, at)
        elif state.phase is Phase.FOLLOWING:
            self._follow(at)

    def _pace(self) -> float:
        return self._settings.apply_pace * (1 - self._state.utilization)

    def _join(self, elapsed: float, at: float) -> None:
        if elapsed < HEARING_SECONDS or self._network.was_halted(at):
            return
        tip = self._network.tip(at)
        is_near = tip - self._state.ledger <= REMEMBERED_LEDGERS
        if not is_near and self._state.ledger > 1 and elapsed < CONSENSUS_STUCK_SECONDS:
            return
        self._state.checked_ledger, self._state.first_heard = tip - 1, tip + 1 - REMEMBERED_LEDGERS
        if is_near:
            self._state.enter(Phase.FOLLOWING, at)
            return
        self._state.enter(Phase.WAITING, at)
        self._wait(at)

    def _wait(self, at: float) -> None:
        """Wait for the trigger ledger: the second one after a checkpoint that none of the heard ledgers precedes."""
        tip = self._network.tip(at)
        checkpoint = self._network.newest_checkpoint(tip - 2)
        if checkpoint + 1 >= self._state.first_heard and checkpoint > self._state.ledger:
            self._begin(checkpoint, at)
            return
        trigger = checkpoint + self._network.settings.checkpoint_ledgers + 2
        eta = round((trigger - tip) * self._network.settings.ledger_seconds)
        self._state.status = (f"Waiting for trigger ledger: {tip}/{trigger}, ETA: {eta}s",)

    def _begin(self, checkpoint: int, at: float) -> None:
        network = self._network.settings
        is_replay = self._settings.replays_all or self._state.ledger > 1
        apply_seconds = (
            (checkpoint - self._state.ledger) * network.ledger_seconds / self._settings.apply_pace
            if is_replay
            else self._settings.bucket_seconds
        )
        self._state.plan = CatchUpPlan(
            start=self._state.ledger,
            target=checkpoint,
            checkpoint_ledgers=network.checkpoint_ledgers,
            is_replay=is_replay,
            download_seconds=self._settings.download_seconds,
            apply_seconds=apply_seconds,
        )
        self._state.enter(Phase.REPLAYING, at)
        self._replay(self._state.plan, 0.0, at)

    def _replay(self, plan: CatchUpPlan, elapsed: float, at: float) -> None:
        progress = compute_progress(plan, elapsed)
        was_done = self._state.status == (progress.status,) and progress.is_done
        self._state.has_applied = self._state.has_applied or (plan.is_replay and progress.ledger > plan.start)
        self._state.ledger, self._state.status = progress.ledger, (progress.status,)
        if not was_done:
            return
        newest = self._network.newest_checkpoint(self._network.tip(at) - 2)
        if newest > plan.target:  # what was heard is kept from the newest checkpoint on only: once more
            self._begin(newest, at)
            return
        self._state.has_buffered = True
        self._state.enter(Phase.FOLLOWING, at)
        self._follow(at)

    def _follow(self, at: float) -> None:
        tip = self._network.tip(at)
        pace = min(1.0, self._pace()) if at < self._state.backlog_until else self._pace()
        self._state.credit += pace / STEPS_A_LEDGER
        applied = min(int(self._state.credit), max(0, tip - self._state.ledger))
        is_behind = tip - self._state.ledger > applied
        self._state.credit = self._state.credit - applied if is_behind else min(self._state.credit - applied, 1.0)
        if applied:
            self._state.ledger += applied
            self._state.has_applied = True
            self._state.status = self._buffered_status() if self._state.has_buffered else ()
            self._state.has_buffered = self._state.has_buffered and is_behind

    def _buffered_status(self) -> tuple[str, ...]:
        """Describe what it applies of what it heard while it caught up. The line stays one ledger longer than that."""
        target = self._state.plan.target if self._state.plan else self._state.ledger
        return (f"Catching up to ledger {target}: Applying buffered ledgers: apply ledger {self._state.ledger}",)
