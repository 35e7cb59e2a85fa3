"""A real Envoy, subscribed to the real server by the example's bootstrap: shares, speed, returns, refusals."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controller.eds.eds import Assignment, EdsEndpoint, Health, Locality
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_router import DELTA, POOL, WHOLE, Router, assign, run_router
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.weighted_backends import (
    Reader,
    compute_share_error,
    name_addresses,
    read_many,
    run_backends,
    to_port,
    wait_until_moved,
)
from readpool.host_port import HostPort

REQUESTS = 10_000
MOST_POINTS = 1.0
BOTH = pytest.mark.parametrize("variant", [WHOLE, DELTA])
SETTLED_SECONDS = 30.0


@pytest.fixture
def store() -> EdsStore:
    store = EdsStore()
    store.ready.set()
    return store


@contextlib.asynccontextmanager
async def run_server(store: EdsStore, port: int = 0) -> AsyncIterator[EdsServer]:
    server = EdsServer(HostPort("127.0.0.1", port), store)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def wait_for_answers(router: Router, wanted: set[str]) -> None:
    """Read until exactly these replicas answer, as seen over a few dozen requests."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while set(await read_some(router)) != wanted:
            pass


async def read_some(router: Router) -> Counter[str]:
    async with Reader(to_port(router.port)) as reader:
        for _ in range(50):
            await reader.ask()
    return reader.answered + Counter(dict.fromkeys(reader.failures, 1))


async def test_replicas_of_which_none_is_fresh_are_read_by_their_weights_all_the_same(
    store: EdsStore, tmp_path: Path
) -> None:
    addresses = name_addresses(3)
    weights = dict(zip(addresses, (100, 50, 50), strict=True))
    async with run_backends(addresses) as port, run_server(store) as server:
        endpoints = tuple(EdsEndpoint(one, port, weights[one], Health.DEGRADED) for one in addresses)
        store.update(POOL, Assignment((Locality("", endpoints),)))
        async with run_router(require_envoy(), tmp_path, server.port) as router:
            await wait_for_answers(router, set(addresses))
            answered = await read_many(to_port(router.port), 2000)
            assert compute_share_error(answered, weights) <= MOST_POINTS
            assert await router.envoy.read_counters("cluster.pool.membership_(healthy|degraded)$") == {
                "cluster.pool.membership_healthy": 0,
                "cluster.pool.membership_degraded": len(addresses),
            }


MIXES = [
    pytest.param(2, [100, 10], DELTA, id="2, one lags"),
    pytest.param(5, [100, 100, 100, 100, 10], WHOLE, id="5, one lags"),
    pytest.param(20, [100] * 12 + [55] * 5 + [10] * 3, DELTA, id="20, three weights"),
]


@pytest.mark.parametrize(("count", "weights", "variant"), MIXES)
async def test_each_replica_gets_the_share_of_its_weight(
    store: EdsStore, tmp_path: Path, count: int, weights: list[int], variant: str
) -> None:
    addresses = name_addresses(count)
    wanted = dict(zip(addresses, weights, strict=True))
    async with run_backends(addresses) as port, run_server(store) as server:
        store.update(POOL, assign(wanted, port))
        async with run_router(require_envoy(), tmp_path, server.port, variant) as router:
            answered = await read_many(to_port(router.port), REQUESTS)
    assert answered.total() == REQUESTS
    assert compute_share_error(answered, wanted) <= MOST_POINTS


@BOTH
async def test_traffic_follows_a_change_of_weights_within_a_second_and_no_request_fails(
    store: EdsStore, tmp_path: Path, variant: str
) -> None:
    one, two = name_addresses(2)
    async with run_backends([one, two]) as port, run_server(store) as server:
        store.update(POOL, assign({one: 1000, two: 1}, port))
        async with (
            run_router(require_envoy(), tmp_path, server.port, variant) as router,
            Reader(to_port(router.port)) as reader,
        ):
            heavy, light = one, two
            for _ in range(10):
                heavy, light = light, heavy
                begun = time.monotonic()
                store.update(POOL, assign({heavy: 1000, light: 1}, port))
                moved = await wait_until_moved(reader, heavy)
                assert moved - begun < 1.0
            assert reader.failures == []


