"""Archives are asked by real HTTP: seldom, bounded, and whatever a hostile one does, there is no answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from controller.archives.archive_fetch import MAX_BYTES, ArchiveFetcher
from controller.archives.archives import REFRESH_SECONDS, Archives
from controller.observed.pool_keys import PoolKey
from readpool.addresses import NetworkRules, parse_networks
from tests.component.fake_dns import run_dns

KEY = PoolKey("n", "pool")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[str]:
    """Serve an archive during the block, and yield its address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/archive"
    finally:
        await runner.cleanup()


class Asked:
    """Archives with a clock of the test's, and what they have told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.news: asyncio.Queue[PoolKey] = asyncio.Queue()
        self.archives = Archives(self.news.put_nowait, lambda: self.now, ArchiveFetcher(allow_loopback=True))


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    made = Asked()
    yield made
    await made.archives.close()


async def test_an_archive_is_asked_once_in_a_while_and_its_pool_hears_of_it(asked: Asked) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response({"currentLedger": 63 + 64 * len(paths)})

    async with serve(answer) as url:
        assert asked.archives.read(KEY, [url]) is None
        assert await asyncio.wait_for(asked.news.get(), 5) == KEY
        for _ in range(10):
            assert asked.archives.read(KEY, [url]) == (1, 127)
        asked.now += REFRESH_SECONDS
        asked.archives.read(KEY, [url])
        await asyncio.wait_for(asked.news.get(), 5)
        assert asked.archives.read(KEY, [url]) == (1, 191)
    assert paths == ["/archive/.well-known/stellar-history.json"] * 2


async def test_one_that_answers_no_more_has_not_lost_anything(asked: Asked) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"currentLedger": 127}) if asked.now < 1001 else web.Response(status=500)

    async with serve(answer) as url:
        asked.archives.read(KEY, [url])
        await asyncio.wait_for(asked.news.get(), 5)
        asked.now += REFRESH_SECONDS
        asked.archives.read(KEY, [url])
        await settle(asked)
        assert asked.archives.read(KEY, [url]) == (1, 127)


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/elsewhere" if "elsewhere" not in request.path else "/x")


async def send_much(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse()
    await stream.prepare(request)
    for _ in range(2 + MAX_BYTES // 4096):
        await stream.write(b" " * 4096)
    await stream.write(b'{"currentLedger": 63}')
    return stream


async def lie(_request: web.Request) -> web.Response:
    return web.json_response({"currentLedger": 64})


async def break_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("handler", [redirect, send_much, lie, break_off])
async def test_a_hostile_archive_gives_no_answer(asked: Asked, handler: Handler) -> None:
    async with serve(handler) as url:
        asked.archives.read(KEY, [url])
        await settle(asked)
        assert asked.archives.read(KEY, [url]) is None
    assert asked.news.empty()


async def test_an_address_where_nobody_is_gives_no_answer(asked: Asked) -> None:
    asked.archives.read(KEY, ["http://127.0.0.1:9", "http://[bad"])
    await settle(asked)
    assert asked.archives.read(KEY, ["http://127.0.0.1:9", "http://[bad"]) is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "127.1", "0", "[::1]"]
)
async def test_this_machine_is_never_asked_however_it_is_spelled(host: str) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response({"currentLedger": 127})

    fetcher = ArchiveFetcher()
    async with serve(answer) as url:
        assert await fetcher.fetch(url.replace("127.0.0.1", host)) is None
    assert paths == []


async def test_a_name_is_asked_at_an_address_that_was_checked_whichever_can_be_connected_to() -> None:
    hosts: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.json_response({"currentLedger": 127})

    async with serve(answer) as url, run_dns() as server:
        port = url.split(":")[2].partition("/")[0]
        server.records["archive.example.", "A"] = ["169.254.169.254", "127.0.0.2", "127.0.0.1"]
        named = f"http://archive.example.:{port}/archive"
        for allowed, ledger in ((True, 127), (False, None)):
            fetcher = ArchiveFetcher(allow_loopback=allowed)
            fetcher.resolver.nameservers, fetcher.resolver.port = ["127.0.0.1"], server.port
            assert await fetcher.fetch(named) == ledger
        server.records.clear()
        assert await fetcher.fetch(named) is None
    assert hosts == [f"archive.example.:{port}"]


async def test_networks_that_an_installation_denies_are_not_asked() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"currentLedger": 127})

    async with serve(answer) as url:
        for rules, ledger in (
            (NetworkRules(), 127),
            (NetworkRules(allowed=parse_networks("127.0.0.1/32")), 127),
            (NetworkRules(denied=parse_networks("127.0.0.1/32")), None),
            (NetworkRules(allowed=parse_networks("192.0.2.0/24")), None),
        ):
            fetcher = ArchiveFetcher(rules, allow_loopback=True)
            assert await fetcher.fetch(url) == ledger


async def settle(asked: Asked) -> None:
    """Wait until nothing is being asked."""
    record = asked.archives._records[KEY]
    assert record.task is not None
    await asyncio.wait_for(record.task, 15)


async def test_archives_that_hang_hold_up_those_of_their_own_namespace_alone(asked: Asked) -> None:
    hung = 0

    async def hang(_request: web.Request) -> web.Response:
        nonlocal hung
        hung += 1
        await asyncio.sleep(60)
        return web.Response()

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"currentLedger": 63})

    async with serve(hang) as hanging, serve(answer) as honest:
        for number in range(100):
            asked.archives.read(PoolKey("evil", f"pool-{number}"), [hanging])
        asked.archives.read(KEY, [honest])
        assert await asyncio.wait_for(asked.news.get(), 5) == KEY
        assert hung <= 2
