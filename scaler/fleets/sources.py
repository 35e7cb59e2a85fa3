"""Where each fleet's nodes and references come from, followed for as long as the fleet is watched.

Between the fleets, which say what is asked for, and discovery, poller and references, which go and see.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from readpool.clock import Clock
from scaler.fleet.membership import Membership, advance_membership, name_nodes
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.polling.discovery import Discovery, DiscoveryError
from scaler.polling.fetch import build_tls_context
from scaler.polling.lookup_periods import LookupLoad, compute_lookup_periods
from scaler.polling.poller import Poller
from scaler.polling.references import References
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, Reference, ServiceSource
from scaler.triggers.poll_settings import PollSettings

_PERIODS_SECONDS = 1.0
"""How long the periods of lookups stay before they are computed again."""
_MEMBERS, _GATES = "members", "gates"
"""What is looked up of a fleet."""


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
        self._followers: dict[tuple[WatchedFleet, str], asyncio.Task[None]] = {}
        self._periods: Mapping[tuple[str, str], float] = {}
        self._periods_until = 0.0

    async def start(self) -> None:
        """Start asking; fleets can be followed before and after."""
        await self.poller.start()

    async def stop(self) -> None:
        """Cancel everything and close all connections."""
        for follower in self._followers.values():
            follower.cancel()
        await asyncio.gather(*self._followers.values(), return_exceptions=True)
        await self._references.stop()
        await self.poller.stop()

    def follow(self, fleet: WatchedFleet) -> None:
        """Start polling the fleet's references, and discovering and polling its members and gates."""
        for reference in self._list_references(fleet.spec):
            self._subscribe(reference, fleet)
        self._follow_members(fleet)
        self._follow_gates(fleet)

    def leave(self, fleet: WatchedFleet) -> None:
        """Do nothing more for this fleet."""
        self._leave(fleet, _MEMBERS)
        self._leave(fleet, _GATES)
        for reference in self._list_references(fleet.spec):
            self._references.unsubscribe(reference, fleet)
        fleet.close()

    def change(self, fleet: WatchedFleet, spec: FleetSpec) -> None:
        """Apply another spec to the fleet and follow its sources. What both specs share continues."""
        before = fleet.spec
        fleet.apply_spec(spec)
        known, wanted = self._list_references(before), self._list_references(spec)
        for reference in known.keys() - wanted.keys():
            self._references.unsubscribe(reference, fleet)
        for reference in wanted:
            self._subscribe(reference, fleet)  # of those that are known already it hears the last word again
        if spec.source != before.source:
            self._leave(fleet, _MEMBERS)
            self._follow_members(fleet)
        if (spec.source, spec.stats_port) != (before.source, before.stats_port):
            self._leave(fleet, _GATES)
            self._follow_gates(fleet)

    def _subscribe(self, reference: Reference, fleet: WatchedFleet) -> None:
        self._references.subscribe(reference, fleet, fleet.account.caller, fleet.account.namespace)

    def _list_references(self, spec: FleetSpec) -> dict[Reference, None]:
        return dict.fromkeys((*spec.references, *self._settings.references))

    def _follow_members(self, fleet: WatchedFleet) -> None:
        source = fleet.spec.source
        if isinstance(source, NodesSource):
            self._set_fixed_members(fleet, source)
        elif isinstance(source, ServiceSource):
            look_up = self._look_up(fleet, source, fleet.set_members, fleet.note_discovery_failed)
            self._followers[fleet, _MEMBERS] = asyncio.create_task(look_up, name=f"{_MEMBERS} of {fleet.name}")

    def _follow_gates(self, fleet: WatchedFleet) -> None:
        source, port = fleet.spec.source, fleet.spec.stats_port
        fleet.set_gates({}, self._settings.max_nodes)
        if isinstance(source, ServiceSource) and isinstance(port, str):
            look_up = self._look_up(fleet, ServiceSource(source.name, port), fleet.set_gates, _pass_over)
            self._followers[fleet, _GATES] = asyncio.create_task(look_up, name=f"{_GATES} of {fleet.name}")

    def _leave(self, fleet: WatchedFleet, what: str) -> None:
        follower = self._followers.pop((fleet, what), None)
        if follower is not None:
            follower.cancel()

    def _set_fixed_members(self, fleet: WatchedFleet, source: NodesSource) -> None:
        if len(source.urls) > self._settings.max_members:
            why = f"{len(source.urls)} nodes; a fleet may have {self._settings.max_members}"
            fleet.note_discovery_failed(why, "TooManyMembers")
        else:
            fleet.set_members(name_nodes(source.urls), self._settings.max_nodes)

    async def _look_up(
        self,
        fleet: WatchedFleet,
        source: ServiceSource,
        take: Callable[[Mapping[str, str], int], None],
        note_failed: Callable[[str, str], None],
    ) -> None:
        """Look up the members at a Service's port again and again; a failed lookup changes nothing."""
        membership = Membership()
        while True:
            try:
                found = await self._discovery.find_members(fleet.spec.namespace, source)
            except DiscoveryError as error:
                note_failed(str(error), error.reason)
            else:
                membership = advance_membership(membership, found)
                if not membership.is_uncertain:
                    take(membership.members, self._settings.max_nodes)
            await asyncio.sleep(self._find_lookup_period(fleet))

    def _find_lookup_period(self, fleet: WatchedFleet) -> float:
        """Find the seconds between two look-ups of a Service: an interval, or more for a caller with very many."""
        now = asyncio.get_running_loop().time()
        if now >= self._periods_until:
            looked_up: Counter[tuple[str, str]] = Counter()
            members: Counter[tuple[str, str]] = Counter()
            for followed, what in self._followers:
                account = (followed.account.caller, followed.account.namespace)
                looked_up[account] += 1
                members[account] += followed.member_count if what == _MEMBERS else 0
            loads = {account: LookupLoad(count, members[account]) for account, count in looked_up.items()}
            self._periods = compute_lookup_periods(loads, self._settings.interval_seconds)
            self._periods_until = now + _PERIODS_SECONDS
        account = (fleet.account.caller, fleet.account.namespace)
        return self._periods.get(account, self._settings.interval_seconds)


def _pass_over(_why: str, _reason: str) -> None:
    """Leave it to the look-up of members, at the same DNS, to say what is wrong; what is known of gates stays."""
