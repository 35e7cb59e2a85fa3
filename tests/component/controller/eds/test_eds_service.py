"""Endpoint discovery over real gRPC, spoken by hand: both variants, refusals, TLS, many streams, ends and returns."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from controller.eds.eds import Assignment, build_assignment
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_client import EdsClient, open_stream, read_weights
from devtools.envoy.eds_slices import build_slice
from readpool.host_port import HostPort, SettingsError
from readpool.tls_files import TlsFiles
from tests.component.certificates import Authority, write_secret

ONE, TWO = "10.0.0.1", "10.0.0.2"
LISTEN = HostPort("127.0.0.1", 0)


def weigh(**weights: int) -> Assignment:
    """Build an assignment of 10.0.0.N by weights named nN."""
    return build_assignment([build_slice([f"10.0.0.{n[1:]}"], weight, name=n) for n, weight in weights.items()])


@pytest.fixture
def store() -> EdsStore:
    store = EdsStore()
    store.ready.set()
    store.update("default/a", weigh(n1=100, n2=10))
    return store


@pytest.fixture
async def server(store: EdsStore) -> AsyncIterator[EdsServer]:
    server = EdsServer(LISTEN, store)
    await server.start()
    yield server
    await server.stop()


async def test_the_whole_state_comes_at_once_and_each_change_after_it(store: EdsStore, server: EdsServer) -> None:
    async with open_stream(server.port) as stream:
        await stream.want("default/a")
        first = await stream.read()
        assert read_weights(first) == {"default/a": {ONE: 100, TWO: 10}}
        await stream.want("default/a", after=first)
        assert await stream.is_quiet()
        store.update("default/a", weigh(n1=10, n2=100))
        second = await stream.read()
        assert read_weights(second) == {"default/a": {ONE: 10, TWO: 100}}
        assert second.version_info != first.version_info
        assert second.nonce != first.nonce
        store.update("default/b", weigh(n3=1))
        store.update("default/a", weigh(n1=10, n2=100))
        assert await stream.is_quiet()


async def test_delta_sends_what_is_asked_for_and_what_changes(store: EdsStore, server: EdsServer) -> None:
    store.update("default/b", weigh(n3=1))
    async with open_stream(server.port, is_delta=True) as stream:
        await stream.change("default/a", "default/b")
        first = await stream.read()
        assert read_weights(first).keys() == {"default/a", "default/b"}
        assert [one.version for one in first.resources] == [store.version_of(one.name) for one in first.resources]
        await stream.change(after=first)
        store.update("default/b", weigh(n3=2))
        second = await stream.read()
        assert read_weights(second) == {"default/b": {"10.0.0.3": 2}}
        await stream.change(after=second, remove=["default/b"])
        assert await stream.is_quiet()
        store.update("default/b", weigh(n3=3))
        assert await stream.is_quiet()


async def test_a_pool_that_goes_leaves_its_envoys_without_endpoints_rather_than_with_old_ones(
    store: EdsStore, server: EdsServer
) -> None:
    for is_delta in (False, True):
        store.update("default/a", weigh(n1=100))
        async with open_stream(server.port, is_delta=is_delta) as stream:
            await (stream.change("default/a") if is_delta else stream.want("default/a"))
            await stream.read()
            store.update("default/a", None)
            assert read_weights(await stream.read()) == {"default/a": {}}


async def test_delta_tells_whoever_wants_all_what_is_gone(store: EdsStore, server: EdsServer) -> None:
    async with open_stream(server.port, is_delta=True) as stream:
        await stream.change()
        assert read_weights(await stream.read()).keys() == {"default/a"}
        store.update("default/a", None)
        answer = await stream.read()
        assert list(answer.removed_resources) == ["default/a"]
        assert not answer.resources


async def test_an_envoy_that_returns_by_delta_gets_what_it_lacks(store: EdsStore, server: EdsServer) -> None:
    store.update("default/b", weigh(n3=1))
    known = {"default/a": str(store.version_of("default/a")), "default/b": "older"}
    async with open_stream(server.port, is_delta=True) as stream:
        await stream.change("default/a", "default/b", **known)
        assert read_weights(await stream.read()).keys() == {"default/b"}


async def test_a_refusal_is_logged_once_and_nothing_is_sent_again_until_it_changes(
    store: EdsStore, server: EdsServer
) -> None:
    async def refuse(stream: EdsClient, *, is_delta: bool) -> None:
        answer = await stream.read()
        if is_delta:
            await stream.change(after=answer, refusing="malformed IP address")
        else:
            await stream.want("default/a", after=answer, refusing="malformed IP address")

    with capture_logs() as logged:
        for is_delta in (False, True):
            async with open_stream(server.port, is_delta=is_delta) as stream:
                await (stream.change("default/a") if is_delta else stream.want("default/a"))
                await refuse(stream, is_delta=is_delta)
                assert await stream.is_quiet()
                store.update("default/a", weigh(n1=1 + is_delta))
                await refuse(stream, is_delta=is_delta)
                assert await stream.is_quiet()
    told = [entry for entry in logged if entry["event"] == "edsRefused"]
    assert [(entry["node"], entry["message"]) for entry in told] == [("test", "malformed IP address")]
    assert (server.stats.refusals, server.stats.pushes) == (4, {"StateOfTheWorld": 2, "Delta": 2, "Fetch": 0})


@pytest.mark.parametrize("is_delta", [False, True])
async def test_streams_are_counted_while_they_are_open(server: EdsServer, *, is_delta: bool) -> None:
    async with open_stream(server.port, is_delta=is_delta) as stream:
        await (stream.change("default/a") if is_delta else stream.want("default/a"))
        await stream.read()
        assert server.stats.streams == 1
    async with asyncio.timeout(30):
        while server.stats.streams:  # noqa: ASYNC110 - gRPC tells nobody when it is through
            await asyncio.sleep(0.01)


async def test_another_type_is_refused_by_name(server: EdsServer) -> None:
    cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    async with open_stream(server.port) as stream:
        await stream.want("default/a", type_url=cluster)
        with pytest.raises(grpc.aio.AioRpcError, match=r"this service serves only .*ClusterLoadAssignment") as raised:
            await stream.read()
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_nothing_is_said_before_all_is_known(server: EdsServer, store: EdsStore) -> None:
    store.ready.clear()
    async with open_stream(server.port) as stream:
        await stream.want("default/a", "default/b")
        assert await stream.is_quiet()
        store.update("default/b", weigh(n3=1))
        store.ready.set()
        assert read_weights(await stream.read()) == {"default/a": {ONE: 100, TWO: 10}, "default/b": {"10.0.0.3": 1}}


async def test_hundreds_of_streams_each_hear_of_their_own(store: EdsStore, server: EdsServer) -> None:
    names = [f"default/p{i}" for i in range(200)]
    for name in names:
        store.update(name, weigh(n1=1))
    async with asyncio.TaskGroup() as group:
        begun = asyncio.Barrier(len(names) + 1)

        async def follow(name: str) -> None:
            async with open_stream(server.port) as stream:
                await stream.want(name)
                assert read_weights(await stream.read()) == {name: {ONE: 1}}
                await begun.wait()
                assert read_weights(await stream.read()) == {name: {ONE: 2}}

        for name in names:
            group.create_task(follow(name))
        await begun.wait()
        for name in names:
            store.update(name, weigh(n1=2))
    async with asyncio.timeout(30):
        while server.stats.streams:  # noqa: ASYNC110 - gRPC tells nobody when it is through
            await asyncio.sleep(0.01)


async def test_streams_end_when_the_server_does_and_another_goes_on_with_the_same_versions(store: EdsStore) -> None:
    answers = []
    for _ in range(2):
        server = EdsServer(LISTEN, store)
        await server.start()
        async with open_stream(server.port) as stream:
            await stream.want("default/a")
            answers.append(await stream.read())
            await server.stop()
            assert await stream.read() is grpc.aio.EOF
    assert answers[0] == answers[1]


async def test_with_a_client_ca_only_envoys_with_a_certificate_are_served(store: EdsStore, tmp_path: Path) -> None:
    authority = Authority("authority")
    write_secret(tmp_path, authority.issue(), authority.root)
    files = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt", "--eds-tls")
    server = EdsServer(LISTEN, store, files)
    await server.start()
    pair = authority.issue("envoy")
    shown = grpc.ssl_channel_credentials(authority.root, pair.key, pair.certificate)
    async with open_stream(server.port, credentials=shown) as stream:
        await stream.want("default/a")
        assert read_weights(await stream.read()).keys() == {"default/a"}
    async with open_stream(server.port, credentials=grpc.ssl_channel_credentials(authority.root)) as stream:
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await stream.want("default/a")
    await server.stop()


async def test_a_stream_outlives_its_authority_by_minutes_and_without_client_certificates_it_just_lives_on(
    store: EdsStore, server: EdsServer, tmp_path: Path
) -> None:
    old, new = Authority("old"), Authority("new")
    write_secret(tmp_path, old.issue(), old.root)
    files = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt", "--eds-tls")
    guarded = EdsServer(LISTEN, store, files, stream_seconds=1.0, grace_seconds=0.5)
    await guarded.start()
    pair = old.issue("envoy")
    shown = grpc.ssl_channel_credentials(old.root + new.root, pair.key, pair.certificate)
    async with open_stream(guarded.port, credentials=shown) as stream, open_stream(server.port) as plain:
        for one in (stream, plain):
            await one.want("default/a")
            await one.read()
        write_secret(tmp_path, new.issue(), new.root)
        with pytest.raises(grpc.aio.AioRpcError):
            await stream.read()
        assert await plain.is_quiet()
    async with open_stream(guarded.port, credentials=shown) as stream:
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await stream.want("default/a")
    await guarded.stop()


async def test_an_address_in_use_and_files_that_are_missing_are_told_by_their_flags(
    server: EdsServer, store: EdsStore, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"^--eds-listen 127\.0\.0\.1:\d+ cannot be bound"):
        EdsServer(HostPort("127.0.0.1", server.port), store)
    with pytest.raises(SettingsError, match=r"^--eds-tls-cert .*: No such file"):
        EdsServer(LISTEN, store, TlsFiles(tmp_path / "a", tmp_path / "b", flags="--eds-tls"))
