"""An API server behind a proxy: environment and kubeconfig name it, NO_PROXY excludes it, a netrc is not read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from readpool.kubernetes.client import connect
from readpool.kubernetes.kinds import SERVICE

SERVER = "http://api.example:6443"
"""No name server knows it: only a proxy is asked for it."""


@dataclass(slots=True)
class Proxy:
    """What a proxy was asked for."""

    url: str = ""
    targets: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)
    own_credentials: list[str | None] = field(default_factory=list)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with run_proxy() as running:
        yield running


@asynccontextmanager
async def run_proxy() -> AsyncIterator[Proxy]:
    asked = Proxy()

    async def answer(request: web.Request) -> web.Response:
        asked.targets.append(request.raw_path)
        asked.credentials.append(request.headers.get("Authorization"))
        asked.own_credentials.append(request.headers.get("Proxy-Authorization"))
        return web.json_response({"kind": "ServiceList", "metadata": {"resourceVersion": "1"}, "items": []})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    asked.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield asked
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))


def write_kubeconfig(folder: Path, server: str, **cluster: str) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": {"token": "ours"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    return path


async def list_services(kubeconfig: Path) -> None:
    async with connect(kubeconfig) as client:
        await client.list(SERVICE, "default")


async def test_the_environment_names_the_proxy(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    await list_services(write_kubeconfig(tmp_path, SERVER))
    assert proxy.targets == [f"{SERVER}/api/v1/namespaces/default/services?limit=500"]
    assert proxy.credentials == ["Bearer ours"]


async def test_a_proxy_gets_the_credentials_of_its_url_and_the_api_server_ours(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://user:secret@"))
    await list_services(write_kubeconfig(tmp_path, SERVER))
    assert proxy.own_credentials == ["Basic dXNlcjpzZWNyZXQ="]
    assert proxy.credentials == ["Bearer ours"]


async def test_the_kubeconfig_goes_before_the_environment(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    await list_services(write_kubeconfig(tmp_path, SERVER, **{"proxy-url": proxy.url}))
    assert len(proxy.targets) == 1


async def test_what_no_proxy_names_is_asked_itself(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    await list_services(write_kubeconfig(tmp_path, proxy.url))
    assert proxy.targets == ["/api/v1/namespaces/default/services?limit=500"]
    assert proxy.credentials == ["Bearer ours"]
