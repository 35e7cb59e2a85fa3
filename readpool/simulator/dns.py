"""A small real DNS server that answers for one headless Service as a cluster's does: SRV and A, over UDP and TCP.

Where the scaler's discovery meets the simulator. It can be told to fail, since a failed look-up must change nothing.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL_SECONDS = 5
PLAIN_UDP_BYTES = 512
"""What a client without EDNS takes in one datagram."""

Endpoints = Mapping[str, tuple[str, int]]
"""Pod name → (IPv4 address, port)."""


class DnsFailure(StrEnum):
    """How the server can fail."""

    SERVFAIL = "servfail"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A headless Service and the name of its port."""

    name: str
    namespace: str = "default"
    cluster_domain: str = "cluster.local"
    port_name: str = "http"

    @property
    def host(self) -> str:
        """Its full name, without the last dot."""
        return f"{self.name}.{self.namespace}.svc.{self.cluster_domain}"


def build_answer(query: dns.message.Message, service: ServiceName, endpoints: Endpoints) -> dns.message.Message:
    """Build the answer to one query: NXDOMAIN for names that are not of the Service, empty for other types."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA | dns.flags.RA
    if not query.question:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    host = service.host.lower()
    pods = {f"{pod}.{host}".lower(): address for pod, (address, _) in endpoints.items()}
    is_service = name == host and bool(endpoints)
    is_port = name == f"_{service.port_name}._tcp.{host}".lower() and bool(endpoints)
    if not (is_service or is_port or name in pods):
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype == dns.rdatatype.A and not is_port:
        addresses = [pods[name]] if name in pods else sorted(set(pods.values()))
        response.answer.append(dns.rrset.from_text(question.name, TTL_SECONDS, "IN", "A", *addresses))
    elif question.rdtype == dns.rdatatype.SRV and (is_service or is_port):
        targets = [f"0 50 {port} {pod}.{host}." for pod, (_, port) in sorted(endpoints.items())]
        response.answer.append(dns.rrset.from_text(question.name, TTL_SECONDS, "IN", "SRV", *targets))
        for pod, address in sorted(pods.items()):
            response.additional.append(dns.rrset.from_text(pod + ".", TTL_SECONDS, "IN", "A", address))
    return response


class DnsServer:
    """Answers on 127.0.0.1, on one port for UDP and TCP. Made by `start_dns`."""

    def __init__(self, service: ServiceName, endpoints: Callable[[], Endpoints]) -> None:
        self.service = service
        self.failure: DnsFailure | None = None
        """Set to make it fail, None to answer again."""
        self.queries = 0
        """How many queries have come."""
        self._endpoints = endpoints
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._port = 0
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that it answers on."""
        return self._port

    @property
    def address(self) -> str:
        """HOST:PORT, as --dns-server takes it."""
        return f"127.0.0.1:{self._port}"

    async def listen(self, port: int = 0) -> None:
        """Listen on `port`; with 0 on one that is free for both.

        Raises:
            OSError: when the port is taken.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            self._tcp = await asyncio.start_server(self._serve_stream, "127.0.0.1", port)
            self._port = self._tcp.sockets[0].getsockname()[1]
            try:
                udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self._port)
                )
            except OSError:
                self._tcp.close()
                if port or attempt == 19:  # noqa: PLR2004 - the last of the attempts
                    raise
            else:
                self._udp = udp
                return

    async def close(self) -> None:
        """Stop answering. Twice is once."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)
        await asyncio.sleep(0)  # the loop lets go of the sockets

    def answer(self, wire: bytes, max_bytes: int | None = None) -> bytes | None:
        """Answer one query, None for silence; longer than `max_bytes` (None: no limit) it says to ask again by TCP."""
        self.queries += 1
        if self.failure is DnsFailure.SILENCE:
            return None
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None  # not a query
        if self.failure is DnsFailure.SERVFAIL:
            failed = dns.message.make_response(query)
            failed.set_rcode(dns.rcode.SERVFAIL)
            return failed.to_wire()
        response = build_answer(query, self.service, self._endpoints())
        limit = 65535 if max_bytes is None else max(query.payload, max_bytes)
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            truncated = dns.message.make_response(query)
            truncated.flags |= dns.flags.TC
            return truncated.to_wire()

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs it as one
        self._streams.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    answer = self.answer(await reader.readexactly(length))
                    if answer is not None:
                        writer.write(struct.pack("!H", len(answer)) + answer)
                        await writer.drain()
        finally:
            self._streams.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What create_datagram_endpoint promises, though asyncio's own class of 3.11 does not say that it is one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data, PLAIN_UDP_BYTES)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


async def start_dns(service: ServiceName, endpoints: Callable[[], Endpoints], port: int = 0) -> DnsServer:
    """Start a DNS server for one Service; `endpoints` is asked with each query."""
    server = DnsServer(service, endpoints)
    await server.listen(port)
    return server
