import resource
from collections.abc import AsyncIterator
from dataclasses import replace

import dns.rcode
import pytest

from scaler.polling.discovery import FOREIGN_MEMBERS, SCALER_LIMIT, Discovery, DiscoveryError, NotHeadlessError
from scaler.triggers.fleet_spec import ServiceSource
from scaler.triggers.poll_settings import PollSettings
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.scaler.polling.polling import FAST

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
    first, second = f"core-0.a.{SERVICE}", f"core-0.b.{SERVICE}"
    server.records[PORT_NAME, "SRV"] = [f"0 0 1 {first}", f"0 0 2 {second}"]
    server.additional = [(first, "A", "10.0.0.1"), (second, "A", "10.0.0.2")]
    members = await discovery.find_members("stellar", BY_NAME)
    assert members == {first.rstrip("."): "http://10.0.0.1:1", second.rstrip("."): "http://10.0.0.2:2"}


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("alias", [SERVICE, PORT_NAME])
async def test_a_service_that_is_another_name_for_something_leads_nowhere(
    server: FakeDns, discovery: Discovery, alias: str, kind: str
) -> None:
    address = {"A": "10.9.9.9", "AAAA": "fd00::9"}[kind]
    server.aliases[alias] = "vault.internal.corp."
    server.records["vault.internal.corp.", kind] = [address]
    server.records["vault.internal.corp.", "SRV"] = ["0 0 80 vault.internal.corp."]
    server.additional = [("vault.internal.corp.", kind, address)]
    with pytest.raises(DiscoveryError, match=r"an alias for vault\.internal\.corp") as caught:
        await discovery.find_members("stellar", BY_NAME if alias == PORT_NAME else BY_NUMBER)
    assert caught.value.reason == FOREIGN_MEMBERS


async def test_a_pods_name_that_is_another_name_for_something_leads_nowhere(
    server: FakeDns, discovery: Discovery
) -> None:
    server.records[PORT_NAME, "SRV"] = [f"0 50 11627 core-0.{SERVICE}"]
    server.aliases[f"core-0.{SERVICE}"] = "victim.other.svc.cluster.local."
    server.records["victim.other.svc.cluster.local.", "A"] = ["10.9.9.9"]
    with pytest.raises(DiscoveryError, match="an alias for victim"):
        await discovery.find_members("stellar", BY_NAME)


@pytest.mark.parametrize(
    "target",
    ["victim.other.svc.cluster.local.", "other.stellar.svc.cluster.local.", f"x{SERVICE}", "metadata.google.internal."],
)
async def test_srv_records_that_lead_out_of_the_service_are_refused(
    server: FakeDns, discovery: Discovery, target: str
) -> None:
    give_two_pods(server)
    server.records[PORT_NAME, "SRV"].append(f"0 50 80 {target}")
    server.additional.append((target, "A", "10.9.9.9"))
    with pytest.raises(DiscoveryError, match="not one of its pods") as caught:
        await discovery.find_members("stellar", BY_NAME)
    assert caught.value.reason == FOREIGN_MEMBERS


async def test_srv_records_that_lead_out_of_the_service_name_nobody(server: FakeDns, discovery: Discovery) -> None:
    give_two_pods(server)
    server.records[SERVICE, "SRV"] = ["0 50 80 victim.other.svc.cluster.local."]
    server.additional = [("victim.other.svc.cluster.local.", "A", "10.0.0.1")]
    members = await discovery.find_members("stellar", BY_NUMBER)
    assert members == {address: f"http://{address}:11626" for address in ("10.0.0.1", "10.0.0.2")}


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
    with pytest.raises(DiscoveryError, match="was truncated even over TCP") as caught:
        await discovery.find_members("stellar", source)
    assert caught.value.reason == "DnsTruncated"


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
    with pytest.raises(DiscoveryError, match="does not resolve to an address"):
        await discovery.resolve("nowhere.example.")


async def test_running_out_of_descriptors_says_nothing_of_the_host(server: FakeDns, discovery: Discovery) -> None:
    server.records["node.example.", "A"] = ["10.0.0.1"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null") as lowest_free:  # noqa: ASYNC230, PTH123 - its number is what is wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free.fileno() + 1, hard))
        try:
            with pytest.raises(DiscoveryError) as caught:
                await discovery.resolve("node.example.")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.reason == SCALER_LIMIT


async def test_localhost_needs_no_dns(server: FakeDns, discovery: Discovery) -> None:
    assert await discovery.resolve("localhost") == ("127.0.0.1", "::1")
    assert not server.asked
