from collections.abc import AsyncIterator
from dataclasses import replace

import dns.rcode
import pytest

from readpool.replica_class import ReplicaClass
from scaler.discovery import Discovery, DiscoveryError, NotHeadlessError
from scaler.poll_settings import PollSettings
from scaler.trigger import ServiceSource
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.hostile_servers import run_node
from tests.component.polling import FAST, HonestNode, build_service_spec, build_spec, classes, run_fleets, wait_until

SERVICE = "core.stellar.svc.cluster.local."
PORT_NAME = f"_info._tcp.{SERVICE}"
BY_NAME = ServiceSource("core", "info")
BY_NUMBER = ServiceSource("core", 11626)


@pytest.fixture
async def server() -> AsyncIterator[FakeDns]:
    async with run_dns() as running:
        yield running


def settings_for(server: FakeDns, **changes: object) -> PollSettings:
    return replace(FAST, dns_server=("127.0.0.1", server.port), **changes)  # type: ignore[arg-type]


@pytest.fixture
def discovery(server: FakeDns) -> Discovery:
    return Discovery(settings_for(server, max_members=50, interval_seconds=60.0))


def give_two_pods(server: FakeDns) -> None:
    server.records[PORT_NAME, "SRV"] = [f"0 50 11627 core-0.{SERVICE}", f"0 50 11627 core-1.{SERVICE}"]
    server.records[SERVICE, "SRV"] = [f"0 50 11627 core-0.{SERVICE}", f"0 50 11627 core-1.{SERVICE}"]
    server.records[SERVICE, "A"] = ["10.0.0.1", "10.0.0.2"]
    server.additional = [(f"core-0.{SERVICE}", "A", "10.0.0.1"), (f"core-1.{SERVICE}", "A", "10.0.0.2")]


async def test_a_port_name_gives_ports_and_pods_names(server: FakeDns, discovery: Discovery) -> None:
    give_two_pods(server)
    members = await discovery.find_members("stellar", BY_NAME)
    assert members == {"core-0": "http://10.0.0.1:11627", "core-1": "http://10.0.0.2:11627"}
    assert server.asked.total() == 1


async def test_a_port_number_goes_with_the_addresses_and_srv_only_names_them(
    server: FakeDns, discovery: Discovery
) -> None:
    give_two_pods(server)
    members = await discovery.find_members("stellar", BY_NUMBER)
    assert members == {"core-0": "http://10.0.0.1:11626", "core-1": "http://10.0.0.2:11626"}


async def test_targets_that_came_without_addresses_are_looked_up(server: FakeDns, discovery: Discovery) -> None:
    give_two_pods(server)
    server.additional = []
    server.records[f"core-0.{SERVICE}", "A"] = ["10.0.0.1"]
    server.records[f"core-1.{SERVICE}", "AAAA"] = ["fd00::2"]
    members = await discovery.find_members("stellar", BY_NAME)
    assert members == {"core-0": "http://10.0.0.1:11627", "core-1": "http://[fd00::2]:11627"}


async def test_a_target_that_is_gone_is_left_out(server: FakeDns, discovery: Discovery) -> None:
    give_two_pods(server)
    server.additional = server.additional[:1]
    assert await discovery.find_members("stellar", BY_NAME) == {"core-0": "http://10.0.0.1:11627"}


IPV4, IPV6 = {"10.0.0.1": "http://10.0.0.1:11626"}, {"fd00::1": "http://[fd00::1]:11626"}


@pytest.mark.parametrize(
    ("records", "members"),
    [
        pytest.param({"A": "10.0.0.1"}, IPV4, id="without SRV the address is the name"),
        pytest.param({"A": "10.0.0.1", "SRV": "0 0 0 ."}, IPV4, id="SRV that fails costs only the names"),
        pytest.param({"AAAA": "fd00::1"}, IPV6, id="IPv6 alone is found"),
        pytest.param({"A": "10.0.0.1", "AAAA": "fd00::1"}, IPV4, id="a pod of two families is a member once"),
    ],
)
async def test_by_a_ports_number_an_address_is_enough(
    records: dict[str, str], members: dict[str, str], server: FakeDns, discovery: Discovery
) -> None:
    for kind, record in records.items():
        server.records[SERVICE, kind] = [record]
    assert await discovery.find_members("stellar", BY_NUMBER) == members


