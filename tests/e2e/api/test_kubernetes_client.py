"""Requests, informers and the Lease against a real API server, which is stopped and started meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devtools.api.api_server import ApiServer
from readpool.kubernetes.client import KubernetesClient, NoKubernetes, connect
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import CONFIG_MAP, KINDS, LEASE, POOL, PROMETHEUS_RULE, SERVICE, Kind
from readpool.kubernetes.lease import lead

pytestmark = pytest.mark.timeout(180)
WAIT_SECONDS = 40.0
MANAGER = "readpool-test"


@pytest_asyncio.fixture
async def client(api_server: ApiServer) -> AsyncIterator[KubernetesClient]:
    async with connect(api_server.kubeconfig) as connected:
        yield connected


def build_config_map(namespace: str, name: str, **texts: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}


async def until(holds: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds, or fail."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what holds is in the cluster, which sets no event of ours
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run something beside the block, and cancel it at the end; if it fails, the block fails."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def read_texts(informer: Informer) -> dict[str, dict[str, str]]:
    return {manifest["metadata"]["name"]: manifest.get("data", {}) for manifest in informer}


async def test_what_is_applied_can_be_fetched_changed_and_deleted(client: KubernetesClient, namespace: str) -> None:
    await client.apply(CONFIG_MAP, build_config_map(namespace, "one", a="1", b="2"), manager=MANAGER)
    await client.apply(CONFIG_MAP, build_config_map(namespace, "one", a="3"), manager=MANAGER)
    await client.merge(CONFIG_MAP, namespace, "one", {"data": {"c": "4"}}, manager="another")
    found = await client.get(CONFIG_MAP, namespace, "one")
    assert found is not None
    assert found["data"] == {"a": "3", "c": "4"}
    assert await client.delete(CONFIG_MAP, namespace, "one")
    assert await client.get(CONFIG_MAP, namespace, "one") is None
    assert not await client.delete(CONFIG_MAP, namespace, "one")


async def test_a_list_of_many_pages_is_whole(client: KubernetesClient, namespace: str) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(620):
            group.create_task(client.create(CONFIG_MAP, build_config_map(namespace, f"c-{number}")))
    listed, version = await client.list(CONFIG_MAP, namespace)
    assert len({manifest["metadata"]["name"] for manifest in listed}) == 620
    assert int(version) > 0


REFUSALS = {
    "a name taken": (
        build_config_map("", "taken"),
        lambda error: error.is_conflict and error.reason == "AlreadyExists",
    ),
    "a name that none can have": (build_config_map("", "No Name"), lambda error: error.is_permanent),
}


@pytest.mark.parametrize(("manifest", "is_such"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_says_what_kind_it_is(
    client: KubernetesClient, namespace: str, manifest: dict[str, Any], is_such: Callable[[ApiError], bool]
) -> None:
    await client.create(CONFIG_MAP, build_config_map(namespace, "taken"))
    manifest = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
    with pytest.raises(ApiError) as caught:
        await client.create(CONFIG_MAP, manifest)
    assert is_such(caught.value)
    assert manifest["metadata"]["name"] in caught.value.message


async def test_another_object_of_the_same_name_is_not_deleted(client: KubernetesClient, namespace: str) -> None:
    await client.create(CONFIG_MAP, build_config_map(namespace, "kept"))
    with pytest.raises(ApiError) as caught:
        await client.delete(CONFIG_MAP, namespace, "kept", uid="1-2-3")
    assert caught.value.is_conflict
    assert await client.get(CONFIG_MAP, namespace, "kept") is not None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_cluster_says_which_kinds_it_has(client: KubernetesClient, kind: Kind) -> None:
    optional = {"ScaledObject", "HTTPRoute", "PrometheusRule", "VolumeSnapshot"}
    assert await client.serves(kind) is (kind.name not in optional)
    if kind.name not in optional:
        await client.list(kind)


async def test_a_kind_that_is_not_there_is_gone(client: KubernetesClient) -> None:
    with pytest.raises(ApiError) as caught:
        await client.list(PROMETHEUS_RULE)
    assert caught.value.is_not_found


async def test_no_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoKubernetes, match="nowhere"):
        async with connect(tmp_path / "nowhere"):
            pass


async def test_nobody_listening_is_an_error_without_a_status(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}], contexts: [{name: c, context: {cluster: c}}]}"
    )
    async with connect(kubeconfig) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(POOL, "default", "pool")
    assert caught.value.status == 0


async def test_an_informer_follows_what_is_added_changed_and_deleted(client: KubernetesClient, namespace: str) -> None:
    await client.create(CONFIG_MAP, build_config_map(namespace, "before", a="1"))
    informer = Informer(client, CONFIG_MAP, namespace)
    heard: list[str] = []
    informer.on_change(lambda key, _: heard.append(key.name))
    async with running(informer.run()):
        await asyncio.wait_for(informer.synced.wait(), WAIT_SECONDS)
        assert read_texts(informer) == {"before": {"a": "1"}}
        await client.create(CONFIG_MAP, build_config_map(namespace, "after", b="2"))
        await client.merge(CONFIG_MAP, namespace, "before", {"data": {"a": "3"}}, manager=MANAGER)
        await until(lambda: read_texts(informer) == {"before": {"a": "3"}, "after": {"b": "2"}})
        await client.delete(CONFIG_MAP, namespace, "before")
        await until(lambda: read_texts(informer) == {"after": {"b": "2"}})
    assert heard == ["before", "after", "before", "before"]


async def test_an_informer_knows_who_owns_what(client: KubernetesClient, namespace: str) -> None:
    owner = await client.create(CONFIG_MAP, build_config_map(namespace, "owner"))
    uid = owner["metadata"]["uid"]
    owned = build_config_map(namespace, "owned")
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
    informer = Informer(client, CONFIG_MAP, namespace)
    async with running(informer.run()):
        await client.create(CONFIG_MAP, owned)
        await until(lambda: [m["metadata"]["name"] for m in informer.list_by_index(uid)] == ["owned"])
        await client.delete(CONFIG_MAP, namespace, "owned")
        await until(lambda: not list(informer.list_by_index(uid)))


async def test_an_informer_sees_what_happened_while_the_api_server_was_away(
    api_server: ApiServer, client: KubernetesClient, namespace: str
) -> None:
    await client.create(CONFIG_MAP, build_config_map(namespace, "kept", a="1"))
    await client.create(CONFIG_MAP, build_config_map(namespace, "lost"))
    informer = Informer(client, CONFIG_MAP, namespace)
    async with running(informer.run()):
        await until(lambda: len(informer) == 2)
        await asyncio.to_thread(api_server.stop_api)
        await asyncio.to_thread(api_server.start_api)
        async with connect(api_server.kubeconfig) as another:
            await another.delete(CONFIG_MAP, namespace, "lost")
            await another.merge(CONFIG_MAP, namespace, "kept", {"data": {"a": "2"}}, manager=MANAGER)
        await until(lambda: read_texts(informer) == {"kept": {"a": "2"}})


async def test_one_leads_and_another_follows_at_once_when_it_ends(client: KubernetesClient, namespace: str) -> None:
    leading: list[str] = []

    async def work(name: str) -> None:
        leading.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            leading.remove(name)

    first = asyncio.ensure_future(lead(client, namespace, "readpool", "first", lambda: work("first")))
    await until(lambda: leading == ["first"])
    async with running(lead(client, namespace, "readpool", "second", lambda: work("second"))):
        lease = await client.get(LEASE, namespace, "readpool")
        assert lease is not None
        assert lease["spec"]["holderIdentity"] == "first"
        assert lease["spec"]["renewTime"].endswith("Z")
        first.cancel()
        await until(lambda: leading == ["second"], 10.0)


async def test_services_are_found_where_the_api_keeps_them(client: KubernetesClient) -> None:
    listed, _ = await client.list(SERVICE, "default")
    assert [service["metadata"]["name"] for service in listed] == ["kubernetes"]
