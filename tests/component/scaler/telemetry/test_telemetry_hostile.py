"""The telemetry port under a pod that means harm: silence, heads without end, answers that nobody reads."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.telemetry.connections import MOST_ARRIVALS, MOST_OF_A_CALLER, Connections, GuardedSite
from readpool.telemetry.exposition import Exposition
from readpool.telemetry.http_port import build_telemetry_app, open_listener

IDLE_SECONDS = 0.5
DEADLINE_SECONDS = 10.0
MOST_SENT_BYTES = 16 * 1024 * 1024
"""What the kernel takes of a connection that nobody reads, and more."""


class Slow(Collector):
    """Counts how often it is read; a large family, so that an answer does not fit into the kernel's buffers."""

    def __init__(self) -> None:
        self.reads = 0

    def collect(self) -> list[Metric]:
        self.reads += 1
        family = GaugeMetricFamily("large", "Large.", labels=["number"])
        for number in range(50_000):
            family.add_metric([f"{number:0100}"], 1.0)
        return [family]


@asynccontextmanager
async def serve(idle_seconds: float = IDLE_SECONDS) -> AsyncIterator[int]:
    """Serve a telemetry port, and yield its number."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Slow())
    connections = Connections(idle_seconds)
    runner = web.AppRunner(
        build_telemetry_app(registry, lambda: True, connections), access_log=None, shutdown_timeout=1
    )
    await runner.setup()
    await GuardedSite(runner, open_listener(SimpleNamespace(host="127.0.0.1", port=0)), connections).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connect(port: int, say: bytes = b"", source: str = "127.0.0.1") -> AsyncIterator[asyncio.StreamReader]:
    """Connect, say something, and yield what is answered, for as long as the block runs."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that the kernel takes little of what nobody reads
    own.bind((source, 0))
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=own)
    writer.write(say)
    try:
        yield reader
    finally:
        writer.close()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server has closed the connection."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ", id="half a head"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", id="a body that never comes"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", id="one request and then nothing"),
    ],
)
async def test_a_connection_on_which_nothing_is_asked_is_ended(say: bytes) -> None:
    async with serve() as port, connect(port, say) as reader:
        await read_to_end(reader)


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n\r\n"
    async with serve() as port, connect(port, ask) as reader:
        await reader.read(1)
        await asyncio.sleep(4 * IDLE_SECONDS)
        assert len(await read_to_end(reader)) < 50_000 * 100  # all of it is longer


@pytest.mark.parametrize(
    ("head", "more"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"X-A: " + b"a" * 8000 + b"\r\n", id="headers"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n", id="short headers"),
        pytest.param(b"GET /", b"a" * 1000, id="a path"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n", b"a" * 1000, id="the name of a header"),
        pytest.param(b"POST /healthz HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"a" * 1000, id="a body"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"a" * 1000, id="of a GET"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", id="chunks"),
        pytest.param(
            b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", id="requests in line, no answer of which is read"
        ),
    ],
)
async def test_what_is_sent_without_end_ends_the_connection_and_takes_no_memory(head: bytes, more: bytes) -> None:
    probe = b"GET /readyz HTTP/1.0\r\n\r\n"
    async with serve(idle_seconds=30.0) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        block, sent = more * (1 + 100_000 // len(more)), 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    writer.write(block)
                    await writer.drain()
                    sent += len(block)
                    await asyncio.sleep(0)
        writer.close()
        assert sent < MOST_SENT_BYTES
        async with connect(port, probe, source="127.0.0.2") as kubelet:
            assert b"200 OK" in await read_to_end(kubelet)


async def test_one_caller_opens_so_many_connections_a_second_and_the_kubelet_is_answered() -> None:
    probe = b"GET /readyz HTTP/1.0\r\n\r\n"
    async with serve() as port:
        for _ in range(MOST_ARRIVALS + 200):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
        async with connect(port, probe) as over:
            assert await read_to_end(over) == b""
        async with connect(port, probe, source="127.0.0.2") as kubelet:
            assert b"200 OK" in await read_to_end(kubelet)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                await asyncio.sleep(0.1)
                async with connect(port, probe) as again:
                    if await read_to_end(again):
                        break


async def test_one_caller_has_so_many_connections_and_the_kubelet_is_answered() -> None:
    probe = b"GET /readyz HTTP/1.0\r\n\r\n"
    async with serve(idle_seconds=30.0) as port:
        async with AsyncExitStack() as held:
            for _ in range(MOST_OF_A_CALLER):
                await held.enter_async_context(connect(port))
            async with connect(port, probe) as over:
                assert await read_to_end(over) == b""
            async with connect(port, probe, source="127.0.0.2") as kubelet:
                assert b"200 OK" in await read_to_end(kubelet)
        answer, deadline = b"", asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while b"200 OK" not in answer:  # until the server has heard that they have gone
            assert asyncio.get_running_loop().time() < deadline
            async with connect(port, probe) as again:
                answer = await read_to_end(again)


async def test_whoever_asks_for_metrics_at_once_shares_them() -> None:
    registry, slow = CollectorRegistry(auto_describe=False), Slow()
    registry.register(slow)
    exposition = Exposition(registry)
    read = await asyncio.gather(*(exposition.read("") for _ in range(20)))
    assert len({body for body, _ in read}) == 1
    assert slow.reads <= 2
