"""What all clients of the page share: the record of lags, and each summary encoded once however many read it.

Stands between the fleets, which know nothing of a page, and event_stream.py, which has a client each.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from scaler.fleet.snapshot import FleetSnapshot
from scaler.telemetry.history import LagHistory
from scaler.telemetry.page_feed import build_size, encode_summary
from scaler.telemetry.size_history import Size, SizeHistory
from scaler.telemetry.snapshot_values import compute_lags

RECORD_SECONDS = 0.5
"""Between two looks at what changed."""
FLEETS_AT_ONCE = 5
"""Fleets handled before the loop gets its turn: a fraction of a millisecond, unless they are large."""


class WatchedFleetView(Protocol):
    """One observed fleet, as far as telemetry needs to see it."""

    @property
    def snapshot(self) -> FleetSnapshot:
        """The newest snapshot; always there."""


class FleetsView(Protocol):
    """The observed fleets, as far as telemetry needs to see them: scaler/fleets/fleets.py has more."""

    def all(self) -> Sequence[WatchedFleetView]:
        """Return every fleet that is observed now."""

    async def changed(self, after: int) -> int:
        """Wait until something changed since sequence `after`, and return the sequence now; at once for -1."""


class FleetFeed:
    """The shared state behind all clients of one telemetry port."""

    def __init__(self, fleets: FleetsView) -> None:
        self._fleets = fleets
        self._histories: dict[str, LagHistory] = {}
        self._sizes: dict[str, SizeHistory] = {}
        self._summaries: dict[str, tuple[FleetSnapshot, str]] = {}

    async def changed(self, after: int) -> int:
        """Wait for a change since sequence `after`."""
        return await self._fleets.changed(after)

    def snapshots(self) -> dict[str, FleetSnapshot]:
        """Return the newest snapshot of each fleet by its name."""
        snapshots = (watched.snapshot for watched in self._fleets.all())
        return {snapshot.fleet: snapshot for snapshot in snapshots}

    def history(self, fleet: str) -> LagHistory | None:
        """Return the record of one fleet's lags; None before its first row."""
        return self._histories.get(fleet)

    def sizes(self, fleet: str) -> tuple[Size, ...]:
        """Return the record of one fleet's sizes, oldest first."""
        recorded = self._sizes.get(fleet)
        return () if recorded is None else recorded.sizes()

    def summary(self, snapshot: FleetSnapshot) -> str:
        """Return a snapshot's summary as JSON, encoded at most once."""
        known = self._summaries.get(snapshot.fleet)
        if known is not None and known[0] is snapshot:
            return known[1]
        text = encode_summary(snapshot)
        self._summaries[snapshot.fleet] = snapshot, text
        return text

    async def record(self) -> None:
        """Record lags for as long as the port is open. Runs as a task, and ends by being cancelled."""
        recorded: dict[str, FleetSnapshot] = {}
        sequence = -1
        while True:
            sequence = await self.changed(sequence)
            snapshots = self.snapshots()
            for fleet in recorded.keys() - snapshots.keys():
                self._forget(fleet)
            news = (each for each in snapshots.values() if each is not recorded.get(each.fleet))
            while batch := tuple(islice(news, FLEETS_AT_ONCE)):
                for snapshot in batch:
                    self._histories.setdefault(snapshot.fleet, LagHistory()).record(snapshot.at, compute_lags(snapshot))
                    self._sizes.setdefault(snapshot.fleet, SizeHistory()).record(build_size(snapshot))
                await asyncio.sleep(0)
            recorded = snapshots
            await asyncio.sleep(RECORD_SECONDS)

    def _forget(self, fleet: str) -> None:
        self._histories.pop(fleet, None)
        self._sizes.pop(fleet, None)
        self._summaries.pop(fleet, None)