@BOTH
async def test_requests_go_on_while_the_server_is_away_and_weights_follow_when_it_is_back(
    store: EdsStore, tmp_path: Path, variant: str
) -> None:
    one, two = name_addresses(2)
    async with run_backends([one, two]) as port:
        store.update(POOL, assign({one: 100}, port))
        async with (
            run_server(store) as server,
            run_router(require_envoy(), tmp_path, server.port, variant) as router,
            asyncio.TaskGroup() as group,
        ):
            reader, is_reading = Reader(to_port(router.port)), True
            group.create_task(reader.ask_while(lambda: is_reading))
            await server.stop()
            assert set(await read_some(router)) == {one}
            store.update(POOL, assign({two: 100}, port))
            async with run_server(store, server.port):
                await wait_for_answers(router, {two})
                is_reading = False
    assert reader.failures == []
    assert set(reader.answered) == {one, two}


@BOTH
async def test_a_pool_that_is_not_there_yet_is_served_as_soon_as_it_comes_and_not_after_it_goes(
    store: EdsStore, tmp_path: Path, variant: str
) -> None:
    (one,) = name_addresses(1)
    async with (
        run_backends([one]) as port,
        run_server(store) as server,
        run_router(require_envoy(), tmp_path, server.port, variant) as router,
    ):
        assert set(await read_some(router)) == {"503"}
        store.update(POOL, assign({one: 100}, port))
        await wait_for_answers(router, {one})
        store.update(POOL, None)
        await wait_for_answers(router, {"503"})


@BOTH
async def test_envoy_keeps_what_it_has_when_it_refuses_what_comes_and_takes_what_follows(
    store: EdsStore, tmp_path: Path, variant: str
) -> None:
    one, two = name_addresses(2)
    async with run_backends([one, two]) as port, run_server(store) as server:
        store.update(POOL, assign({one: 100}, port))
        async with run_router(require_envoy(), tmp_path, server.port, variant) as router:
            with capture_logs() as logged:
                store.update(POOL, Assignment((Locality("", (EdsEndpoint("no-address", port, 1),)),)))
                async with asyncio.timeout(SETTLED_SECONDS):
                    while not logged:  # noqa: ASYNC110 - the log is what is waited for
                        await asyncio.sleep(0.01)
            assert [entry["event"] for entry in logged] == ["edsRefused"]
            assert "no-address" in logged[0]["message"]
            assert set(await read_some(router)) == {one}
            store.update(POOL, assign({two: 100}, port))
            await wait_for_answers(router, {two})


async def test_zones_and_draining_reach_envoy(store: EdsStore, tmp_path: Path) -> None:
    one, two = name_addresses(2)
    async with run_backends([one, two]) as port, run_server(store) as server:
        zones = (
            Locality("a", (EdsEndpoint(one, port, 100),)),
            Locality("b", (EdsEndpoint(two, port, 100, Health.DRAINING),)),
        )
        store.update(POOL, Assignment(zones))
        async with run_router(require_envoy(), tmp_path, server.port) as router:
            assert set(await read_some(router)) == {one}
            told = await router.envoy.ask_admin("/clusters")
    assert f"pool::{one}:{port}::zone::a" in told
    assert f"pool::{two}:{port}::zone::b" in told
    assert f"pool::{two}:{port}::health_flags::/eds_status_draining" in told


async def test_headers_arrive_in_the_spelling_that_core_reads(store: EdsStore, tmp_path: Path) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.put_nowait(head + await reader.readexactly(5))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    core = await asyncio.start_server(answer, "127.0.0.1", 0)
    store.update(POOL, assign({"127.0.0.1": 100}, core.sockets[0].getsockname()[1]))
    async with core, run_server(store) as server, run_router(require_envoy(), tmp_path, server.port) as router:
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        writer.write(b"POST /getledgerentryraw HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nkeys!")
        async with asyncio.timeout(SETTLED_SECONDS):
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            request = await heard.get()
        writer.close()
    assert b"\r\nContent-Length: 5\r\n" in request
    assert request.endswith(b"keys!")
