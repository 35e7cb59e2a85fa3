"""A DNS server on real sockets that answers what it is told to: records, nothing, errors, silence."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class FakeDns(asyncio.DatagramProtocol):
    """Answers from `records`; the rest is how it misbehaves.

    Attributes:
        records: (name, type) to the records' text; a name with no record of any type is NXDOMAIN.
        additional: records that are sent along with every SRV answer.
        aliases: names that are another name for the one given, as those of Services of type ExternalName are.
        rcodes: by name, an error to answer with.
        silent: names that get no answer.
        kind_rcodes: by type of record, an error to answer with.
        truncates: answers by UDP say that they are cut, so that TCP is needed.
        cuts: answers say that they are cut, by TCP as well.
        asked: how often each (name, type, transport) was asked.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.additional: list[tuple[str, str, str]] = []
        self.aliases: dict[str, str] = {}
        self.rcodes: dict[str, dns.rcode.Rcode] = {}
        self.silent: set[str] = set()
        self.kind_rcodes: dict[str, dns.rcode.Rcode] = {}
        self.truncates = False
        self.cuts = False
        self.asked: Counter[tuple[str, str, str]] = Counter()
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data, "udp")
        if answer is not None:
            self._transport.sendto(answer.to_wire(), addr)

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            answer = self._answer(await reader.readexactly(length), "tcp")
            if answer is not None:
                wire = answer.to_wire()
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        writer.close()

    def _answer(self, wire: bytes, transport: str) -> dns.message.Message | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind, transport] += 1
        if name in self.silent:
            return None
        answer = dns.message.make_response(query)
        if self.truncates and transport == "udp":
            answer.flags |= dns.flags.TC
            return answer
        if name in self.aliases:
            answer.answer.append(dns.rrset.from_text(name, 5, "IN", "CNAME", self.aliases[name]))
            name = self.aliases[name]
        records = self.records.get((name, kind), [])
        if self.cuts:
            answer.flags |= dns.flags.TC
        if name in self.rcodes or kind in self.kind_rcodes:
            answer.set_rcode(self.rcodes.get(name, self.kind_rcodes.get(kind, dns.rcode.SERVFAIL)))
        elif records:
            answer.answer.append(dns.rrset.from_text(name, 5, "IN", kind, *records))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if kind == "SRV" and records:
            answer.additional += [
                dns.rrset.from_text(host, 5, "IN", type_, text) for host, type_, text in self.additional
            ]
        return answer


@contextlib.asynccontextmanager
async def run_dns() -> AsyncIterator[FakeDns]:
    """Run a DNS server for as long as the block runs."""
    server = FakeDns()
    tcp = await asyncio.start_server(server.serve_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        udp.close()
        tcp.close()
        await tcp.wait_closed()
