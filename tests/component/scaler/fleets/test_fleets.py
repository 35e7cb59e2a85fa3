"""The set of fleets: watched at once, kept while asked for, dropped after, and telling whoever waits."""

import asyncio
import gc
from dataclasses import replace

import pytest

from readpool.budget import OverBudget
from readpool.clock import steady_clock
from readpool.replica_class import ReplicaClass
from scaler.fleets.fleets import Fleets
from scaler.policy.hold_reasons import STILL_OBSERVING
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, PoolSource, Reference
from tests.component.hostile_servers import hang, run_node
from tests.component.scaler.polling.polling import (
    FAST,
    HonestNode,
    build_service_spec,
    build_spec,
    classes,
    run_fleets,
    wait_until,
)


async def test_a_fleet_has_a_snapshot_from_the_first_moment() -> None:
    async with run_node(hang) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url))
        assert fleet.snapshot.sequence >= 1
        assert fleet.snapshot.decision.desired is None
        assert running.fleets.all() == (fleet,)


async def test_watching_again_gives_the_same_fleet() -> None:
    async with run_node(HonestNode().handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url))
        assert running.fleets.watch(build_spec(url)) is fleet
        assert len(running.lines_of("fleetWatched")) == 1


async def test_specs_that_differ_are_fleets_with_names_of_their_own_and_share_the_polls() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets() as running:
        one = running.fleets.watch(build_spec(url))
        other = running.fleets.watch(build_spec(url, lag_threshold=10))
        await wait_until(lambda: classes(one) == classes(other) == [ReplicaClass.FRESH])

        assert one.name != other.name
        assert len(node.asked_at) <= running.fleets.stats.polls["Answered"] + 1


async def test_a_service_is_named_by_its_namespace_and_name() -> None:
    async with run_fleets() as running:
        assert running.fleets.watch(build_service_spec()).name == "stellar/core"


async def test_until_dns_has_answered_a_fleet_is_still_being_observed() -> None:
    async with run_fleets() as running:
        assert running.fleets.watch(build_service_spec()).snapshot.decision.reason == STILL_OBSERVING


async def test_a_waiting_stream_gets_each_snapshot_from_where_it_was() -> None:
    async with run_node(HonestNode().handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url))
        seen = [fleet.snapshot.sequence]
        for _ in range(3):
            snapshot = await asyncio.wait_for(fleet.next_snapshot(seen[-1]), 5)
            seen.append(snapshot.sequence)
        assert seen == sorted(set(seen))


async def test_a_change_of_class_is_told_at_once() -> None:
    async with run_node(HonestNode().handler) as url, run_fleets(replace(FAST, interval_seconds=30.0)) as running:
        fleet = running.fleets.watch(build_spec(url))
        await wait_until(lambda: running.fleets.stats.polls["Answered"], seconds=5)
        await wait_until(
            lambda: fleet.snapshot.replicas[0].standing.report, seconds=3
        )  # the next one by time is 6 s away


async def test_the_set_tells_of_every_change_and_of_fleets_that_come() -> None:
    async with run_node(HonestNode().handler) as url, run_fleets() as running:
        before = running.fleets.sequence
        fleet = running.fleets.watch(build_spec(url))
        after = await asyncio.wait_for(running.fleets.changed(before), 5)
        assert after > before
        sequence = fleet.snapshot.sequence
        await asyncio.wait_for(running.fleets.changed(after), 5)
        await wait_until(lambda: fleet.snapshot.sequence > sequence)


async def test_a_fleet_that_nobody_asks_for_is_dropped_and_its_nodes_are_left_alone() -> None:
    node = HonestNode()
    settings = replace(FAST, lease_seconds=1.0)
    async with run_node(node.handler) as url, run_fleets(settings) as running:
        running.fleets.watch(build_spec(url))
        await wait_until(lambda: not running.fleets.all())
        asked = len(node.asked_at)
        await asyncio.sleep(3 * FAST.interval_seconds)

        assert len(node.asked_at) <= asked + 1
        assert len(running.lines_of("fleetDropped")) == 1


async def test_asking_again_or_holding_keeps_a_fleet() -> None:
    settings = replace(FAST, lease_seconds=0.6)
    async with run_node(HonestNode().handler) as url, run_fleets(settings) as running:
        held, asked = build_spec(url), build_spec(url, lag_threshold=5)
        with running.fleets.lease(held) as fleet:
            for _ in range(20):
                running.fleets.watch(asked)
                await asyncio.sleep(0.1)
            assert set(running.fleets.all()) == {fleet, running.fleets.watch(asked)}
        await wait_until(lambda: not running.fleets.all())


