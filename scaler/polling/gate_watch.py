"""The gates of one fleet: which are polled, and on whose behalf. Apart from the members' own polls.

What a gate does not say changes no replica's class, and a gate that is not there is no fault.
"""

from collections.abc import Mapping
from typing import Protocol

import structlog

from scaler.polling.poller import Poller
from scaler.probes.gate import GateReport
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import PollFailure

_log = structlog.get_logger()


class GateListener(Protocol):
    """A receiver of what the gates of a fleet's members report."""

    name: str

    def receive_gate(self, name: str, outcome: GateReport | PollFailure, now: float) -> None:
        """Record the outcome of one poll of the gate beside a member. Must not wait."""

    def forget_gate(self, name: str) -> None:
        """Handle a member without a gate, or with another one than before."""


class GateWatch:
    """The gates that are polled on a fleet's behalf.

    Args:
        poller: polls them.
        fleet: is told.
    """

    def __init__(self, poller: Poller, fleet: GateListener) -> None:
        self._poller = poller
        self._fleet = fleet
        self._gates: dict[str, str] = {}
        self._is_refused = False

    def receive(self, name: str, outcome: GateReport | PollFailure, now: float) -> None:
        """Pass on what came of one poll of one gate."""
        self._fleet.receive_gate(name, outcome, now)

    def poll(self, gates: Mapping[str, str], max_gates: int) -> None:
        """Poll these gates from now on, member's name to base URL, unless they exceed the scaler's limit."""
        added = {name: url for name, url in gates.items() if self._gates.get(name) != url}
        removed = {name: url for name, url in self._gates.items() if gates.get(name) != url}
        for name, url in removed.items():
            del self._gates[name]
            self._poller.unsubscribe(ProbeKind.GATE, url, self, name)
            self._fleet.forget_gate(name)
        if added and self._poller.gate_count + len(added) > max_gates:
            self._refuse(len(added), max_gates)
            return
        self._is_refused = False
        for name, url in added.items():
            self._gates[name] = url
            self._poller.subscribe(ProbeKind.GATE, url, self, name)

    def close(self) -> None:
        """Stop polling all gates."""
        self.poll({}, 0)

    def _refuse(self, count: int, max_gates: int) -> None:
        """Log once that there are too many: the replicas are still observed, but not their readers."""
        if not self._is_refused:
            self._is_refused = True
            _log.warning("gatesRefused", fleet=self._fleet.name, gates=count, limit=max_gates)
