"""One watched fleet by a clock of the test's: what KEDA's events are told, and who stays where there is no room."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import structlog.testing

from readpool.clock import steady_clock
from scaler.fleet.fleet import FleetSettings
from scaler.fleet.keda_metrics import MetricUnavailable
from scaler.fleet.known_replicas import REPLICAS_MISSING
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.policy.policy import Bounds
from scaler.polling.discovery import Discovery
from scaler.polling.fetch import build_tls_context
from scaler.polling.poller import Poller
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.fleet_spec import FleetSpec, PoolSource
from tests.component.scaler.polling.polling import FAST
from tests.unit.staged_fleet import SPEC, START, StagedNetwork

NETWORK = StagedNetwork()
TLS = build_tls_context()
FIVE = replace(SPEC, bounds=Bounds(2, 5, 20))
POOL = FleetSpec("stellar", PoolSource("core"), Bounds(0, 0, 0))


@dataclass
class Clock:
    """Tells what it is set to, in seconds."""

    now: float = START

    def __call__(self) -> float:
        return self.now


def build_fleet(clock: Callable[[], float], asked: FleetSpec = FIVE) -> tuple[WatchedFleet, Poller]:
    """Build a fleet whose poller is not started: what it hears is what the test tells it."""
    poller = Poller(FAST, steady_clock(), Discovery(FAST), ScalerStats(), TLS)
    fleet = WatchedFleet("stellar/core", asked, FIVE, FleetSettings(), poller, clock, lambda _: None)
    return fleet, poller


def build_members(*ordinals: int) -> dict[str, str]:
    return {f"core-{one}": f"http://10.0.0.{one + 1}:11626" for one in ordinals}


def play(fleet: WatchedFleet, clock: Clock, seconds: float) -> None:
    """Answer for each member in step every five seconds, and publish a snapshot."""
    until = clock.now + seconds
    while clock.now < until:
        for replica in fleet.snapshot.replicas:
            fleet.receive(replica.name, NETWORK.in_step(clock.now), clock.now)
        fleet.publish()
        clock.now += 5.0


async def test_fewer_known_than_wanted_is_an_error_once_in_half_an_hour() -> None:
    clock = Clock()
    fleet, _ = build_fleet(clock)
    with structlog.testing.capture_logs() as lines:
        fleet.set_members(build_members(0), 100)
        fleet.publish()
        told: list[tuple[float, MetricUnavailable]] = []
        for _ in range(480):  # as the HPA asks
            play(fleet, clock, 15.0)
            try:
                fleet.remind()
            except MetricUnavailable as error:
                told.append((clock.now - START, error))
    (first, reminder), (second, _), *others = told
    assert len(others) == 2
    assert 300 <= first <= 330
    assert second - first == pytest.approx(1800, abs=15)
    assert reminder.reason == REPLICAS_MISSING
    assert "Only 1 of 5 replicas have been found for" in reminder.message
    assert len([line for line in lines if line["event"] == "replicasMissing"]) == 1
    fleet.set_members(build_members(0, 1, 2, 3, 4), 100)
    fleet.publish()
    play(fleet, clock, 3600.0)
    fleet.remind()


async def test_of_a_pool_the_controller_says_it() -> None:
    clock = Clock()
    fleet, _ = build_fleet(clock, POOL)
    fleet.set_members(build_members(0), 100)
    fleet.publish()
    play(fleet, clock, 3600.0)
    assert fleet.snapshot.shortage
    fleet.remind()


async def test_where_there_is_no_room_for_those_that_are_new_those_that_are_gone_are_gone() -> None:
    clock = Clock()
    fleet, poller = build_fleet(clock)
    fleet.set_members(build_members(0, 1, 2), 4)
    with structlog.testing.capture_logs() as lines:
        fleet.set_members(build_members(1, 2, 3, 4, 5), 4)
        fleet.set_members(build_members(1, 2, 3, 4, 5), 4)
        assert poller.node_count == 2
        fleet.publish()
        assert [replica.name for replica in fleet.snapshot.replicas] == ["core-1", "core-2"]
        fleet.set_members(build_members(1, 2, 3, 4), 4)
        assert poller.node_count == 4
    events = [(line["event"], line.get("reason")) for line in lines if line["event"].startswith("discovery")]
    assert events == [("discoveryFailed", "TooManyNodes"), ("discoveryRecovered", None)]


async def test_a_name_that_comes_later_opens_no_second_connection() -> None:
    clock = Clock()
    fleet, poller = build_fleet(clock)
    fleet.set_members({"10.0.0.1": "http://10.0.0.1:11626"}, 1)
    (node,) = poller._nodes.values()
    fleet.set_members({"core-0": "http://10.0.0.1:11626"}, 1)
    assert list(poller._nodes.values()) == [node]
    assert [name for _, name in node.listeners] == ["core-0"]
