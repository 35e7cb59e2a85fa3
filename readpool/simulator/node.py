"""One simulated node: follows its network, falls behind, stops, restarts, catches up, as real ones were seen to do.

Pure: time comes in as `now`, Unix seconds. It steps on a grid of its own, so that what it is at a moment depends on the
seed and on what was done to it, never on how often it was asked.
"""

import hashlib
import math

from readpool.simulator.core_info import CoreInfo
from readpool.simulator.network import Network
from readpool.simulator.node_answer import Persona, build_info
from readpool.simulator.node_state import NodeSettings, NodeState, Phase
from readpool.simulator.node_steps import CONSENSUS_STUCK_SECONDS, STEPS_A_LEDGER, Steps

__all__ = ["Node", "NodeSettings", "Phase"]


class Node:
    """A node of a network.

    `fresh` begins it with nothing at `now`; otherwise it has followed the network for an hour.
    """

    def __init__(self, name: str, network: Network, settings: NodeSettings, now: float, *, fresh: bool = False) -> None:
        self.name = name
        self.network = network
        self.settings = settings
        self.claimed_lead = 0
        """How many ledgers it lies to be ahead of where it is."""
        self.passphrase = network.settings.passphrase
        """The network that it says it is on."""
        self._seed = int.from_bytes(hashlib.sha256(f"{network.settings.seed}/{name}".encode()).digest()[:8])
        self._step_seconds = network.settings.ledger_seconds / STEPS_A_LEDGER
        self._offset = self._step_seconds * (self._seed % 997) / 997
        self._state = NodeState(phase_since=now, started_on=now)
        self._steps = Steps(self._state, network, settings)
        self._stepped_to = self._grid(now)
        self._stopped_at: float | None = None
        if fresh:
            self.start(now)
        else:
            self._state.settle(network.tip(now), now - 3600 - self._seed % 600, now)

    @property
    def phase(self) -> Phase:
        """What its process was at when it was last advanced."""
        return self._state.phase

    @property
    def ledger(self) -> int:
        """The last ledger that it had closed when it was last advanced."""
        return self._state.ledger

    @property
    def utilization(self) -> float:
        """The share of it that readers use, 0 to 1."""
        return self._state.utilization

    @property
    def is_stopped(self) -> bool:
        """Whether its process is stopped, as by SIGSTOP."""
        return self._stopped_at is not None

    def start(self, now: float) -> None:
        """Start its process with the database it has. One that runs is left alone."""
        if self.phase is Phase.DEAD:
            self._state.start(now)
            self._stepped_to = self._grid(now)

    def die(self, now: float) -> None:
        """End its process; the database stays."""
        self.advance(now)
        self._stopped_at = None
        self._state.enter(Phase.DEAD, now)

    def stop(self, now: float) -> None:
        """Stop its process, as by SIGSTOP. One that is stopped or dead is left alone."""
        if not self.is_stopped and self.phase is not Phase.DEAD:
            self.advance(now)
            self._stopped_at = now

    def resume(self, now: float) -> None:
        """Resume a stopped process: what its peers sent meanwhile is worked off at the network's own pace first."""
        if self._stopped_at is None:
            return
        away_seconds = now - self._stopped_at
        self._stopped_at = None
        self._stepped_to = self._grid(now)
        self._state.phase_since += away_seconds
        if self.phase is Phase.FOLLOWING:
            self._state.backlog_until = now + away_seconds * self.settings.backlog_ratio
            self._state.stuck_until = now + 1.0 if away_seconds >= CONSENSUS_STUCK_SECONDS else -math.inf

    def set_utilization(self, utilization: float, now: float) -> None:
        """Set how much of it readers use, 0 to 1: what they use it does not apply ledgers with."""
        if not 0 <= utilization <= 1:
            raise ValueError(f"utilization is {utilization!r}; it must be between 0 and 1")
        self.advance(now)
        self._state.utilization = utilization

    def advance(self, now: float) -> None:
        """Bring it to `now`. A time before the last one changes nothing."""
        if self.is_stopped or self.phase is Phase.DEAD:
            return
        end = self._grid(now)
        while self._stepped_to < end:
            if self._steps.is_in_step(self._moment(self._stepped_to)):
                self._stepped_to = end
                self._steps.skip(self._moment(end))
            else:
                self._stepped_to += 1
                self._steps.take(self._moment(self._stepped_to))

    def info(self, now: float) -> CoreInfo:
        """Answer what it is at `now`, lies included."""
        self.advance(now)
        return build_info(self._state, self.network, Persona(self._seed, self.passphrase, self.claimed_lead), now)

    def _grid(self, now: float) -> int:
        return math.floor((now - self._offset) / self._step_seconds)

    def _moment(self, step: int) -> float:
        return step * self._step_seconds + self._offset
