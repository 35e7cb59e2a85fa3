"""Fleets whose members DNS names: what they come to know, what they keep, and what is said when DNS misbehaves."""

from collections.abc import AsyncIterator

import dns.rcode
import pytest

from readpool.replica_class import ReplicaClass
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.hostile_servers import run_node
from tests.component.scaler.polling.polling import (
    HonestNode,
    build_service_spec,
    build_spec,
    classes,
    run_fleets,
    wait_until,
)
from tests.component.scaler.polling.test_discovery import PORT_NAME, SERVICE, settings_for


@pytest.fixture
async def server() -> AsyncIterator[FakeDns]:
    async with run_dns() as running:
        yield running


async def test_a_service_is_polled_under_its_pods_names(server: FakeDns) -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server)) as running:
        port = int(url.rpartition(":")[2])
        server.records[PORT_NAME, "SRV"] = [f"0 50 {port} core-0.{SERVICE}"]
        server.additional = [(f"core-0.{SERVICE}", "A", "127.0.0.1")]
        fleet = running.fleets.watch(build_service_spec(port="info"))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])

        assert fleet.name == "stellar/core"
        assert fleet.snapshot.replicas[0].name == "core-0"


async def test_members_stay_while_dns_fails_and_trouble_is_logged_once_each_way(server: FakeDns) -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server)) as running:
        port = int(url.rpartition(":")[2])
        server.records[SERVICE, "A"] = ["127.0.0.1"]
        fleet = running.fleets.watch(build_service_spec(port=port))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        server.rcodes = {SERVICE: dns.rcode.SERVFAIL}
        await wait_until(lambda: running.lines_of("discoveryFailed"))
        asked = server.asked[SERVICE, "A", "udp"]
        await wait_until(lambda: server.asked[SERVICE, "A", "udp"] >= asked + 3)

        assert classes(fleet) == [ReplicaClass.FRESH]
        server.rcodes = {}
        await wait_until(lambda: running.lines_of("discoveryRecovered"))
        assert len(running.lines_of("discoveryFailed")) == 1
        assert len(running.lines_of("discoveryRecovered")) == 1


async def test_a_fleet_empties_after_three_empty_answers_and_fills_at_one(server: FakeDns) -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server)) as running:
        port = int(url.rpartition(":")[2])
        server.records[SERVICE, "A"] = ["127.0.0.1"]
        fleet = running.fleets.watch(build_service_spec(port=port))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        server.records = {}
        asked = server.asked[SERVICE, "A", "udp"]
        await wait_until(lambda: not fleet.snapshot.replicas)
        assert server.asked[SERVICE, "A", "udp"] >= asked + 3

        server.records[SERVICE, "A"] = ["127.0.0.1"]
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "100.100.100.200"])  # noqa: S104 - refused
async def test_a_replica_at_a_forbidden_address_is_unreachable_and_others_go_on(server: FakeDns, address: str) -> None:
    async with run_node(HonestNode().handler) as url, run_fleets(settings_for(server)) as running:
        server.records[SERVICE, "A"] = [address, "127.0.0.1"]
        fleet = running.fleets.watch(build_service_spec(port=int(url.rpartition(":")[2])))
        await wait_until(lambda: set(classes(fleet)) == {ReplicaClass.UNREACHABLE, ReplicaClass.FRESH})

        refused = next(replica for replica in fleet.snapshot.replicas if replica.name == address)
        assert "is not allowed:" in refused.standing.detail
        assert running.fleets.stats.polls["BadAddress"]
        assert len(running.lines_of("classChanged", replica=address)) == 1


async def test_a_service_at_loopback_is_refused_where_that_is_not_allowed(server: FakeDns) -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server, allow_loopback=False)) as running:
        server.records[SERVICE, "A"] = ["127.0.0.1"]
        fleet = running.fleets.watch(build_service_spec(port=int(url.rpartition(":")[2])))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.UNREACHABLE])

        assert set(running.fleets.stats.polls) == {"BadAddress"}
        assert not node.asked_at


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        pytest.param({}, "NameNotResolved", id="to nothing"),
        pytest.param({("node.example.", "A"): ["169.254.169.254"]}, "BadAddress", id="to link-local"),
        pytest.param({("node.example.", "A"): ["127.0.0.1"]}, "BadAddress", id="to loopback"),
        pytest.param({("node.example.", "AAAA"): ["::ffff:127.0.0.1"]}, "BadAddress", id="to loopback, mapped"),
    ],
)
async def test_a_fixed_node_whose_name_resolves_where_it_must_not(
    server: FakeDns, records: dict[tuple[str, str], list[str]], reason: str
) -> None:
    server.records = records
    async with run_fleets(settings_for(server, allow_loopback=False)) as running:
        fleet = running.fleets.watch(build_spec("http://node.example.:11626"))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.UNREACHABLE])

        assert set(running.fleets.stats.polls) == {reason}
        assert len(running.lines_of("classChanged")) == 1


async def test_dns_that_says_nothing_holds_up_its_own_fleet_only(server: FakeDns) -> None:
    server.silent = {SERVICE}
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server)) as running:
        silent = running.fleets.watch(build_service_spec())
        fleet = running.fleets.watch(build_spec(url))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        await wait_until(lambda: running.lines_of("discoveryFailed", fleet=silent.name))
        assert classes(fleet) == [ReplicaClass.FRESH]


async def test_why_nobody_is_known_of_a_service_that_is_not_headless_is_in_the_decision(server: FakeDns) -> None:
    server.records[SERVICE, "SRV"] = [f"0 100 11626 {SERVICE}"]
    server.records[SERVICE, "A"] = ["127.0.0.1"]
    async with run_fleets(settings_for(server)) as running:
        fleet = running.fleets.watch(build_service_spec())
        await wait_until(lambda: "is not headless" in fleet.snapshot.decision.message)
        assert (fleet.snapshot.decision.desired, fleet.snapshot.replicas) == (None, ())
        (line,) = running.lines_of("discoveryFailed")
        assert line["reason"] == "ServiceNotHeadless"


async def test_while_names_cannot_be_looked_up_nobody_is_renamed_and_nothing_is_forgotten(server: FakeDns) -> None:
    node = HonestNode()
    async with run_node(node.handler) as url, run_fleets(settings_for(server)) as running:
        port = int(url.rpartition(":")[2])
        server.records[SERVICE, "A"] = ["127.0.0.1"]
        server.records[SERVICE, "SRV"] = [f"0 50 {port} core-0.{SERVICE}"]
        server.additional = [(f"core-0.{SERVICE}", "A", "127.0.0.1")]
        fleet = running.fleets.watch(build_service_spec(port=port))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FRESH])
        since = fleet.snapshot.replicas[0].standing.first_seen
        server.kind_rcodes = {"SRV": dns.rcode.SERVFAIL}
        asked = server.asked.total()
        await wait_until(lambda: server.asked.total() >= asked + 8)
        assert [replica.name for replica in fleet.snapshot.replicas] == ["core-0"]
        assert fleet.snapshot.replicas[0].standing.first_seen == since
        assert len(running.lines_of("classChanged")) == 1


async def test_dns_that_says_nothing_is_logged_once_however_long_it_lasts(server: FakeDns) -> None:
    server.silent = {SERVICE}
    async with run_fleets(settings_for(server)) as running:
        running.fleets.watch(build_service_spec())
        await wait_until(lambda: running.lines_of("discoveryFailed"), seconds=20)
        asked = server.asked.total()
        await wait_until(lambda: server.asked.total() >= asked + 4, seconds=40)
        assert len(running.lines_of("discoveryFailed")) == 1
