"""Worlds for the scaler's fold, drawn from a seed: replicas, newcomers, a network, references, readers and an HPA.

What a world knows of its replicas is the truth that the fold can only guess at; the tests hold one against the other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, inf
from random import Random

from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.policy.remembered import Remembered
from scaler.probes.gate import GateReport
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import FleetSpec, Reference, ServiceSource
from tests.unit.staged_fleet import NETWORK, START, Outcome, StagedNetwork

STEP_SECONDS = 5.0
BORNE = 900.0
"""Requests/s that any replica of these worlds bears."""
HPA_DOWN_SECONDS = 300.0
DEADLINE_SECONDS = 3600.0
REFUSED = PollFailure("ConnectionRefused", "nothing listens on that port")
TROUBLES = ("lag", "slow", "silent", "loop", "two-slow")
NEWCOMERS = ("soon", "late", "never", "hangs", "stale", "dies")


@dataclass
class Pod:
    """One replica as it really is. `trouble` holds until `until`; a newcomer is ready at `ready_at`, if ever."""

    born: float
    ready_at: float
    kind: str = "old"
    trouble: str = ""
    began: float = 0.0
    until: float = 0.0
    leaves_at: float = inf
    was_ready: bool = False
    served: float = 0.0

    def is_well(self, now: float) -> bool:
        """Whether it is in step with the network and answers."""
        return self.ready_at <= now and not (self.trouble and now < self.until) and now < self.leaves_at


@dataclass
class World:
    """A pool, what befalls it, and the fleet that watches it."""

    seed: int
    chance: Random
    spec: FleetSpec
    network: StagedNetwork
    load: float
    has_gates: bool
    now: float = START
    pods: dict[str, Pod] = field(default_factory=dict)
    references: dict[Reference, Callable[[float], Outcome]] = field(default_factory=dict)
    fleet: Fleet = field(init=False)
    silent_gate_until: float = 0.0
    asked: list[tuple[float, int]] = field(default_factory=list)
    restarted_at: float = START
    remembered: Remembered | None = None
    """What a pool's status keeps; a trigger without a pool has nobody to keep it."""
    has_status: bool = False
    learned: float | None = None

    def __post_init__(self) -> None:
        """Begin with the target of replicas that have been well for a day."""
        for ordinal in range(self.spec.bounds.target):
            self.pods[f"core-{ordinal}"] = Pod(START - 86_400.0, START - 80_000.0, was_ready=True)
        self.start_scaler()

    def start_scaler(self) -> None:
        """Start the scaler anew: it knows what DNS says, and what the pool's status keeps where there is a pool."""
        learned = None if self.remembered is None else self.learned
        spec = replace(self.spec, remembered=self.remembered, learned_requests_per_replica=learned)
        self.fleet = Fleet("stellar/core", spec, FleetSettings(STEP_SECONDS), self.now)
        self.restarted_at = self.now
        self.tell_members()

    def tell_members(self) -> None:
        """Pass the fleet the pods that DNS names: from their sandbox on, until they are gone."""
        members = {name: f"http://10.0.0.{name}-{pod.born:.0f}:11626" for name, pod in self.pods.items()}
        self.fleet.set_members(members, self.now)

    def step(self) -> FleetSnapshot:
        """Advance five seconds: troubles, polls, gates, a snapshot, and the HPA each third time."""
        self.now += STEP_SECONDS
        self._trouble()
        for name, pod in self.pods.items():
            self.fleet.observe(name, self._answer(pod), self.now)
            pod.was_ready = pod.was_ready or pod.is_well(self.now)
        for reference, say in self.references.items():
            self.fleet.observe_reference(reference, say(self.now), self.now)
        if self.has_gates:
            self._count_reads()
        shown = self.fleet.advance(self.now)
        if self.has_status and shown.remembered is not None:
            self.remembered = write_and_read(shown.remembered)
            self.learned = shown.decision.learned_requests_per_replica
        if int(self.now / STEP_SECONDS) % 3 == 0:
            self._scale(shown.decision.desired)
        return shown

    def is_halted(self) -> bool:
        """Whether the network stands still."""
        return self.network.tell(self.now)[1] > 2 * STEP_SECONDS

    def count_ailing(self) -> int:
        """Count those that were of use and are not, or should be by now."""
        return sum(
            not pod.is_well(self.now)
            and pod.leaves_at == inf
            and (pod.was_ready or self.now - pod.born >= DEADLINE_SECONDS)
            for pod in self.pods.values()
        )

    def _trouble(self) -> None:
        old = [pod for pod in self.pods.values() if pod.is_well(self.now) and pod.leaves_at == inf]
        if old and self.chance.random() < 0.004:
            trouble = self.chance.choice(TROUBLES)
            hit = self.chance.sample(old, min(len(old), 2 if trouble == "two-slow" else 1))
            lasts = self.chance.choice((40.0, 200.0, 900.0, 6000.0))
            for pod in hit:
                pod.trouble, pod.began, pod.until = trouble, self.now, self.now + lasts
        if self.has_gates and self.chance.random() < 0.001:
            self.silent_gate_until = self.now + 1200.0

    def _answer(self, pod: Pod) -> Outcome:
        report = self.network.in_step(self.now)
        if self.now >= pod.leaves_at + 10.0:
            return REFUSED
        if self.now < pod.ready_at:
            return self._answer_of_newcomer(pod, report)
        if pod.is_well(self.now) or self.now >= pod.leaves_at:
            return replace(report, started_on=pod.born)
        since = self.now - pod.began
        if pod.trouble == "silent":
            return REFUSED
        if pod.trouble == "loop":
            turn, into = divmod(since, 600.0)
            return REFUSED if into < 40.0 else self._replay(report, pod.began + turn * 600.0)
        return replace(report, ledger=report.ledger - self._count_lost(pod), age_seconds=since, started_on=pod.born)

    def _count_lost(self, pod: Pod) -> int:
        """Count the ledgers that one in trouble lacks: all that the network closed meanwhile, or half of them."""
        closed = self.network.tell(self.now)[0] - self.network.tell(pod.began)[0]
        return closed if pod.trouble == "lag" else closed // 2

    def is_in_step(self, pod: Pod) -> bool:
        """Whether it has the newest ledger: while the network stands still, one in trouble has it too."""
        is_behind_at_most = pod.trouble in ("lag", "slow", "two-slow") and self.now < pod.leaves_at
        return pod.is_well(self.now) or (pod.ready_at <= self.now and is_behind_at_most and not self._count_lost(pod))

    def _answer_of_newcomer(self, pod: Pod, report: NodeReport) -> Outcome:
        age = self.now - pod.born
        if pod.kind == "never" or (pod.kind == "late" and age < 240.0) or age < 20.0:
            return REFUSED
        if pod.kind == "dies" and int(age) % 300 < 60:
            return REFUSED
        if pod.kind == "stale":
            return replace(
                report, ledger=report.ledger - 500, age_seconds=2500.0, uptime_seconds=age, started_on=pod.born
            )
        return self._replay(report, pod.born + (int(age) // 300 * 300 if pod.kind == "dies" else 0))

    def _replay(self, report: NodeReport, started_on: float) -> NodeReport:
        return replace(
            report, ledger=1, is_synced=False, state="Catching up", age_seconds=None, uptime_seconds=None,
            started_on=started_on,
        )  # fmt: skip

    def _count_reads(self) -> None:
        serving = [name for name, pod in self.pods.items() if pod.is_well(self.now)]
        for name, pod in self.pods.items():
            if name in serving:
                pod.served += STEP_SECONDS * self.load / len(serving)
            is_silent = name == "core-0" and self.now < self.silent_gate_until
            if not is_silent and self.now - pod.born >= 20.0:
                count = int(pod.served)
                self.fleet.observe_gate(name, GateReport(count, 0, count, ((inf, count),)), self.now)

    def _scale(self, desired: int | None) -> None:
        """Do as the HPA: up at once, down when nothing more was asked for in five minutes."""
        before = len(self.pods)
        for name in [name for name, pod in self.pods.items() if self.now - pod.leaves_at >= 60.0]:
            del self.pods[name]
        self.asked = [one for one in self.asked if self.now - one[0] <= HPA_DOWN_SECONDS]
        if desired is not None:
            self.asked.append((self.now, desired))
            staying = sum(pod.leaves_at == inf for pod in self.pods.values())
            wanted = max(desired, min(staying, max(size for _, size in self.asked)))
            self._resize(wanted)
        if len(self.pods) != before:
            self.tell_members()

    def _resize(self, size: int) -> None:
        for ordinal, pod in enumerate(self.pods.values()):
            if ordinal >= size:
                pod.leaves_at = min(pod.leaves_at, self.now)
        for ordinal in range(len(self.pods), size):
            kind = self.chance.choice(NEWCOMERS)
            comes = {"soon": self.now + 90.0, "late": self.now + 400.0}.get(kind, inf)
            self.pods[f"core-{ordinal}"] = Pod(self.now, comes, kind)


def write_and_read(told: Remembered) -> Remembered:
    """Keep it as a pool's status does, whose times are whole seconds."""
    return replace(
        told,
        reported_at=float(int(told.reported_at)),
        surplus_since=_whole(told.surplus_since),
        scaled_in_at=_whole(told.scaled_in_at),
        overloaded_at=_whole(told.overloaded_at),
    )


def _whole(at: float | None) -> float | None:
    return None if at is None else float(int(at))


def draw_world(seed: int) -> World:
    """Draw a world; the same seed gives the same one."""
    chance = Random(seed)  # noqa: S311 - a test wants the same numbers each time
    target = chance.choice((1, 3, 5, 5, 8))
    halts_at = START + chance.choice((inf, inf, 600.0, 2400.0))
    network = StagedNetwork(halts_at, halts_at + chance.choice((30.0, 200.0, 1500.0)))
    has_gates = chance.random() < 0.6
    spec = FleetSpec(
        "stellar",
        ServiceSource("core", "info"),
        Bounds(max(1, target - 2), target, 4 * target),
        network=chance.choice((NETWORK, None)),
        lag_threshold=12,
        sustain_seconds=chance.choice((30.0, 60.0)),
        stats_port="stats" if has_gates else None,
    )
    load = target * BORNE * chance.choice((0.002, 0.2, 0.6))
    world = World(seed, chance, spec, network, load, has_gates)
    if chance.random() < 0.6:
        kind = chance.choice((ProbeKind.CORE, ProbeKind.HORIZON, ProbeKind.RPC, ProbeKind.ARCHIVE))
        world.references[Reference(kind, "https://reference")] = draw_reference(chance, network)
    return world


def draw_reference(chance: Random, network: StagedNetwork) -> Callable[[float], Outcome]:
    """Draw what a reference says: it follows, near or far, has stopped, or is of another or of an unknown network."""
    name = chance.choice((NETWORK, NETWORK, None, "theirs"))
    offset = chance.choice((0, -60, -5000)) if name == NETWORK else chance.choice((-60, 56_000_000))
    follows, fails, salt = chance.random() < 0.6, chance.choice((0.0, 0.3)), chance.randrange(2**32)

    def say(now: float) -> Outcome:
        # By the time alone: a world and its twin share this function, and must not draw from one another's chance.
        if Random(salt + int(now)).random() < fails:  # noqa: S311 - a test wants the same numbers each time
            return PollFailure("Timeout", "no response within 4 s")
        newest, age = network.tell(now if follows else START)
        return NodeReport(
            newest + min(offset, 56_000_000),
            is_synced=True,
            network=name,
            age_seconds=age - 5 * offset if offset < 0 else None,
        )

    return say


def bound_size(world: World) -> int:
    """Bound what may ever be asked for: the target, those that ail, the surge, and what the load needs."""
    target = world.spec.bounds.target
    bearing = ceil(1.2 * world.load / (0.85 * BORNE))
    return max(target + world.count_ailing(), bearing) + max(1, ceil(target / 4))
