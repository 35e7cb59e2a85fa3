"""Fleets whose snapshots a test sets by hand: the shape of scaler.fleets.fleets.Fleets, without anything that polls."""

import asyncio
from collections import Counter
from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.policy import Bounds, Decision
from scaler.probes.report import NodeReport
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip

NOW = 1_790_000_000.0
TIP = 53_201_447


class ScriptedFleet:
    """One fleet; `snapshot` is what the test last put."""

    def __init__(self, snapshot: FleetSnapshot) -> None:
        self.snapshot = snapshot


class ScriptedFleets:
    """The fleets that a test put, and whoever waits for them to change."""

    def __init__(self, *snapshots: FleetSnapshot) -> None:
        self._fleets: dict[str, ScriptedFleet] = {}
        self._sequence = 0
        self._moved = asyncio.Condition()
        for snapshot in snapshots:
            self._fleets[snapshot.fleet] = ScriptedFleet(snapshot)

    def all(self) -> tuple[ScriptedFleet, ...]:
        """Return every fleet."""
        return tuple(self._fleets.values())

    async def changed(self, after: int) -> int:
        """Wait for a change since `after`."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._sequence > after)
            return self._sequence

    async def put(self, *snapshots: FleetSnapshot) -> None:
        """Add fleets, or swap their snapshots."""
        for snapshot in snapshots:
            self._fleets.setdefault(snapshot.fleet, ScriptedFleet(snapshot)).snapshot = snapshot
        await self._tell()

    async def drop(self, name: str) -> None:
        """Observe one fleet no longer."""
        del self._fleets[name]
        await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._sequence += 1
            self._moved.notify_all()


def make_replica(name: str, replica_class: ReplicaClass, lag: int | None = 0, **standing: object) -> Replica:
    """Make a replica that is `lag` ledgers behind TIP."""
    report = None if lag is None else NodeReport(ledger=TIP - lag, is_synced=lag < 1000, state="Synced!")
    base = ReplicaState(replica_class, NOW - 60, report, NOW - 1, lag, rate=0.2, first_seen=NOW - 600)
    return Replica(name, f"http://{name}:11626", replace(base, **standing))  # type: ignore[arg-type]


def make_snapshot(name: str, *replicas: Replica, **changes: object) -> FleetSnapshot:
    """Make a fleet's snapshot with the counts that its replicas give."""
    snapshot = FleetSnapshot(
        fleet=name,
        namespace=name.split("/", maxsplit=1)[0],
        sequence=1,
        at=NOW,
        network="Test SDF Network ; September 2015",
        tip=Tip(TIP, NOW - 2),
        replicas=replicas,
        decision=Decision(3, "Steady", "3 wanted, none lacking."),
        bounds=Bounds(1, 3, 10),
        lag_threshold=1000,
        counts=Counter(replica.standing.replica_class for replica in replicas),
    )
    return replace(snapshot, **changes)  # type: ignore[arg-type]


def make_three_fresh(name: str = "stellar/core") -> FleetSnapshot:
    """Make a fleet of three fresh replicas."""
    return make_snapshot(name, *(make_replica(f"core-{i}", ReplicaClass.FRESH, i) for i in range(3)))