async def test_a_dropped_fleet_is_watched_anew_under_its_name() -> None:
    settings = replace(FAST, lease_seconds=0.5)
    async with run_node(HonestNode().handler) as url, run_fleets(settings) as running:
        first = running.fleets.watch(build_spec(url))
        await wait_until(lambda: not running.fleets.all())
        second = running.fleets.watch(build_spec(url))
        assert second is not first
        assert second.name == first.name
        await wait_until(lambda: classes(second) == [ReplicaClass.FRESH])


async def test_one_fleet_more_than_the_limit_is_refused() -> None:
    async with run_node(hang) as url, run_fleets(replace(FAST, max_fleets=1)) as running:
        running.fleets.watch(build_spec(url))
        with pytest.raises(OverBudget, match="1 fleets are in use, at most 1 are allowed"):
            running.fleets.watch(build_spec(url, lag_threshold=5))


async def test_a_pool_cannot_be_watched_where_none_are_read() -> None:
    async with run_fleets() as running:
        with pytest.raises(ValueError, match="this scaler runs without --pools"):
            running.fleets.watch(FleetSpec("tests", PoolSource("reads"), Bounds(1, 2, 3)))


async def test_more_nodes_than_a_fleet_or_the_process_may_have_are_said_and_not_polled() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(replace(FAST, max_members=3, max_nodes=4)) as running:
        urls = [url + "/" * index for index in range(5)]
        too_large = running.fleets.watch(build_spec(*urls[:4]))
        fits = running.fleets.watch(build_spec(*urls[:3]))
        no_room = running.fleets.watch(build_spec(*urls[3:]))
        await wait_until(lambda: classes(fits) == [ReplicaClass.FRESH] * 3)

        assert too_large.snapshot.replicas == no_room.snapshot.replicas == ()
        assert "4 nodes; a fleet may have 3" in running.lines_of("discoveryFailed", fleet=too_large.name)[0]["message"]
        assert "one scaler polls" in running.lines_of("discoveryFailed", fleet=no_room.name)[0]["message"]


async def test_the_operators_references_count_for_every_fleet() -> None:
    node, reference = HonestNode(), HonestNode()
    async with run_node(node.handler) as url, run_node(reference.handler) as reference_url:
        operators = Reference(ProbeKind.CORE, reference_url)
        async with run_fleets(replace(FAST, references=(operators,))) as running:
            fleets = [running.fleets.watch(build_spec(url, lag_threshold=limit)) for limit in (5, 10)]
            await wait_until(lambda: len(reference.asked_at) >= 2)
            await wait_until(lambda: all(fleet.snapshot.tip for fleet in fleets))
            assert not running.lines_of("referenceFailed")


async def test_a_thousand_waiting_streams_hold_up_no_poll() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url))
        waiting = [asyncio.create_task(fleet.next_snapshot(10**9)) for _ in range(1000)]
        await wait_until(lambda: len(node.asked_at) >= 4)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_each_change_is_logged_once_and_no_line_a_poll() -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        await wait_until(lambda: len(node.asked_at) >= 4)
        lines = len(running.lines)
        asked = len(node.asked_at)
        await wait_until(lambda: len(node.asked_at) >= asked + 4)

        assert len(running.lines) == lines
        assert len(running.lines_of("classChanged")) == 1


async def test_fleets_can_be_watched_before_they_are_started_and_stop_cleanly() -> None:
    async with run_node(HonestNode().handler) as url:
        fleets = Fleets(FAST, steady_clock())
        fleet = fleets.watch(build_spec(url))
        await fleets.start()
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        await fleets.stop()
        gc.collect()
        assert classes(fleet) == [ReplicaClass.FRESH]
        ours = {"poller", "publisher", "leases"}
        assert not ours & {task.get_name() for task in asyncio.all_tasks()}


async def test_nodes_are_replicas_under_their_host_and_port() -> None:
    async with run_node(HonestNode().handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(FleetSpec("tests", NodesSource((url,)), Bounds(1, 1, 1)))
        await wait_until(lambda: fleet.snapshot.replicas)
        assert fleet.snapshot.replicas[0].name == url.removeprefix("http://")
        assert fleet.snapshot.replicas[0].address == url


async def test_fleets_of_one_service_are_named_alike_by_every_scaler_whoever_asks_first() -> None:
    specs = [build_service_spec(), *(replace(build_service_spec(), lag_threshold=ledgers) for ledgers in (7, 8, 9))]
    named = []
    for order in (specs, specs[::-1], specs[2:] + specs[:2]):
        async with run_fleets() as running:
            for spec in order:
                running.fleets.watch(spec)
            named.append({fleet.asked.lag_threshold: fleet.name for fleet in running.fleets.all()})
            snapshots = [await fleet.next_snapshot(0) for fleet in running.fleets.all()]
            await wait_until(lambda: {one.snapshot.fleet for one in running.fleets.all()} == set(named[-1].values()))
            assert len(snapshots) == len(specs)
    assert named[0] == named[1] == named[2]
    assert min(named[0].values()) == "stellar/core"
    assert len(set(named[0].values())) == len(specs)
