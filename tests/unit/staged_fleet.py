"""A stage for the fold: scripted nodes polled in turn, snapshots each second, and what each of them showed.

The network closes a ledger each 5 s unless it is halted. A script says what one node answers at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import FleetSpec, Reference, ServiceSource

Outcome = NodeReport | PollFailure
Script = Callable[[float], Outcome]

START = 1_800_000_000.0
FIRST_LEDGER = 1_000_000
LEDGER_SECONDS = 5.0
POLL_SECONDS = 5.0
OUT_OF_SYNC_SECONDS = 35.0
"""Core says that it has lost sync when it has closed no ledger for so long."""
NETWORK = "Test SDF Network ; September 2015"
SPEC = FleetSpec("stellar", ServiceSource("core", 11626), Bounds(2, 3, 10), lag_threshold=20)
GONE = PollFailure("Timeout", "no response within 4 s")


class StagedNetwork:
    """What the network does: one ledger each five seconds, but for the time between `halts_at` and `resumes_at`."""

    def __init__(self, halts_at: float = float("inf"), resumes_at: float = float("inf")) -> None:
        self.halts_at = halts_at
        self.resumes_at = resumes_at

    def tell(self, now: float) -> tuple[int, float]:
        """Return the newest ledger and how old it is, in seconds."""
        moving = min(now, self.halts_at) - START + max(0.0, now - self.resumes_at)
        closed = int(moving // LEDGER_SECONDS)
        stood = max(0.0, min(now, self.resumes_at) - self.halts_at) if now < self.resumes_at else 0.0
        return FIRST_LEDGER + closed, moving - closed * LEDGER_SECONDS + stood

    def in_step(self, now: float) -> NodeReport:
        """Answer as a node that is in step: after 35 s without a ledger it says that it has lost sync."""
        ledger, age = self.tell(now)
        is_synced = age < OUT_OF_SYNC_SECONDS
        return NodeReport(
            ledger,
            is_synced=is_synced,
            state="Synced!" if is_synced else "Joining SCP",
            network=NETWORK,
            heard_ledger=ledger if is_synced else None,
            age_seconds=age,
            uptime_seconds=now - START + 86_400.0,
            started_on=START - 86_400.0,
        )

    def behind(self, ledgers: int) -> Script:
        """Answer as a node that follows so many ledgers behind, and says that it is in sync."""
        return lambda now: replace(
            self.in_step(now),
            ledger=self.tell(now)[0] - ledgers,
            age_seconds=self.tell(now)[1] + ledgers * LEDGER_SECONDS,
            heard_ledger=None,
        )


class StagedFleet:
    """A fleet on this stage, its nodes named core-0, core-1 and so on; each is polled once in `interval` seconds."""

    def __init__(
        self, *scripts: Script, spec: FleetSpec = SPEC, since: float = START, interval: int = int(POLL_SECONDS)
    ) -> None:
        self.fleet = Fleet("stellar/core", spec, FleetSettings(interval), since)
        self.now = since
        self.interval = interval
        self.scripts = {f"core-{i}": script for i, script in enumerate(scripts)}
        self.references: dict[Reference, Script] = {}
        self.take_members()

    def take_members(self) -> None:
        """Pass the fleet exactly the nodes that have a script."""
        self.fleet.set_members({name: f"http://{name}:11626" for name in self.scripts}, self.now)

    def play(self, seconds: float) -> list[FleetSnapshot]:
        """Poll each node once in the interval, phases spread, and return a snapshot a second."""
        shown = []
        until = self.now + seconds
        while self.now < until:
            apart = max(1, self.interval // max(5, len(self.scripts)))
            for phase, (name, script) in enumerate(self.scripts.items()):
                if int(self.now - START) % self.interval == phase * apart % self.interval:
                    self.fleet.observe(name, script(self.now), self.now)
            for reference, script in self.references.items():
                self.fleet.observe_reference(reference, script(self.now), self.now)
            shown.append(self.fleet.advance(self.now))
            self.now += 1.0
        return shown


def classes(snapshot: FleetSnapshot) -> Mapping[str, ReplicaClass]:
    """Return the class of each replica by name."""
    return {replica.name: replica.standing.replica_class for replica in snapshot.replicas}


def tip_ledger(snapshot: FleetSnapshot) -> int:
    """Return the ledger of the tip, which must be known."""
    assert snapshot.tip is not None
    return snapshot.tip.ledger


def desired(shown: list[FleetSnapshot]) -> set[int | None]:
    """Return every desired size that was shown."""
    return {snapshot.decision.desired for snapshot in shown}
