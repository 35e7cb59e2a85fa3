"""The simulator's DNS server, asked as the scaler asks: SRV and A of a headless Service; its failures."""

from collections.abc import AsyncIterator

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest

from readpool.simulator.dns import DnsFailure, DnsServer, ServiceName, start_dns
from readpool.simulator.fleet import FleetSettings, start_fleet

HOST = "pool.default.svc.cluster.local"
ENDPOINTS = {f"pool-{n}": (f"127.0.0.{n + 2}", 11626 + n) for n in range(3)}


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    running = await start_dns(ServiceName("pool"), lambda: ENDPOINTS)
    yield running
    await running.close()


async def ask(
    server: DnsServer, name: str, kind: str, *, over_tcp: bool = False, payload: int | None = None
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=payload is not None, payload=payload or 0)
    if over_tcp:
        return await dns.asyncquery.tcp(query, "127.0.0.1", port=server.port, timeout=3)
    return await dns.asyncquery.udp(query, "127.0.0.1", port=server.port, timeout=3)


def read_answer(message: dns.message.Message) -> list[str]:
    return sorted(item.to_text() for rrset in message.answer for item in rrset)


SRV = [f"0 50 {11626 + n} pool-{n}.{HOST}." for n in range(3)]


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        pytest.param(f"_http._tcp.{HOST}", "SRV", SRV, id="SRV of the named port"),
        pytest.param(HOST, "SRV", SRV, id="SRV of the service"),
        pytest.param(HOST, "A", ["127.0.0.2", "127.0.0.3", "127.0.0.4"], id="A of the service"),
        pytest.param(f"pool-1.{HOST}", "A", ["127.0.0.3"], id="A of a pod"),
        pytest.param(f"POOL-1.{HOST.upper()}", "A", ["127.0.0.3"], id="in capitals"),
        pytest.param(HOST, "AAAA", [], id="no AAAA, but the name is there"),
    ],
)
@pytest.mark.parametrize("over_tcp", [False, True], ids=["udp", "tcp"])
async def test_a_name_of_the_service_is_answered(
    server: DnsServer, name: str, kind: str, answer: list[str], over_tcp: bool
) -> None:
    message = await ask(server, name, kind, over_tcp=over_tcp, payload=1232)
    assert (message.rcode(), read_answer(message)) == (dns.rcode.NOERROR, answer)


@pytest.mark.parametrize(
    "name",
    [f"other.{HOST}", f"_grpc._tcp.{HOST}", "pool.other.svc.cluster.local", f"pool-9.{HOST}", "example.org", "."],
)
async def test_any_other_name_does_not_exist(server: DnsServer, name: str) -> None:
    assert (await ask(server, name, "A")).rcode() == dns.rcode.NXDOMAIN


async def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp() -> None:
    many = {f"pool-{n}": ("127.0.0.1", 20000 + n) for n in range(200)}
    server = await start_dns(ServiceName("pool"), lambda: many)
    try:
        cut = await ask(server, f"_http._tcp.{HOST}", "SRV")
        assert cut.flags & dns.flags.TC
        assert len(read_answer(await ask(server, f"_http._tcp.{HOST}", "SRV", over_tcp=True))) == 200
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        assert len(await resolver.resolve(f"_http._tcp.{HOST}", "SRV")) == 200
    finally:
        await server.close()


async def test_it_fails_and_falls_silent_when_told_to(server: DnsServer) -> None:
    server.failure = DnsFailure.SERVFAIL
    assert (await ask(server, HOST, "A")).rcode() == dns.rcode.SERVFAIL
    server.failure = DnsFailure.SILENCE
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(dns.message.make_query(HOST, "A"), "127.0.0.1", port=server.port, timeout=0.2)
    server.failure = None
    assert (await ask(server, HOST, "A")).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("wire", [b"", b"x", b"\x00" * 12, b"\xff" * 40])
async def test_bytes_that_are_no_query_get_no_answer_or_an_error(server: DnsServer, wire: bytes) -> None:
    answer = server.answer(wire)
    assert answer is None or dns.message.from_wire(answer).rcode() == dns.rcode.FORMERR


async def test_the_fleets_service_follows_its_scale() -> None:
    async with await start_fleet(FleetSettings(nodes=1)) as fleet:
        server = await fleet.start_dns()
        await fleet.scale(3)
        ports = {int(address.rpartition(":")[2]) for address in fleet.addresses().values()}
        answer = read_answer(await ask(server, f"_http._tcp.{HOST}", "SRV", payload=1232))
        assert {int(line.split()[2]) for line in answer} == ports
        await fleet.scale(0)
        assert (await ask(server, HOST, "A")).rcode() == dns.rcode.NXDOMAIN
