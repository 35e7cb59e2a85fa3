"""The set of fleets: who is watched, for how long, and what is known of each. All that answers or shows starts here.

A fleet is observed from the first question about it, and dropped when nobody has asked for ten minutes and no stream
holds it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from readpool.clock import Clock
from scaler.change_counter import ChangeCounter
from scaler.discovery import Discovery, DiscoveryError
from scaler.fetch import build_tls_context
from scaler.fleet import FleetSettings
from scaler.membership import Membership, advance_membership, name_nodes
from scaler.open_files import raise_open_files_limit
from scaler.poll_settings import PollSettings
from scaler.poller import Poller
from scaler.publisher import Publisher
from scaler.references import References
from scaler.stats import ScalerStats
from scaler.trigger import FleetSpec, NodesSource, PoolSource, ServiceSource
from scaler.watched_fleet import WatchedFleet, name_fleet

_SECONDS_PER_LOOKUP, _SECONDS_PER_MEMBER = 0.002, 0.0002
"""What a look-up costs of a core, roughly: dnspython takes its time over each record."""
_LOOKUP_SHARE = 0.1
"""Of a core, for all look-ups together; beyond it Services are looked up less often than each interval."""
_LEASE_CHECKS_PER_LEASE = 20

_log = structlog.get_logger()


class FleetsFullError(Exception):
    """One fleet more would be over what a scaler watches. The message says how many that is."""


class Fleets:
    """All fleets of this process.

    Args:
        settings: how nodes are asked.
        clock: gives `now`.
        stats: where polls are counted.
    """

    def __init__(self, settings: PollSettings, clock: Clock, stats: ScalerStats | None = None) -> None:
        self.settings = settings
        self.stats = stats if stats is not None else ScalerStats()
        self._clock = clock
        self._fold_settings = FleetSettings(poll_interval_seconds=settings.interval_seconds)
        tls = build_tls_context()
        self._discovery = Discovery(settings)
        self._poller = Poller(settings, clock, self._discovery, self.stats, tls)
        self._references = References(settings, clock, self._discovery, tls)
        self._sequence = ChangeCounter()
        self._publisher = Publisher(settings.interval_seconds, self._sequence.advance)
        self._fleets: dict[FleetSpec, WatchedFleet] = {}
        self._names: set[str] = set()
        self._followers: dict[WatchedFleet, asyncio.Task[None]] = {}
        self._lease_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start observing; fleets can be watched before and after."""
        raise_open_files_limit()
        await self._poller.start()
        await self._publisher.start()
        self._lease_task = asyncio.create_task(self._end_leases(), name="leases")

    async def stop(self) -> None:
        """Stop observing and close all connections; the last snapshots stay readable."""
        tasks = [*self._followers.values()]
        if self._lease_task is not None:
            tasks.append(self._lease_task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._publisher.stop()
        await self._references.stop()
        await self._poller.stop()

    def watch(self, spec: FleetSpec) -> WatchedFleet:
        """Give the fleet of a spec, and keep it for another lease; a new one is observed at once.

        Raises:
            FleetsFullError: it would be one fleet too many.
            ValueError: the spec names a pool, which this scaler alone cannot find.
        """
        fleet = self._fleets.get(spec) or self._add(spec)
        fleet.leased_until = self._clock() + self.settings.lease_seconds
        return fleet

    @contextmanager
    def hold(self, spec: FleetSpec) -> Iterator[WatchedFleet]:
        """Keep a fleet for as long as the block runs: streams do, which ask only once."""
        fleet = self.watch(spec)
        fleet.holders += 1
        try:
            yield fleet
        finally:
            fleet.holders -= 1
            fleet.leased_until = self._clock() + self.settings.lease_seconds

    def all(self) -> tuple[WatchedFleet, ...]:
        """Give all fleets, in the order in which they were first asked for."""
        return tuple(self._fleets.values())

    @property
    def sequence(self) -> int:
        """The number that `changed` goes by: grows with each snapshot of any fleet, and when one comes or goes."""
        return self._sequence.value

    async def changed(self, after: int) -> int:
        """Wait until `sequence` is over `after`, and give it."""
        return await self._sequence.wait_beyond(after)

    def _add(self, spec: FleetSpec) -> WatchedFleet:
        if isinstance(spec.source, PoolSource):
            raise ValueError(  # noqa: TRY004 - the type is as promised, its value is what cannot be served
                f"pool {spec.source.name!r} cannot be watched: pools come with the controller"
            )
        if len(self._fleets) >= self.settings.max_fleets:
            raise FleetsFullError(f"{len(self._fleets)} fleets are watched, and no scaler watches more")
        name = name_fleet(spec, is_taken=self._names.__contains__)
        fleet = WatchedFleet(name, spec, self._fold_settings, self._poller, self._clock, self._publisher.note_news)
        self._fleets[spec] = fleet
        self._names.add(name)
        self._publisher.add(fleet)
        _log.info("fleetWatched", fleet=name)
        self._observe(fleet)
        self._sequence.advance()
        return fleet

    def _observe(self, fleet: WatchedFleet) -> None:
        for reference in dict.fromkeys((*fleet.spec.references, *self.settings.references)):
            self._references.subscribe(reference, fleet)
        source = fleet.spec.source
        if isinstance(source, NodesSource):
            self._set_fixed_members(fleet, source)
        elif isinstance(source, ServiceSource):
            self._followers[fleet] = asyncio.create_task(
                self._follow_members(fleet, source), name=f"discovery {fleet.name}"
            )

    def _set_fixed_members(self, fleet: WatchedFleet, source: NodesSource) -> None:
        if len(source.urls) > self.settings.max_members:
            fleet.note_discovery_failed(f"{len(source.urls)} nodes; a fleet may have {self.settings.max_members}")
        else:
            fleet.set_members(name_nodes(source.urls), self.settings.max_nodes)

    async def _follow_members(self, fleet: WatchedFleet, source: ServiceSource) -> None:
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
                    fleet.set_members(membership.members, self.settings.max_nodes)
            await asyncio.sleep(self._compute_lookup_period())

    def _compute_lookup_period(self) -> float:
        """Compute the seconds between two look-ups of one Service: an interval, or more where there are very many."""
        cost_seconds = _SECONDS_PER_LOOKUP * len(self._followers) + _SECONDS_PER_MEMBER * self._poller.node_count
        return max(self.settings.interval_seconds, cost_seconds / _LOOKUP_SHARE)

    async def _end_leases(self) -> None:
        while True:
            await asyncio.sleep(self.settings.lease_seconds / _LEASE_CHECKS_PER_LEASE)
            now = self._clock()
            for fleet in self.all():
                if not fleet.holders and fleet.leased_until < now:
                    self._drop(fleet)

    def _drop(self, fleet: WatchedFleet) -> None:
        follower = self._followers.pop(fleet, None)
        if follower is not None:
            follower.cancel()
        for reference in dict.fromkeys((*fleet.spec.references, *self.settings.references)):
            self._references.unsubscribe(reference, fleet)
        fleet.close()
        self._publisher.remove(fleet)
        self._names.discard(fleet.name)
        del self._fleets[fleet.spec]
        _log.info("fleetDropped", fleet=fleet.name)
        self._sequence.advance()
