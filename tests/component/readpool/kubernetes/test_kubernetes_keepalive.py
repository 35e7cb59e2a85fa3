"""A watch of the API server is probed while nothing happens, so that one whose server has vanished ends soon."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from readpool.kubernetes.client import connect
from readpool.kubernetes.kinds import SERVICE
from readpool.kubernetes.transport import UNHEARD_SECONDS

TABLE = Path("/proc/net/tcp")
KEEPALIVE = "02"
"""The timer of proc_pid_net(5) that probes a connection on which nothing is under way."""


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, "asyncio.Future[int]"]]:
    """Run a server that takes a watch and says nothing; yield its address, and the port that the watch comes from."""
    came_from: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def take(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        came_from.set_result(request.transport.get_extra_info("peername")[1] if request.transport else 0)
        await asyncio.sleep(60)
        return answer

    application = web.Application()
    application.router.add_get("/{path:.*}", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2]), came_from
    finally:
        await runner.cleanup()


def write_kubeconfig(folder: Path, server: str) -> Path:
    file = folder / "kubeconfig"
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {}}],
    }
    file.write_text(json.dumps(configuration))
    return file


def read_timer(ours: int, theirs: int) -> tuple[str, float]:
    """Read the timer of the connection between two ports of loopback, and in how many seconds it is due."""
    lines = (line.split() for line in TABLE.read_text().splitlines()[1:])
    timer = next(
        fields[5] for fields in lines if fields[1].endswith(f":{ours:04X}") and fields[2].endswith(f":{theirs:04X}")
    )
    kind, _, ticks = timer.partition(":")
    return kind, int(ticks, 16) / 100


@pytest.mark.skipif(not TABLE.exists(), reason="needs Linux's table of connections")
async def test_a_silent_watch_is_probed_within_seconds(tmp_path: Path) -> None:
    async with silent_server() as (address, came_from), connect(write_kubeconfig(tmp_path, address)) as client:
        watch = client.watch(SERVICE, None, "1")
        follow = asyncio.ensure_future(anext(watch))
        async with asyncio.timeout(30):
            kind, due_seconds = read_timer(await came_from, int(address.rpartition(":")[2]))
        follow.cancel()
        await asyncio.gather(follow, return_exceptions=True)
        await watch.aclose()
    assert kind == KEEPALIVE
    assert due_seconds < UNHEARD_SECONDS
