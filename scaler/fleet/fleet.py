"""One fleet: what is known of its members, folded poll by poll. Where tip, freshness and policy meet, without I/O.

A poll costs the same in a fleet of any size; a snapshot costs time with the number of members, and is taken seldom.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from readpool.replica_class import ReplicaClass
from scaler.fleet.checkpoints import Vouchers, list_vouchers
from scaler.fleet.evidence import Circumstances, Hearing, Verdict, hear, judge_all
from scaler.fleet.fleet_messages import add_shortage, explain_no_replicas
from scaler.fleet.fleet_policy import build_policy, hold_where_useless, list_trusted
from scaler.fleet.known_replicas import Shortage, explain_shortage, follow_shortage
from scaler.fleet.membership import is_same_member
from scaler.fleet.readers import find_failing, find_rates
from scaler.fleet.request_window import RequestWindow, advance_window, find_figures, find_used_percent
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.out_of_service import add_out_of_service, leave_out, make_room, shift_memory
from scaler.policy.policy import Decision, PolicyMemory, decide, decide_from_zero
from scaler.policy.policy_recall import recall, tell_memory
from scaler.policy.shared_address import is_step_back, note_step_back
from scaler.probes.gate import GateReport
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.acquaintances import Acquaintance, greet, list_last, order_by_ordinal, take_leave
from scaler.standing.claims import build_claim, find_majority
from scaler.standing.core_protocol import find_network_protocol, note_too_old
from scaler.standing.freshness import advance
from scaler.standing.standing import ReplicaState, Thresholds
from scaler.standing.tip import CURRENT_SECONDS, Claim, Tip, TipLimits, compute_tip
from scaler.standing.unseen import forget_unseen
from scaler.triggers.fleet_spec import FleetSpec, Reference, ServiceSource

_FORGOTTEN_SECONDS = 600.0
"""A reference without a response for as long no longer belongs to this fleet."""


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What holds for every fleet of this process; `protocols` are those of the public networks, by passphrase."""

    poll_interval_seconds: float = 5.0
    protocols: Mapping[str, int] = field(default_factory=dict)


