"""One fleet that somebody asks about: its fold, its latest snapshot, and the waiting for the next.

Outcomes of polls come in, snapshots go out; what they mean is decided by the fold (fleet.fleet), when they are taken
by the publisher.
"""

from collections.abc import Callable, Mapping

from readpool.clock import Clock
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.keda_metrics import MetricUnavailable
from scaler.fleet.known_replicas import REPLICAS_MISSING
from scaler.fleet.snapshot import FleetSnapshot
from scaler.fleets.change_counter import ChangeCounter
from scaler.fleets.change_log import ChangeLog
from scaler.fleets.node_account import NodeAccount, build_account_without_limits
from scaler.polling.discovery import NOT_HEADLESS
from scaler.polling.gate_addresses import match_gates, place_gates
from scaler.polling.gate_watch import GateWatch
from scaler.polling.poller import Poller
from scaler.probes.gate import GateReport
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import FleetSpec, Reference, ServiceSource

_REMINDER_SECONDS = 1800.0
"""Half as long as Kubernetes keeps an event."""


class WatchedFleet:
    """One fleet under observation.

    Args:
        name: NAMESPACE/SOURCE, unique in this process.
        asked: what triggers name.
        spec: which nodes, held to what: as asked, or what the pool that is asked for stands for.
        settings: the fold's.
        poller: polls the members.
        clock: gives `now`.
        note_news: called when a snapshot is to be taken at once.
        account: what its nodes are counted to.

    Attributes:
        snapshot: the latest one; always there, replaced as a whole.
        spec: what it is held to at present.
        has_news: something was observed since that snapshot.
        leased_until: when it is dropped unless somebody asks again, in seconds.
        holders: streams that keep it.
        account: what its nodes are counted to.
    """

    def __init__(
        self,
        name: str,
        asked: FleetSpec,
        spec: FleetSpec,
        settings: FleetSettings,
        poller: Poller,
        clock: Clock,
        note_news: "Callable[[WatchedFleet], None]",
        account: NodeAccount | None = None,
    ) -> None:
        self.name = name
        self.asked = asked
        self.spec = spec
        self.has_news = False
        self.leased_until = 0.0
        self.holders = 0
        self.account = account or build_account_without_limits()
        self._reminded_at: float | None = None
        self._not_headless = ""
        self._settings = settings
        self._poller = poller
        self._clock = clock
        self._note_news = note_news
        self._members: dict[str, str] = {}
        self._gates = GateWatch(poller, self)
        self._found_gates: Mapping[str, str] = {}
        self._fold = Fleet(name, spec, settings, clock())
        self._changed = ChangeCounter()
        self._change_log = ChangeLog(name)
        self.snapshot: FleetSnapshot = self._fold.advance(clock())

    @property
    def member_count(self) -> int:
        """How many members it has."""
        return len(self._members)

    async def next_snapshot(self, after_sequence: int) -> FleetSnapshot:
        """Wait for a snapshot with a sequence over `after_sequence`, and return the latest one."""
        while self.snapshot.sequence <= after_sequence:
            await self._changed.wait_beyond(self._changed.value)
        return self.snapshot

    def remind(self) -> None:
        """Report what is wrong with the Service, once in a while instead of a number.

        Fewer replicas are known than wanted, or it has an address of its own now. KEDA makes an event of an error, and
        of nothing else; one that is not repeated holds the HPA for one turn. Of a pool the controller says it, in its
        conditions.

        Raises:
            MetricUnavailable: when it is time again.
        """
        now, shortage = self._clock(), self.snapshot.shortage
        if not (shortage or self._not_headless) or not isinstance(self.asked.source, ServiceSource):
            return
        if self._reminded_at is None or now - self._reminded_at >= _REMINDER_SECONDS:
            self._reminded_at = now
            if self._not_headless:
                raise MetricUnavailable(NOT_HEADLESS, self._not_headless)
            raise MetricUnavailable(REPLICAS_MISSING, shortage)

    def receive(self, name: str, outcome: NodeReport | PollFailure, now: float) -> None:
        """Record the outcome of one poll of one member."""
        self.has_news = True
        if self._fold.observe(name, outcome, now):
            self._note_news(self)

    def receive_reference(self, reference: Reference, outcome: NodeReport | PollFailure, now: float) -> None:
        """Record a reference's outcome."""
        self.has_news = True
        self._fold.observe_reference(reference, outcome, now)

    def receive_gate(self, name: str, outcome: GateReport | PollFailure, now: float) -> None:
        """Record what the gate beside a member reports of its readers."""
        self.has_news = True
        self._fold.observe_gate(name, outcome, now)

    def forget_gate(self, name: str) -> None:
        """Handle a member without a gate, or with another one than before."""
        self._fold.forget_gate(name)

    def rename(self, name: str) -> None:
        """Go by another name from the next snapshot on."""
        if name != self.name:
            self.name = self._fold.name = self._change_log.fleet = name
            self._tell_at_once()

    def apply_spec(self, spec: FleetSpec) -> None:
        """Apply another spec. Observations stay, unless the spec selects other nodes now."""
        now = self._clock()
        if spec.source == self.spec.source:
            self.spec = spec
            self._fold.change_spec(spec, now)
        else:
            self.close()
            self.spec = spec
            self._fold = Fleet(self.name, spec, self._settings, now, self.snapshot.sequence)
        self._tell_at_once()

    def set_members(self, members: Mapping[str, str], max_nodes: int) -> None:
        """Poll these members from now on: name to base URL. Members that stay keep their history."""
        urls = set(members.values())
        gone = {name: url for name, url in self._members.items() if url not in urls}
        for name, url in gone.items():  # they are, whether or not there is room for all that are new
            self._poller.unsubscribe(self.spec.probe, url, self, name)
        stay = {name: url for name, url in self._members.items() if name not in gone}
        members, why = self._find_room(members, set(stay.values()), max_nodes)
        self.account.settle(len(set(members.values())))
        self._fold.set_members(members, self._clock())
        self._members, self._not_headless = dict(members), ""
        added = {name: url for name, url in members.items() if stay.get(name) != url}
        for name, url in added.items():
            self._poller.subscribe(self.spec.probe, url, self, name)
        for name, url in stay.items():
            if members.get(name) != url:
                self._poller.unsubscribe(self.spec.probe, url, self, name)
        self._poll_gates(max_nodes)
        if why:
            self.note_discovery_failed(why, "TooManyNodes")
            return
        self._change_log.note_discovery("")
        if added or gone:
            self._tell_at_once()

    def _find_room(self, members: Mapping[str, str], known: set[str], max_nodes: int) -> tuple[Mapping[str, str], str]:
        """Find the members that can be polled, and why others cannot: of the new ones all or none, those known stay."""
        new = {name for name, url in members.items() if url not in known}
        refusal = self.account.find_refusal(len(set(members.values())))
        if self._poller.node_count + len(new) > max_nodes:
            why = f"{len(new)} more nodes would exceed the {max_nodes} that one scaler polls"
        elif new and refusal is not None:
            why = f"{len(new)} more nodes cannot be polled: {refusal}"
        else:
            return members, ""
        return {name: url for name, url in members.items() if name not in new}, why

    def set_gates(self, found: Mapping[str, str], max_nodes: int) -> None:
        """Poll the gates that DNS names, name to base URL, beside the members; none if it names none."""
        self._found_gates = found
        self._poll_gates(max_nodes)

    def note_discovery_failed(self, why: str, reason: str) -> None:
        """Handle a failed discovery: the known members stay. `reason` names the failure."""
        self._fold.discovery_failed(why, self._clock())
        self._not_headless = why if reason == NOT_HEADLESS else ""
        self._change_log.note_discovery(why, reason)
        self._tell_at_once()

    def publish(self) -> None:
        """Publish a snapshot, log what changed, and wake those that wait for it."""
        self.has_news = False
        self.snapshot = self._fold.advance(self._clock())
        self._change_log.note_snapshot(self.snapshot)
        self._changed.advance()

    def close(self) -> None:
        """Stop polling the members for this fleet."""
        for name, url in self._members.items():
            self._poller.unsubscribe(self.spec.probe, url, self, name)
        self._members = {}
        self.account.settle(0)
        self._gates.close()

    def _poll_gates(self, max_nodes: int) -> None:
        port, members = self.spec.stats_port, self._members
        gates = place_gates(members, port) if isinstance(port, int) else match_gates(members, self._found_gates)
        self._gates.poll(gates, max_nodes)

    def _tell_at_once(self) -> None:
        self.has_news = True
        self._note_news(self)