async def test_pods_that_share_a_first_label_keep_their_whole_names(server: FakeDns, discovery: Discovery) -> None:
    server.records[PORT_NAME, "SRV"] = ["0 0 1 core-0.a.example.", "0 0 2 core-0.b.example."]
    server.additional = [("core-0.a.example.", "A", "10.0.0.1"), ("core-0.b.example.", "A", "10.0.0.2")]
    members = await discovery.find_members("stellar", BY_NAME)
    assert members == {"core-0.a.example": "http://10.0.0.1:1", "core-0.b.example": "http://10.0.0.2:2"}


async def test_a_truncated_answer_is_asked_for_again_by_tcp(server: FakeDns, discovery: Discovery) -> None:
    give_two_pods(server)
    server.truncates = True
    assert len(await discovery.find_members("stellar", BY_NAME)) == 2
    assert server.asked[PORT_NAME, "SRV", "tcp"] == 1


@pytest.mark.parametrize("source", [BY_NAME, BY_NUMBER])
async def test_an_answer_that_is_cut_short_by_tcp_as_well_is_no_answer(
    server: FakeDns, discovery: Discovery, source: ServiceSource
) -> None:
    give_two_pods(server)
    server.cuts = True
    with pytest.raises(DiscoveryError, match="was cut short, by TCP as well") as caught:
        await discovery.find_members("stellar", source)
    assert caught.value.reason == "DnsCutShort"


@pytest.mark.parametrize("source", [BY_NAME, BY_NUMBER])
async def test_a_service_that_is_not_headless_is_recognised(
    server: FakeDns, discovery: Discovery, source: ServiceSource
) -> None:
    for name in (PORT_NAME, SERVICE):
        server.records[name, "SRV"] = [f"0 100 11626 {SERVICE}"]
    server.records[SERVICE, "A"] = ["10.96.0.7"]
    server.additional = [(SERVICE, "A", "10.96.0.7")]
    with pytest.raises(NotHeadlessError, match=r"Service stellar/core is not headless.*clusterIP: None"):
        await discovery.find_members("stellar", source)


@pytest.mark.parametrize("source", [BY_NAME, BY_NUMBER])
async def test_a_name_that_does_not_exist_is_an_empty_answer(discovery: Discovery, source: ServiceSource) -> None:
    assert await discovery.find_members("stellar", source) == {}


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_an_error_of_dns_is_no_answer(server: FakeDns, discovery: Discovery, rcode: dns.rcode.Rcode) -> None:
    server.rcodes = {SERVICE: rcode}
    with pytest.raises(DiscoveryError, match="DNS look-up of A core"):
        await discovery.find_members("stellar", BY_NUMBER)


async def test_more_members_than_a_fleet_may_have_are_an_error(server: FakeDns, discovery: Discovery) -> None:
    server.truncates = True
    server.records[SERVICE, "A"] = [f"10.0.0.{i}" for i in range(51)]
    with pytest.raises(DiscoveryError, match="has 51 members; a fleet may have 50"):
        await discovery.find_members("stellar", BY_NUMBER)


@pytest.mark.parametrize("name", ["a" * 64, "a..b"])
async def test_a_name_that_dns_cannot_have_is_an_error(discovery: Discovery, name: str) -> None:
    with pytest.raises(DiscoveryError):
        await discovery.find_members("stellar", ServiceSource(name, 1))


async def test_a_host_is_looked_up_once_however_many_ask(server: FakeDns, discovery: Discovery) -> None:
    server.records["node.example.", "A"] = ["10.0.0.1", "10.0.0.2"]
    server.records["node.example.", "AAAA"] = ["fd00::1"]
    for _ in range(3):
        assert await discovery.resolve("node.example.") == ("10.0.0.1", "10.0.0.2", "fd00::1")
    assert server.asked.total() == 2


async def test_a_host_without_addresses_is_an_error(discovery: Discovery) -> None:
    with pytest.raises(DiscoveryError, match="resolves to nothing"):
        await discovery.resolve("nowhere.example.")


async def test_localhost_needs_no_dns(server: FakeDns, discovery: Discovery) -> None:
    assert await discovery.resolve("localhost") == ("127.0.0.1", "::1")
    assert not server.asked


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
        assert "no address that a replica may have" in refused.standing.detail
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
