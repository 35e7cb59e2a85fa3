"""An informer whose API server, or a proxy before it, answers 200 OK with something else asks again, and follows."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from readpool.kubernetes.client import connect
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import CONFIG_MAP

pytestmark = pytest.mark.timeout(30)
REFUSED = {"kind": "Status", "status": "Failure", "reason": "InternalError", "message": "log in first", "code": 500}
ANSWERS: dict[str, Any] = {
    "a status of a failure": REFUSED,
    "a status of success": {"kind": "Status", "status": "Success"},
    "null": None,
    "a list": [],
    "nothing": {},
    "items without names": {"items": [{}], "metadata": {"resourceVersion": "1"}},
    "an object of null": {"type": "MODIFIED", "object": None},
    "an error that says nothing": {"type": "ERROR", "object": None},
    "a bookmark of nowhere": {"type": "BOOKMARK", "object": {"metadata": {}}},
}


def build_object(version: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "one", "namespace": "n", "resourceVersion": str(version)},
        "data": {"at": str(version)},
    }


class OddServer:
    """Answers the first list, or the first watch, oddly, and all others as an API server does."""

    def __init__(self, odd: Any, *, is_watch: bool) -> None:
        self._odd = odd
        self._is_watch = is_watch
        self.has_been_odd = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        is_watch = "watch" in request.query
        if is_watch is self._is_watch and not self.has_been_odd:
            self.has_been_odd = True
            return web.Response(text=json.dumps(self._odd) + "\n")
        if not is_watch:
            return web.json_response({"metadata": {"resourceVersion": "5"}, "items": [build_object(5)]})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"\n" + json.dumps({"type": "MODIFIED", "object": build_object(6)}).encode() + b"\n")
        await asyncio.Event().wait()
        return stream


@contextlib.asynccontextmanager
async def following(server: OddServer, folder: Path) -> AsyncIterator[tuple[Informer, "asyncio.Task[None]"]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}], contexts: [{{name: c, context: {{cluster: c}}}}]}}"
    )
    async with connect(kubeconfig) as client:
        informer = Informer(client, CONFIG_MAP, "n")
        task = asyncio.create_task(informer.run())
        yield informer, task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await runner.cleanup()


@pytest.mark.parametrize("is_watch", [False, True], ids=["a list", "a watch"])
@pytest.mark.parametrize("odd", ANSWERS.values(), ids=ANSWERS.keys())
async def test_it_asks_again_and_follows(tmp_path: Path, odd: Any, is_watch: bool) -> None:
    server = OddServer(odd, is_watch=is_watch)
    async with following(server, tmp_path) as (informer, task):
        async with asyncio.timeout(10):
            while (informer.get("n", "one") or {}).get("data") != {"at": "6"}:
                assert not task.done(), task.exception()
                await asyncio.sleep(0.02)
        assert server.has_been_odd
        assert informer.failure is None
