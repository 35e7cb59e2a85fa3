"""An informer whose API server no longer remembers where it stood, as after a long silence: it lists again."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from aiohttp import web

from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import CONFIG_MAP

EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
"""As kube-apiserver 1.36 says it within a watch, shortened."""


class ForgetfulServer:
    """Answers each list with one object of the next version, and each watch with `410 Gone`, but the third."""

    def __init__(self) -> None:
        self.lists = 0
        self.watches = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.lists += 1
            metadata = {"name": "one", "namespace": "n", "resourceVersion": str(self.lists)}
            return web.json_response(
                {"metadata": {"resourceVersion": str(self.lists)}, "items": [{"metadata": metadata}]}
            )
        self.watches += 1
        if self.watches > 2:
            await asyncio.Event().wait()
        return web.Response(text=json.dumps({"type": "ERROR", "object": EXPIRED}) + "\n")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[tuple[ForgetfulServer, str]]:
    forgetful = ForgetfulServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forgetful.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield forgetful, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def connect_to(url: str, folder: Path) -> AsyncIterator[KubernetesClient]:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}], contexts: [{{name: c, context: {{cluster: c}}}}]}}"
    )
    async with connect(kubeconfig) as client:
        yield client


async def test_it_lists_again_at_once_and_tells_of_what_it_missed(
    server: tuple[ForgetfulServer, str], tmp_path: Path
) -> None:
    forgetful, url = server
    async with connect_to(url, tmp_path) as client:
        informer = Informer(client, CONFIG_MAP, None)
        versions: asyncio.Queue[str] = asyncio.Queue()
        informer.on_change(lambda _, manifest: versions.put_nowait(manifest["metadata"]["resourceVersion"]))
        following = asyncio.ensure_future(informer.run())
        heard = [await asyncio.wait_for(versions.get(), 10) for _ in range(3)]
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert heard == ["1", "2", "3"]
    assert forgetful.lists == 3
