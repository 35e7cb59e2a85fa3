"""Fleets of pools whose specs the test sets: what goes on, what is asked anew and what is let go as a pool changes."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import structlog.testing

from readpool.clock import steady_clock
from readpool.replica_class import ReplicaClass
from scaler.fleet.readers import find_rates
from scaler.fleets.fleets import Fleets
from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, Reference, build_pool_target
from scaler.triggers.pool_hold_reasons import POOL_DELETED, POOL_NOT_FOUND
from tests.component.hostile_servers import run_node
from tests.component.scaler.polling.fake_gates import run_gates
from tests.component.scaler.polling.polling import FAST, HonestNode, build_spec, classes, wait_until

READS = build_pool_target("tests", "reads")
OTHER = build_pool_target("tests", "other")


class ScriptedPools:
    """Pools in the shape of scaler.fleets.fleets.PoolSpecs; one that the test does not put is not found."""

    def __init__(self) -> None:
        self.specs: dict[FleetSpec, FleetSpec] = {}
        self.asked_with: list[FleetSpec | None] = []
        self._note_pool: Callable[[str, str], None] | None = None
        self._note_all: Callable[[], None] | None = None

    def derive(self, asked: FleetSpec, before: FleetSpec | None) -> FleetSpec:
        self.asked_with.append(before)
        return self.specs.get(asked, hold(asked, POOL_NOT_FOUND))

    def on_change(self, note_pool: Callable[[str, str], None], note_all: Callable[[], None]) -> None:
        self._note_pool, self._note_all = note_pool, note_all

    def put(self, asked: FleetSpec, spec: FleetSpec) -> None:
        """Change what a pool says."""
        self.specs[asked] = spec
        assert self._note_pool
        self._note_pool(asked.namespace, "reads" if asked is READS else "other")

    def read_all(self) -> None:
        """Make all pools readable at last."""
        assert self._note_all
        self._note_all()


def hold(spec: FleetSpec, reason: str) -> FleetSpec:
    return replace(spec, hold_reason=HoldReason(reason, "As the test says."))


@dataclass(frozen=True)
class Running:
    """Fleets under observation, of pools that the test sets."""

    fleets: Fleets
    pools: ScriptedPools


@contextlib.asynccontextmanager
async def run(lease_seconds: float = 600.0) -> AsyncIterator[Running]:
    """Run fleets for as long as the block runs."""
    pools = ScriptedPools()
    fleets = Fleets(replace(FAST, lease_seconds=lease_seconds), steady_clock(), pools=pools)
    await fleets.start()
    try:
        yield Running(fleets, pools)
    finally:
        await fleets.stop()


async def test_a_pool_that_appears_is_observed_under_the_name_it_had() -> None:
    async with run_node(HonestNode().handler) as url, run() as running:
        fleet = running.fleets.watch(READS)
        assert (fleet.name, fleet.snapshot.decision.reason) == ("tests/reads", POOL_NOT_FOUND)
        running.pools.put(READS, build_spec(url))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        assert running.fleets.watch(READS) is fleet
        assert fleet.snapshot.bounds == Bounds(1, 3, 10)


async def test_a_change_leaves_polls_and_what_is_known_alone() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run() as running:
        running.pools.specs[READS] = build_spec(url)
        fleet = running.fleets.watch(READS)
        await wait_until(lambda: fleet.snapshot.decision.desired == 3)
        before, asked, began = fleet.snapshot, len(node.asked_at), time.monotonic()
        for threshold in range(1, 50):
            running.pools.put(READS, build_spec(url, lag_threshold=threshold))
        await wait_until(lambda: fleet.snapshot.lag_threshold == 49)
        assert fleet.snapshot.decision.desired == 3
        assert fleet.snapshot.replicas[0].standing.since == before.replicas[0].standing.since
        assert fleet.snapshot.sequence > before.sequence
        assert len(node.asked_at) <= asked + 1 + (time.monotonic() - began) / FAST.interval_seconds


async def test_what_was_learned_changes_nothing_else_and_is_no_line_in_the_log() -> None:
    async with run_node(HonestNode().handler) as url, run() as running:
        running.pools.specs[READS] = build_spec(url)
        fleet = running.fleets.watch(READS)
        await wait_until(lambda: fleet.snapshot.decision.desired == 3)
        with structlog.testing.capture_logs() as lines:
            running.pools.put(READS, build_spec(url, learned_requests_per_replica=450.0))
            await wait_until(lambda: fleet.snapshot.decision.learned_requests_per_replica == 450.0)
            running.pools.put(READS, build_spec(url, learned_requests_per_replica=450.0, unready="2 of 3 ready"))
        assert lines == []
        with structlog.testing.capture_logs() as lines:
            running.pools.put(READS, build_spec(url, lag_threshold=7))
        assert [(line["event"], line["lagThreshold"]) for line in lines] == [("poolChanged", 7)]


async def test_the_nodes_of_a_pool_and_of_a_trigger_beside_it_are_polled_once() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run() as running:
        running.pools.specs[READS] = build_spec(url)
        fleets = [running.fleets.watch(READS), running.fleets.watch(build_spec(url))]
        await wait_until(lambda: all(classes(fleet) == [ReplicaClass.FRESH] for fleet in fleets))
        began, asked = time.monotonic(), len(node.asked_at)
        await wait_until(lambda: len(node.asked_at) >= asked + 8)
        assert len(node.asked_at) - asked <= 2 + (time.monotonic() - began) / FAST.interval_seconds


async def test_references_come_and_go_with_the_pool() -> None:
    first, second = HonestNode(), HonestNode()
    async with run_node(first.handler) as one, run_node(second.handler) as two, run() as running:
        references = [Reference(ProbeKind.CORE, url) for url in (one, two)]
        fleet = running.fleets.watch(READS)
        running.pools.put(READS, build_spec(references=(references[0],)))
        await wait_until(lambda: first.asked_at and fleet.snapshot.tip)
        running.pools.put(READS, build_spec(references=(references[1],)))
        asked = len(first.asked_at)
        await wait_until(lambda: len(second.asked_at) >= 3)
        assert len(first.asked_at) <= asked + 1
        assert fleet.snapshot.tip


async def test_a_gate_that_is_switched_off_is_left_alone_and_asked_again_when_it_is_back() -> None:
    async with run_node(HonestNode().handler) as url, run_gates(40.0) as (gate,), run() as running:
        gated = build_spec(url, stats_port=gate.port)
        running.pools.specs[READS] = gated
        fleet = running.fleets.watch(READS)
        await wait_until(lambda: find_rates(fleet.snapshot.replicas), seconds=30.0)
        before = fleet.snapshot.replicas[0].standing.since
        running.pools.put(READS, replace(gated, stats_port=None))
        await wait_until(lambda: not find_rates(fleet.snapshot.replicas), seconds=5.0)  # old figures last for 6.5 s
        asked = len(gate.asked)
        running.pools.put(READS, gated)
        await wait_until(lambda: find_rates(fleet.snapshot.replicas), seconds=30.0)
        assert len(gate.asked) > asked
        assert fleet.snapshot.replicas[0].standing.since == before


async def test_a_deleted_pool_is_no_longer_polled_and_its_fleet_goes_unless_somebody_asks() -> None:
    node = HonestNode()
    async with (
        run_node(node.handler) as url,
        run(lease_seconds=60.0) as running,
    ):  # a lease would last longer than we wait
        running.pools.specs[READS] = build_spec(url)
        fleet = running.fleets.watch(READS)
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        running.pools.put(READS, hold(READS, POOL_DELETED))
        asked = len(node.asked_at)
        await wait_until(lambda: not running.fleets.all(), seconds=30.0)
        assert len(node.asked_at) <= asked + 1


async def test_a_stream_keeps_the_fleet_of_a_deleted_pool_until_it_ends() -> None:
    async with run_node(HonestNode().handler) as url, run(lease_seconds=60.0) as running:
        running.pools.specs[READS] = build_spec(url)
        with running.fleets.lease(READS) as fleet:
            await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
            running.pools.put(READS, hold(READS, POOL_DELETED))
            gone = await fleet.next_snapshot(fleet.snapshot.sequence)
            assert (gone.decision.reason, gone.replicas) == (POOL_DELETED, ())
            running.pools.put(READS, build_spec(url))
            await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
            running.pools.put(READS, hold(READS, POOL_DELETED))
        await wait_until(lambda: not running.fleets.all(), seconds=30.0)


async def test_once_all_pools_are_read_each_fleet_learns_what_its_pool_says() -> None:
    async with run() as running:
        fleets = [running.fleets.watch(asked) for asked in (READS, OTHER, build_spec("http://127.0.0.1:9"))]
        running.pools.specs |= {READS: build_spec(lag_threshold=5), OTHER: build_spec(lag_threshold=6)}
        running.pools.read_all()
        assert [fleet.spec.lag_threshold for fleet in fleets] == [5, 6, 1000]
        assert [before.source if before else None for before in running.pools.asked_with[2:]] == [
            READS.source,
            OTHER.source,
        ]


async def test_a_pool_that_nobody_asks_for_costs_nothing() -> None:
    async with run() as running:
        running.pools.put(READS, FleetSpec("tests", NodesSource(("http://127.0.0.1:9",)), Bounds(1, 1, 1)))
        assert running.fleets.all() == ()
        assert running.pools.asked_with == []
