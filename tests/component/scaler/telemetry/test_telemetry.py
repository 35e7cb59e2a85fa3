"""The telemetry port over real sockets: what it answers, what it refuses, and that no client can hold up another."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import aiohttp
import pytest

from devtools.strictness import skip_where_impossible
from readpool.host_port import HostPort
from readpool.replica_class import ReplicaClass
from scaler.telemetry.event_stream import StreamLimits
from scaler.telemetry.stats import ScalerStats
from scaler.telemetry.telemetry import TelemetryServer, start_telemetry
from tests.component.scaler.telemetry.event_reader import read_events
from tests.component.scripted_fleets import ScriptedFleets, make_replica, make_snapshot, make_three_fresh

LIMITS = StreamLimits(clients=5, heartbeat_seconds=0.3, write_seconds=0.5)


@dataclass
class Port:
    """An open telemetry port with all that stands behind it."""

    fleets: ScriptedFleets
    server: TelemetryServer
    stats: ScalerStats
    is_ready: bool = True

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    fleets, stats = ScriptedFleets(), ScalerStats()
    ready: list[Port] = []
    server = await start_telemetry(
        HostPort("127.0.0.1", 0), fleets, is_ready=lambda: ready[0].is_ready, stats=stats, limits=LIMITS
    )
    opened = Port(fleets, server, stats)
    ready.append(opened)
    yield opened
    await server.stop()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.02)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_health_answers_as_long_as_the_loop_turns(port: Port, session: aiohttp.ClientSession) -> None:
    async with session.get(port.url("/healthz")) as response:
        assert response.status == 200


async def test_readiness_follows_the_services(port: Port, session: aiohttp.ClientSession) -> None:
    for is_ready, status in ((False, 503), (True, 200), (False, 503)):
        port.is_ready = is_ready
        async with session.get(port.url("/readyz")) as response:
            assert response.status == status


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/theme.js", "/icon.svg", "/metrics", "/healthz"])
async def test_every_answer_carries_the_headers_that_keep_a_browser_in_check(
    port: Port, session: aiohttp.ClientSession, path: str
) -> None:
    async with session.get(port.url(path)) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/events", "/metrics"])
async def test_only_reading_is_answered(port: Port, session: aiohttp.ClientSession, method: str, path: str) -> None:
    async with session.request(method, port.url(path)) as response:
        assert response.status == 405


@pytest.mark.parametrize("path", ["/", "/events", "/metrics", "/healthz"])
async def test_head_answers_without_a_body(port: Port, session: aiohttp.ClientSession, path: str) -> None:
    async with session.head(port.url(path)) as response:
        assert response.status == 200
        assert await response.read() == b""


@pytest.mark.parametrize("path", ["/nothing", "/../telemetry.py", "/%2e%2e/telemetry.py", "/index.html/", "/page/"])
async def test_nothing_but_the_page_is_read_from_the_disk(
    port: Port, session: aiohttp.ClientSession, path: str
) -> None:
    async with session.get(port.url(path)) as response:
        assert response.status == 404


async def test_the_page_asks_for_nothing_that_is_not_served_here(port: Port, session: aiohttp.ClientSession) -> None:
    async with session.get(port.url("/")) as response:
        page = await response.text()
    assert "://" not in page
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain; version=0.0.4", id="nothing asked for"),
        pytest.param("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", id="OpenMetrics"),
    ],
)
async def test_metrics_come_in_the_format_that_was_asked_for(
    port: Port, session: aiohttp.ClientSession, accept: str, content_type: str
) -> None:
    await port.fleets.put(make_three_fresh())
    async with session.get(port.url("/metrics"), headers={"Accept": accept}) as response:
        assert response.headers["Content-Type"].startswith(content_type)
        assert 'readpool_tip_ledger{fleet="stellar/core"}' in await response.text()


async def test_metrics_show_what_the_scaler_counted_and_how_late_its_loop_was(
    port: Port, session: aiohttp.ClientSession
) -> None:
    port.stats.count_poll("Answered", 0.001)
    await _until(lambda: port.stats.loop_lag_seconds.cumulative()[-1][1] > 0)
    async with session.get(port.url("/metrics")) as response:
        text = await response.text()
    assert 'readpool_polls_total{outcome="Answered"} 1.0' in text
    assert "readpool_event_loop_lag_seconds_count 0.0" not in text


async def test_a_stream_begins_with_every_fleet_and_goes_on_with_what_changes(port: Port) -> None:
    await port.fleets.put(make_three_fresh("a/core"), make_three_fresh("b/core"))
    async with read_events(port.url("/events")) as events:
        assert (await events.next())[0] == "hello"
        assert [fleet["name"] for fleet in (await events.until("fleets"))["fleets"]] == ["a/core", "b/core"]
        assert (await events.until("live"))["fleets"] == 2
        await port.fleets.put(make_snapshot("b/core", make_replica("core-0", ReplicaClass.LAGGING, 2000)))
        changed = (await events.until("fleets"))["fleets"]
    assert [(fleet["name"], fleet["health"]) for fleet in changed] == [("b/core", "none_fresh")]


async def test_a_fleet_that_is_dropped_is_gone(port: Port) -> None:
    await port.fleets.put(make_three_fresh("a/core"), make_three_fresh("b/core"))
    async with read_events(port.url("/events")) as events:
        await events.until("live")
        await port.fleets.drop("a/core")
        assert await events.until("gone") == {"fleets": ["a/core"]}


async def test_a_named_fleet_comes_alone_with_its_replicas_and_their_history(port: Port) -> None:
    await port.fleets.put(make_three_fresh("a/core"), make_three_fresh("b/core"))
    await _until(lambda: port.server.feed.history("b/core") is not None)
    async with read_events(port.url("/events?fleet=b/core")) as events:
        assert [fleet["name"] for fleet in (await events.until("fleets"))["fleets"]] == ["b/core"]
        history = await events.until("history")
        details = await events.until("details")
        assert (await events.until("live"))["fleets"] == 1
    assert history["lags"] == {"core-0": [0], "core-1": [1], "core-2": [2]}
    assert [replica["lag"] for replica in details["replicas"]] == [0, 1, 2]


async def test_too_many_names_are_refused_with_the_bound(port: Port, session: aiohttp.ClientSession) -> None:
    query = "&".join(f"fleet=team-{i}/core" for i in range(17))
    async with session.get(port.url(f"/events?{query}")) as response:
        assert response.status == 400
        assert "at most 16" in await response.text()


async def test_clients_beyond_the_bound_are_told_to_come_back_and_a_place_is_free_when_one_leaves(port: Port) -> None:
    timeout = aiohttp.ClientTimeout(total=5)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        streams = [await session.get(port.url("/events")) for _ in range(LIMITS.clients)]
        async with session.get(port.url("/events")) as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "10"
        streams.pop().close()
        async with asyncio.timeout(30):
            while True:
                async with session.get(port.url("/events")) as response:
                    if response.status == 200:
                        break
        for stream in streams:
            stream.close()


async def test_a_client_that_does_not_read_delays_nobody_and_is_told_the_newest_when_it_reads_again(port: Port) -> None:
    wide = make_snapshot("a/core", *(make_replica(f"core-{i:03d}", ReplicaClass.FRESH, 0) for i in range(200)))
    await port.fleets.put(wide)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.server.port, limit=2**10)
    writer.write(b"GET /events?fleet=a/core HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    async with read_events(port.url("/events")) as events:
        await events.until("live")
        for sequence in range(2, 6):
            await port.fleets.put(replace(wide, sequence=sequence, lag_threshold=sequence))
            assert (await events.until("fleets"))["fleets"][0]["threshold"] == sequence
    received = b""
    async with asyncio.timeout(30):
        while b'"threshold":5' not in received:
            received += await reader.read(2**16)
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_never_reads_is_dropped(port: Port) -> None:
    wide = make_snapshot("a/core", *(make_replica(f"core-{i:04d}", ReplicaClass.FRESH, 0) for i in range(20_000)))
    await port.fleets.put(wide)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port.server.port))
        client.sendall(b"GET /events?fleet=a/core HTTP/1.1\r\nHost: x\r\n\r\n")
        await _until(lambda: port.server.streams.client_count == 1)
        await _until(lambda: port.server.streams.client_count == 0)


async def test_a_silent_fleet_still_sends_a_beat(port: Port) -> None:
    async with read_events(port.url("/events")) as events:
        await events.until("live")
        assert "now" in await events.until("beat")


async def test_stopping_ends_streams_at_once_and_frees_the_port(port: Port) -> None:
    await port.fleets.put(make_three_fresh())
    async with read_events(port.url("/events")) as events:
        await events.until("live")
        async with asyncio.timeout(10):
            await port.server.stop()
        with pytest.raises((EOFError, aiohttp.ClientError)):
            await events.until("fleets")
    again = await start_telemetry(
        HostPort("127.0.0.1", port.server.port), port.fleets, is_ready=lambda: True, stats=port.stats
    )
    assert again.port == port.server.port
    await again.stop()


async def test_every_address_of_both_families_is_one_listener(session: aiohttp.ClientSession) -> None:
    if not socket.has_dualstack_ipv6():
        skip_where_impossible("it has no IPv6")
    server = await start_telemetry(HostPort("::", 0), ScriptedFleets(), is_ready=lambda: True, stats=ScalerStats())
    for host in ("127.0.0.1", "[::1]"):
        async with session.get(f"http://{host}:{server.port}/healthz") as response:
            assert response.status == 200
    await server.stop()


async def test_an_address_in_use_is_an_error_and_leaves_nothing_behind(port: Port) -> None:
    with pytest.raises(OSError, match="in use"):
        await start_telemetry(
            HostPort("127.0.0.1", port.server.port), port.fleets, is_ready=lambda: True, stats=port.stats
        )


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Leave what other tests left behind out of garbage collections: they would hold the loop for longer."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_heap")
async def test_a_thousand_fleets_never_hold_the_loop_for_long(port: Port, session: aiohttp.ClientSession) -> None:
    await port.fleets.put(*(make_three_fresh(f"team-{i}/core") for i in range(1000)))
    async with read_events(port.url("/events")) as events, asyncio.timeout(20):
        live = asyncio.create_task(events.until("live"))
        async with session.get(port.url("/metrics")) as response:
            text = await response.text()
        assert (await live)["fleets"] == 1000
    assert text.count("readpool_tip_ledger{") == 1000
    counts = dict(port.stats.loop_lag_seconds.cumulative())
    assert counts["1.0"] == counts["+Inf"]
