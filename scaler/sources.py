"""Where each fleet's nodes and references come from, followed for as long as the fleet is watched.

Between the fleets, which say what is asked for, and discovery, poller and references, which go and see.
"""

import asyncio
import contextlib

from readpool.clock import Clock
from scaler.discovery import Discovery, DiscoveryError
from scaler.fetch import build_tls_context
from scaler.membership import Membership, advance_membership, name_nodes
from scaler.poll_settings import PollSettings
from scaler.poller import Poller
from scaler.references import References
from scaler.stats import ScalerStats
from scaler.trigger import FleetSpec, NodesSource, Reference, ServiceSource
from scaler.watched_fleet import WatchedFleet

_SECONDS_PER_LOOKUP, _SECONDS_PER_MEMBER = 0.002, 0.0002
"""What a look-up costs of a core, roughly: dnspython takes its time over each record."""
_LOOKUP_SHARE = 0.1
"""Of a core, for all look-ups together; beyond it Services are looked up less often than each interval."""


class Sources:
    """The nodes and references of all fleets of this process; `poller` asks the nodes.

    Args:
        settings: how nodes are asked.
        clock: gives `now`.
        stats: where polls are counted.
    """

    def __init__(self, settings: PollSettings, clock: Clock, stats: ScalerStats) -> None:
        self._settings = settings
        tls = build_tls_context()
        self._discovery = Discovery(settings)
        self.poller = Poller(settings, clock, self._discovery, stats, tls)
        self._references = References(settings, clock, self._discovery, tls)
        self._followers: dict[WatchedFleet, asyncio.Task[None]] = {}
        self._gate_followers: dict[WatchedFleet, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start asking; fleets can be followed before and after."""
        await self.poller.start()

    async def stop(self) -> None:
        """Give up what is under way and close all connections."""
        followers = (*self._followers.values(), *self._gate_followers.values())
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        await self._references.stop()
        await self.poller.stop()

    def follow(self, fleet: WatchedFleet) -> None:
        """Have the fleet's references asked, its members and their gates found and these polled."""
        for reference in self._list_references(fleet.spec):
            self._references.subscribe(reference, fleet)
        self._follow_members(fleet)
        self._follow_gates(fleet)

    def leave(self, fleet: WatchedFleet) -> None:
        """Do nothing more for this fleet."""
        self._leave_members(fleet)
        self._leave_gates(fleet)
        for reference in self._list_references(fleet.spec):
            self._references.unsubscribe(reference, fleet)
        fleet.close()

    def change(self, fleet: WatchedFleet, spec: FleetSpec) -> None:
        """Hold the fleet to another spec, and follow what that names. What it has in common with before goes on."""
        before = fleet.spec
        fleet.hold_to(spec)
        known, wanted = self._list_references(before), self._list_references(spec)
        for reference in known.keys() - wanted.keys():
            self._references.unsubscribe(reference, fleet)
        for reference in wanted:
            self._references.subscribe(reference, fleet)  # of those that are known already it hears the last word again
        if spec.source != before.source:
            self._leave_members(fleet)
            self._follow_members(fleet)
        if (spec.source, spec.stats_port) != (before.source, before.stats_port):
            self._leave_gates(fleet)
            self._follow_gates(fleet)

    def _list_references(self, spec: FleetSpec) -> dict[Reference, None]:
        return dict.fromkeys((*spec.references, *self._settings.references))

    def _follow_members(self, fleet: WatchedFleet) -> None:
        source = fleet.spec.source
        if isinstance(source, NodesSource):
            self._set_fixed_members(fleet, source)
        elif isinstance(source, ServiceSource):
            self._followers[fleet] = asyncio.create_task(
                self._look_up_members(fleet, source), name=f"discovery {fleet.name}"
            )

    def _leave_members(self, fleet: WatchedFleet) -> None:
        follower = self._followers.pop(fleet, None)
        if follower is not None:
            follower.cancel()

    def _follow_gates(self, fleet: WatchedFleet) -> None:
        source, port = fleet.spec.source, fleet.spec.stats_port
        fleet.set_gates({}, self._settings.max_nodes)
        if isinstance(source, ServiceSource) and isinstance(port, str):
            named = ServiceSource(source.name, port)
            self._gate_followers[fleet] = asyncio.create_task(
                self._look_up_gates(fleet, named), name=f"gates {fleet.name}"
            )

    def _leave_gates(self, fleet: WatchedFleet) -> None:
        follower = self._gate_followers.pop(fleet, None)
        if follower is not None:
            follower.cancel()

    def _set_fixed_members(self, fleet: WatchedFleet, source: NodesSource) -> None:
        if len(source.urls) > self._settings.max_members:
            fleet.note_discovery_failed(f"{len(source.urls)} nodes; a fleet may have {self._settings.max_members}")
        else:
            fleet.set_members(name_nodes(source.urls), self._settings.max_nodes)

    async def _look_up_members(self, fleet: WatchedFleet, source: ServiceSource) -> None:
        """Look up a Service's members again and again; what DNS fails to say changes nothing."""
        membership = Membership()
        while True:
            try:
                found = await self._discovery.find_members(fleet.spec.namespace, source)
            except DiscoveryError as error:
                fleet.note_discovery_failed(str(error))
            else:
                membership = advance_membership(membership, found)
                if not membership.is_doubted:
                    fleet.set_members(membership.members, self._settings.max_nodes)
            await asyncio.sleep(self._compute_lookup_period())

    async def _look_up_gates(self, fleet: WatchedFleet, source: ServiceSource) -> None:
        """Look up where a Service's gates tell of readers, again and again; that there are none is an answer too."""
        membership = Membership()
        while True:
            with contextlib.suppress(DiscoveryError):  # what is known stays; the look-up of members says what is wrong
                found = await self._discovery.find_members(fleet.spec.namespace, source)
                membership = advance_membership(membership, found)
                if not membership.is_doubted:
                    fleet.set_gates(membership.members, self._settings.max_nodes)
            await asyncio.sleep(self._compute_lookup_period())

    def _compute_lookup_period(self) -> float:
        """Compute the seconds between two look-ups of one Service: an interval, or more where there are very many."""
        lookups = len(self._followers) + len(self._gate_followers)
        members = self.poller.node_count + self.poller.gate_count
        cost_seconds = _SECONDS_PER_LOOKUP * lookups + _SECONDS_PER_MEMBER * members
        return max(self._settings.interval_seconds, cost_seconds / _LOOKUP_SHARE)
