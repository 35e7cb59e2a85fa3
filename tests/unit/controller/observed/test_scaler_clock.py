"""What the scaler says is aged by its own clock, and nothing is given up where the clocks differ beyond belief."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.observed import FleetView
from controller.observed.scaler_clock import compute_stale_seconds, is_skew_absurd, read_scaler_clock
from controller.observer.fleet_view import parse_fleet_view
from readpool.v1 import observer_pb2
from tests.unit.observed_pools import FRESH, LAGGING, NOW
from tests.unit.pool_world import PoolWorld, name_deleted

REPLACED = {"replacement": {"enabled": True, "afterSeconds": 1800}, "loadBalancing": {"enabled": True}}


def lag(world: PoolWorld, seconds: float, ahead: float) -> None:
    """Build a view in which pool-2 has lagged for so long by the scaler's clock, which is `ahead` of ours."""
    at = world.now + ahead
    world.say(FRESH, FRESH, LAGGING, at=at)
    assert world.fleet is not None
    views = tuple(replace(view, since=at - seconds, observed_at=at - 1) for view in world.fleet.replicas)
    world.fleet = replace(world.fleet, replicas=views)


@pytest.mark.parametrize("ahead", [-3600.0, -900.0, -200.0, 0.0, 200.0, 900.0, 3600.0])
def test_no_difference_of_clocks_gives_up_a_volume_early(ahead: float) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **REPLACED)
    lag(world, 1700.0, ahead)
    assert name_deleted(world.plan()) == []


@pytest.mark.parametrize(
    ("ahead", "is_replaced"),
    [(0.0, True), (-200.0, True), (200.0, True), (-3600.0, False), (3600.0, False)],
)
def test_a_small_one_does_not_hold_replacement_up_and_an_absurd_one_does(ahead: float, is_replaced: bool) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **REPLACED)
    lag(world, 1900.0, ahead)
    assert ("PersistentVolumeClaim data-pool-2" in name_deleted(world.plan())) == is_replaced


def test_a_word_grows_old_for_three_polls_and_no_further() -> None:
    fleet = FleetView(at=100.0, heard_at=5000.0, poll_interval_seconds=30.0)
    assert [read_scaler_clock(fleet, now) for now in (4990.0, 5000.0, 5060.0, 9000.0)] == [100.0, 100.0, 160.0, 190.0]


@given(st.floats(0, 2e9), st.floats(0, 2e9), st.floats(0, 1e6))
def test_how_long_ago_something_was_never_depends_on_our_clock(at: float, ours: float, passed: float) -> None:
    fleet = FleetView(at=at, heard_at=ours)
    assert read_scaler_clock(fleet, ours + passed) - at <= 15.0 + 1e-3
    assert is_skew_absurd(fleet, ours + passed) == (abs(ours - at) > 300)


@pytest.mark.parametrize(
    ("told", "stale"), [(0.0, 15.0), (float("nan"), 15.0), (-1.0, 15.0), (1.0, 15.0), (5.0, 15.0), (30.0, 90.0)]
)
def test_stale_follows_the_interval_that_the_scaler_tells(told: float, stale: float) -> None:
    fleet = parse_fleet_view(observer_pb2.Snapshot(at=NOW, poll_interval_seconds=told), NOW)
    assert (compute_stale_seconds(fleet), fleet.heard_at) == (stale, NOW)