class Fleet:
    """One fleet under observation: mutable, driven by one thread, asked for immutable snapshots.

    Args:
        name: NAMESPACE/SOURCE, unique in this process.
        spec: what its members are held to.
        settings: the process's.
        now: when the observation starts, in seconds.
        after_sequence: the snapshots' numbers go on from here.
    """

    def __init__(
        self, name: str, spec: FleetSpec, settings: FleetSettings, now: float, after_sequence: int = 0
    ) -> None:
        self.name = name
        self._spec = spec
        self._thresholds = Thresholds(lag_ledgers=spec.lag_threshold)
        self._policy = build_policy(spec)
        self._remembered_seconds = self._thresholds.unreachable_polls * settings.poll_interval_seconds + 5.0
        self._interval_seconds = settings.poll_interval_seconds
        self._protocols = settings.protocols
        self._protocol: int | None = None
        self._moving_seconds = max(CURRENT_SECONDS, 2 * settings.poll_interval_seconds)
        self._limits = TipLimits.of(settings.poll_interval_seconds)
        self._memory = recall(spec.remembered, spec.network, self._policy, now)
        self._observed_since = now
        self._addresses: dict[str, str] = {}
        self._standings: dict[str, ReplicaState] = {}
        self._acquaintances: dict[str, Acquaintance] = {}
        self._windows: dict[str, RequestWindow] = {}
        self._references: dict[Reference, Hearing] = {}
        self._vouchers = Vouchers()
        self._out: AbstractSet[str] = frozenset()
        self._verdicts: tuple[Verdict, ...] = ()
        self._shortage = Shortage()
        self._steps_back: dict[str, tuple[float, ...]] = {}
        self._are_members_known = False
        self._discovery_trouble = ""
        self._network = spec.network
        self._tip: Tip | None = None
        self._looked_at = now
        self._sequence = after_sequence

    def change_spec(self, spec: FleetSpec, now: float) -> None:
        """Apply another spec to the same members; all that was observed and learned stays."""
        if spec.bounds != self._spec.bounds:
            self._memory = self._memory.with_other_bounds()
        self._spec = spec
        self._thresholds = Thresholds(lag_ledgers=spec.lag_threshold)
        self._policy = build_policy(spec)
        if spec.network is not None:
            self._set_network(spec.network, now)

    def set_members(self, members: Mapping[str, str], now: float) -> None:
        """Set the members, name to base URL; members that stay keep their history.

        A member with another address than before is another pod of the same name, without history. One that was
        known by its address alone and has a name now is the same pod.
        """
        is_newcomer, self._are_members_known = self._are_members_known, True
        self._discovery_trouble = ""
        names = sorted(members, key=order_by_ordinal)
        before = {url: name for name, url in self._addresses.items()}
        self._addresses = {name: members[name] for name in names}
        stays = {
            name: before[url] for name, url in self._addresses.items() if is_same_member(before.get(url), name, url)
        }
        self._part_with(self._standings.keys() - set(stays.values()), members, now)
        self._standings = {
            name: self._standings[stays[name]]
            if name in stays
            else greet(self._acquaintances.get(name), now, is_newcomer=is_newcomer)
            for name in names
        }
        self._steps_back = {name: steps for name, steps in self._steps_back.items() if name in stays}
        self._windows = {name: self._windows[was] for name, was in stays.items() if was in self._windows}
        self._vouchers.keep([*stays.items(), *((one, one) for one in self._references)])

    def _part_with(self, leaving: AbstractSet[str], members: Mapping[str, str], now: float) -> None:
        """Remember members that leave and may be recreated; those that were scaled in are forgotten."""
        held = self._memory.surplus.last_desired
        let_go = list_last(self._standings, None if held is None else held + len(self._out)) - members.keys()
        gone = {name: self._standings[name] for name in leaving - let_go}
        self._acquaintances = take_leave(self._acquaintances, gone, now)

    def discovery_failed(self, why: str, now: float) -> None:  # noqa: ARG002 - every input has its time
        """Handle a failed discovery: the known members stay."""
        self._discovery_trouble = why

    def observe(self, name: str, outcome: NodeReport | PollFailure, now: float) -> bool:
        """Record the outcome of one poll; return True for news to publish at once: a class or suspicion changed."""
        standing = self._standings.get(name)
        if standing is None:
            return False
        if now - self._looked_at > self._remembered_seconds:
            # This process did not run for a while: what the tip was then is nothing to hold an answer against.
            self._look_around(now)
        if isinstance(outcome, NodeReport) and is_step_back(standing.report, outcome):
            self._steps_back[name] = note_step_back(self._steps_back.get(name, ()), now)
        after = advance(standing, outcome, self._tip, self._network, self._thresholds, now)
        self._standings[name] = after
        self._vouchers.note(name, outcome)
        if self._tip is None and isinstance(outcome, NodeReport):
            self._look_around(now)
            after = advance(standing, outcome, self._tip, self._network, self._thresholds, now)
            self._standings[name] = after
        return (after.replica_class, after.is_suspect) != (standing.replica_class, standing.is_suspect)

    def observe_gate(self, name: str, outcome: GateReport | PollFailure, now: float) -> None:
        """Record a gate's outcome; after a failure the last report counts until it is too old."""
        if isinstance(outcome, GateReport) and name in self._standings:
            self._windows[name] = advance_window(self._windows.get(name, RequestWindow()), outcome, now)

    def forget_gate(self, name: str) -> None:
        """Handle a member without a gate, or with another one than before."""
        self._windows.pop(name, None)

    def observe_reference(self, reference: Reference, outcome: NodeReport | PollFailure, now: float) -> None:
        """Record a reference's outcome; after a failure the last report counts until it is too old."""
        self._references[reference] = hear(self._references.get(reference), outcome, now)
        self._vouchers.note(reference, outcome)

    def advance(self, now: float) -> FleetSnapshot:
        """Advance the fleet to `now`: find the tip, decide, update the memory, and return the snapshot."""
        oldest = now - self._remembered_seconds
        self._standings = {name: forget_unseen(one, oldest, now) for name, one in self._standings.items()}
        self._look_around(now)
        replicas = self._list_replicas(now)
        out = self._spec.out_of_service & self._standings.keys()
        decision, self._memory = self._decide(replicas, out, now)
        decision = add_out_of_service(decision, out)
        self._sequence += 1
        decision = explain_no_replicas(
            decision,
            self._standings,
            self._network,
            self._discovery_trouble,
            are_members_known=self._are_members_known,
        )
        self._shortage = follow_shortage(self._shortage, len(replicas), decision.desired, now)
        shortage = self._explain_shortage(now)
        return FleetSnapshot(
            fleet=self.name,
            namespace=self._spec.namespace,
            sequence=self._sequence,
            at=now,
            network=self._network,
            tip=self._tip,
            replicas=replicas,
            decision=add_shortage(decision, shortage),
            bounds=self._spec.bounds,
            lag_threshold=self._spec.lag_threshold,
            counts=Counter(standing.replica_class for standing in self._standings.values()),
            references=self._verdicts,
            shortage=shortage,
            out_of_service=frozenset(out),
            checkpoint=self._vouchers.find(list_vouchers(self._standings, self._verdicts)),
            remembered=tell_memory(self._memory, self._network, now, len(out)),
            network_protocol=self._protocol,
        )

    def _decide(self, seen: tuple[Replica, ...], out: AbstractSet[str], now: float) -> tuple[Decision, PolicyMemory]:
        """Decide for those that are in service."""
        self._memory, self._out = shift_memory(self._memory, out, self._out, self._standings), out
        in_service = leave_out(self._standings, out)
        replicas = tuple(one for one in seen if one.name not in out)
        settings = hold_where_useless(
            self._policy,
            self._spec.probe,
            self._standings,
            self._addresses,
            self._steps_back,
            self._interval_seconds,
            now,
        )
        settings = replace(settings, bounds=make_room(settings.bounds, len(out))) if out else settings
        if self._are_members_known and not in_service and not self._discovery_trouble:
            return decide_from_zero(self._memory, settings, now)
        return decide(
            in_service,
            self._tip,
            observed_since=self._observed_since,
            memory=self._memory,
            settings=settings,
            now=now,
            requests=find_rates(replicas),
            failing=find_failing(replicas),
        )

    def _explain_shortage(self, now: float) -> str:
        source = self._spec.source
        if not isinstance(source, ServiceSource):
            return ""
        return explain_shortage(self._shortage, f"{self._spec.namespace}/{source.name}", now)

    def _list_replicas(self, now: float) -> tuple[Replica, ...]:
        oldest = now - self._remembered_seconds
        figures = {name: find_figures(window, oldest) for name, window in self._windows.items()}
        used = {name: find_used_percent(window, oldest) for name, window in self._windows.items()}
        return tuple(
            Replica(name, self._addresses[name], standing, figures.get(name), used.get(name))
            for name, standing in self._standings.items()
        )

    def _look_around(self, now: float) -> None:
        """Determine again which network this is, and its tip."""
        self._looked_at = now
        if self._spec.network is None:
            self._set_network(find_majority(self._standings.values(), self._network), now)
        claims = list(self._gather_claims(now))
        self._verdicts = self._judge_references(claims, now)
        claims += [verdict.claim for verdict in self._verdicts if verdict.claim is not None]
        self._tip = compute_tip(claims, self._tip, now, self._limits)
        known = self._protocols.get(self._network or "")
        self._protocol = find_network_protocol(
            self._standings.values(), list_trusted(self._verdicts, self._references), known
        )
        self._standings = note_too_old(self._standings, self._protocol)

    def _set_network(self, network: str | None, now: float) -> None:
        """Set the network of the members; conclusions from before it was known, or about another one, are forgotten."""
        if network == self._network:
            return
        self._tip = None
        for name, standing in self._standings.items():
            if standing.replica_class is not ReplicaClass.UNREACHABLE:
                unknown = ReplicaClass.UNKNOWN
                self._standings[name] = replace(
                    standing, replica_class=unknown, since=now, detail="", contradicting_polls=0, degraded_since=None
                )
        self._network = network

    def _gather_claims(self, now: float) -> Iterator[Claim]:
        oldest, network = now - self._remembered_seconds, self._network
        for standing in self._standings.values():
            report = standing.report
            if report is None or standing.observed_at is None or standing.observed_at < oldest:
                continue
            tells_ledger = report.ledger > 1 or report.heard_ledger is not None
            # Of those that have been in step a word without a ledger tells that nobody hears of the network any more.
            if not report.is_of_another(network) and (tells_ledger or standing.replica_class is ReplicaClass.FRESH):
                yield build_claim(standing, report, now - self._moving_seconds)

    def _judge_references(self, claims: list[Claim], now: float) -> tuple[Verdict, ...]:
        """Judge what the references say against what the nodes do; one that is asked no more is forgotten."""
        if not self._references:
            return ()
        oldest = now - max(_FORGOTTEN_SECONDS, 10 * self._interval_seconds)
        self._references = {one: heard for one, heard in self._references.items() if heard.asked_at >= oldest}
        against = Circumstances(self._network, self._tip, None, False, self._interval_seconds, self._limits)
        return judge_all(self._references, claims, against, now)
