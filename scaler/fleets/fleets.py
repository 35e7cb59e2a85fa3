"""The set of fleets: which are observed, how long, and what is known of each. All that answers or shows starts here.

A fleet is observed from the first question about it, and dropped after ten minutes without a question and without
a stream on it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from typing import Protocol

import structlog

from readpool.budget import Budget, Limits
from readpool.clock import Clock
from readpool.public_networks import list_protocols
from scaler.fleet.fleet import FleetSettings
from scaler.fleets.change_counter import ChangeCounter
from scaler.fleets.fleet_names import name_fleets, name_source
from scaler.fleets.node_account import NodeAccount
from scaler.fleets.publisher import Publisher
from scaler.fleets.sources import Sources
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.polling.rlimits import raise_open_files_limit
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.fleet_spec import FleetSpec, PoolSource, build_pool_target
from scaler.triggers.poll_settings import PollSettings
from scaler.triggers.pool_hold_reasons import was_deleted

_LEASE_CHECKS_PER_LEASE = 20

_log = structlog.get_logger()


class PoolSpecs(Protocol):
    """The source of pools."""

    def derive(self, asked: FleetSpec, before: FleetSpec | None) -> FleetSpec:
        """Return the current spec of the fleet of a trigger with `pool`; `before` is its spec until now."""

    def on_change(self, note_pool: Callable[[str, str], None], note_all: Callable[[], None]) -> None:
        """Call `note_pool` at each change of a pool, with namespace and name, and `note_all` once all are read."""


class Fleets:
    """All fleets of this process.

    Args:
        settings: how nodes are asked.
        clock: gives `now`.
        stats: where polls are counted.
        pools: what the pools say that triggers name; None where this scaler reads no pools.
    """

    def __init__(
        self, settings: PollSettings, clock: Clock, stats: ScalerStats | None = None, pools: PoolSpecs | None = None
    ) -> None:
        self.settings = settings
        self.stats = stats if stats is not None else ScalerStats()
        self._clock = clock
        self._fold_settings = FleetSettings(settings.interval_seconds, list_protocols())
        self._pools = pools
        self._sources = Sources(settings, clock, self.stats)
        self._sequence = ChangeCounter()
        self._publisher = Publisher(settings.interval_seconds, self._sequence.advance)
        self._fleets: dict[FleetSpec, WatchedFleet] = {}
        limits = Limits(settings.max_fleets, settings.caller_fleets, settings.namespace_fleets)
        self._budget = Budget("fleets", limits)
        # How many nodes this process polls is the poller's to count: it asks each once for however many fleets.
        self._node_budget = Budget("nodes", Limits(None, settings.caller_nodes, settings.namespace_nodes))
        self._names: dict[str, list[WatchedFleet]] = {}
        self._lease_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start observing; fleets can be watched before and after."""
        raise_open_files_limit()
        if self._pools is not None:
            self._pools.on_change(self._note_pool, self._note_pools_read)
        await self._sources.start()
        await self._publisher.start()
        self._lease_task = asyncio.create_task(self._end_leases(), name="leases")

    async def stop(self) -> None:
        """Stop observing and close all connections; the last snapshots stay readable."""
        if self._lease_task is not None:
            self._lease_task.cancel()
            await asyncio.gather(self._lease_task, return_exceptions=True)
        await self._publisher.stop()
        await self._sources.stop()

    def watch(self, spec: FleetSpec, caller: str = "") -> WatchedFleet:
        """Return the fleet of a spec and renew its lease; a new one is observed at once, and counts for `caller`.

        Raises:
            OverBudget: it would be one fleet too many.
            ValueError: the spec names a pool, and this scaler reads none.
        """
        fleet = self._fleets.get(spec) or self._add(spec, caller)
        fleet.leased_until = self._clock() + self.settings.lease_seconds
        return fleet

    @contextmanager
    def lease(self, spec: FleetSpec, caller: str = "") -> Iterator[WatchedFleet]:
        """Keep a fleet for as long as the block runs: streams do, which ask only once."""
        fleet = self.watch(spec, caller)
        fleet.holders += 1
        try:
            yield fleet
        finally:
            fleet.holders -= 1
            if not was_deleted(fleet.spec):
                fleet.leased_until = self._clock() + self.settings.lease_seconds

    def all(self) -> tuple[WatchedFleet, ...]:
        """Return all fleets, in the order in which they were first asked for."""
        return tuple(self._fleets.values())

    @property
    def is_seeing(self) -> bool:
        """Whether most nodes were observed within three polls: what KEDA is told rests on that."""
        return self._sources.poller.is_seeing

    @property
    def sequence(self) -> int:
        """The number that `changed` goes by: grows with each snapshot of any fleet, and when one comes or goes."""
        return self._sequence.value

    async def changed(self, after: int) -> int:
        """Wait until `sequence` is over `after`, and return it."""
        return await self._sequence.wait_beyond(after)

    def _add(self, asked: FleetSpec, caller: str) -> WatchedFleet:
        self._budget.take(caller, asked.namespace)
        try:
            spec = self._derive(asked)
        except BaseException:
            self._budget.give_back(caller, asked.namespace)
            raise
        account = NodeAccount(self._node_budget, caller, asked.namespace)
        source = name_source(asked)
        sharing = self._names.setdefault(source, [])
        names = name_fleets(source, [*(one.asked for one in sharing), asked])
        fleet = WatchedFleet(
            names[asked],
            asked,
            spec,
            self._fold_settings,
            self._sources.poller,
            self._clock,
            self._publisher.note_news,
            account,
        )
        self._fleets[asked] = fleet
        for one in sharing:
            one.rename(names[one.asked])
        sharing.append(fleet)
        self._publisher.add(fleet)
        _log.info("fleetWatched", fleet=fleet.name)
        self._sources.follow(fleet)
        self._sequence.advance()
        return fleet

    def _derive(self, asked: FleetSpec, before: FleetSpec | None = None) -> FleetSpec:
        if not isinstance(asked.source, PoolSource):
            return asked
        if self._pools is None:
            raise ValueError(f"pool {asked.source.name!r} cannot be watched: this scaler runs without --pools")
        return self._pools.derive(asked, before)

    def _note_pool(self, namespace: str, name: str) -> None:
        """Apply the pool's current spec to its fleet, if there is one."""
        fleet = self._fleets.get(build_pool_target(namespace, name))
        if fleet is not None:
            self._hold_anew(fleet)

    def _note_pools_read(self) -> None:
        for fleet in self.all():
            self._hold_anew(fleet)

    def _hold_anew(self, fleet: WatchedFleet) -> None:
        spec = self._derive(fleet.asked, fleet.spec)
        if spec == fleet.spec:
            return
        before = fleet.spec
        self._sources.change(fleet, spec)
        learned = before.learned_requests_per_replica
        if replace(spec, learned_requests_per_replica=learned, unready=before.unready) != before:
            _log_pool(fleet)
        if was_deleted(spec):
            fleet.leased_until = 0.0

    async def _end_leases(self) -> None:
        while True:
            await asyncio.sleep(self.settings.lease_seconds / _LEASE_CHECKS_PER_LEASE)
            now = self._clock()
            for fleet in self.all():
                if not fleet.holders and fleet.leased_until < now:
                    self._drop(fleet)

    def _drop(self, fleet: WatchedFleet) -> None:
        self._sources.leave(fleet)
        self._publisher.remove(fleet)
        self._forget_name(fleet)
        del self._fleets[fleet.asked]
        self._budget.give_back(fleet.account.caller, fleet.asked.namespace)
        _log.info("fleetDropped", fleet=fleet.name)
        self._sequence.advance()

    def _forget_name(self, fleet: WatchedFleet) -> None:
        """Rename the fleets that shared the source of one that goes."""
        source = name_source(fleet.asked)
        sharing = [one for one in self._names.pop(source) if one is not fleet]
        if sharing:
            self._names[source] = sharing
        names = name_fleets(source, (one.asked for one in sharing))
        for one in sharing:
            one.rename(names[one.asked])


def _log_pool(fleet: WatchedFleet) -> None:
    spec = fleet.spec
    _log.info(
        "poolChanged",
        fleet=fleet.name,
        bounds=astuple(spec.bounds),
        lagThreshold=spec.lag_threshold,
        hold=spec.hold_reason.reason if spec.hold_reason else "",
    )
