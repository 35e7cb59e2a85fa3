"""An informer whose watch tells of an object before the response of a write does: what is gone stays gone."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import CONFIG_MAP
from tests.component.readpool.kubernetes.test_informer_expired import connect_to


def build(version: int, uid: str = "first") -> dict[str, Any]:
    return {"metadata": {"name": "one", "namespace": "n", "uid": uid, "resourceVersion": str(version)}}


async def answer(request: web.Request) -> web.StreamResponse:
    """Serve a list with one object, and a watch that tells of its deletion."""
    if "watch" not in request.query:
        return web.json_response({"metadata": {"resourceVersion": "5"}, "items": [build(5)]})
    told = web.StreamResponse()
    await told.prepare(request)
    await told.write(json.dumps({"type": "DELETED", "object": build(7)}).encode() + b"\n")
    await asyncio.sleep(30)
    return told


@pytest.fixture
async def informer(tmp_path: Path) -> AsyncIterator[Informer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with connect_to(f"http://127.0.0.1:{runner.addresses[0][1]}", tmp_path) as client:
        following = asyncio.ensure_future((told := Informer(client, CONFIG_MAP, None)).run())
        await told.synced.wait()
        async with asyncio.timeout(10):
            while len(told):  # noqa: ASYNC110 - the watch tells
                await asyncio.sleep(0.01)
        yield told
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    await runner.cleanup()


async def test_the_response_of_a_write_that_came_before_the_deletion_brings_nothing_back(informer: Informer) -> None:
    informer.observe(build(6))
    assert informer.get("n", "one") is None


async def test_what_was_written_after_the_deletion_is_there(informer: Informer) -> None:
    informer.observe(build(8, "second"))
    assert informer.get("n", "one") == build(8, "second")
