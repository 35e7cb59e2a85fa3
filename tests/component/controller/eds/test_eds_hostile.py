"""Endpoint discovery under a pod that means harm: names without end, streams without end, words without end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc
from structlog.testing import capture_logs

from controller.eds.eds_messages import TYPE_URL
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from controller.eds.eds_subscription import MOST_NAMES
from devtools.envoy.eds_client import EdsClient, open_stream, read_weights
from readpool.host_port import HostPort
from tests.component.controller.eds.test_eds_service import weigh

ONE = "10.0.0.1"
MOST_OF_A_CALLER = 16 * 1024


@pytest.fixture
def store() -> EdsStore:
    store = EdsStore()
    store.ready.set()
    store.update("default/a", weigh(n1=100))
    return store


@pytest.fixture
async def server(store: EdsStore) -> AsyncIterator[EdsServer]:
    server = EdsServer(HostPort("127.0.0.1", 0), store)
    await server.start()
    yield server
    await server.stop()


def name_many(start: int, count: int) -> list[str]:
    return [f"ns/{number:x}" for number in range(start, start + count)]


async def read_refusal(stream: EdsClient) -> grpc.aio.AioRpcError:
    """Read until the stream ends with an error, and return that."""
    try:
        while await stream.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as refusal:
        return refusal
    raise AssertionError("the stream has ended without an error")


@pytest.mark.parametrize("is_delta", [False, True], ids=["whole", "delta"])
async def test_a_stream_that_names_too_many_is_ended_and_others_go_on(
    store: EdsStore, server: EdsServer, is_delta: bool
) -> None:
    async with open_stream(server.port) as honest, open_stream(server.port, is_delta=is_delta) as hostile:
        await honest.want("default/a")
        await honest.read()
        names = name_many(0, MOST_NAMES + 1)
        await (hostile.change(*names) if is_delta else hostile.want(*names))
        refusal = await read_refusal(hostile)
        assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "a stream can subscribe to at most 4096 names" in (refusal.details() or "")
        store.update("default/a", weigh(n1=10))
        assert read_weights(await honest.read()) == {"default/a": {ONE: 10}}
    assert server.stats.refused_callers == {("names", "stream"): 1}


async def test_names_that_come_one_request_at_a_time_are_added_up(server: EdsServer) -> None:
    async with open_stream(server.port, is_delta=True) as hostile:
        for start in range(0, MOST_NAMES, 1024):
            await hostile.change(*name_many(start, 1024))
        await hostile.change("ns/one-more")
        assert (await read_refusal(hostile)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_all_streams_of_a_caller_share_its_names_and_an_ended_one_gives_them_back(server: EdsServer) -> None:
    async with open_stream(server.port) as one, open_stream(server.port) as two, open_stream(server.port) as three:
        async with open_stream(server.port) as four, open_stream(server.port) as five:
            for index, stream in enumerate((one, two, three, four)):
                await stream.want(*name_many(index * MOST_NAMES, MOST_NAMES))
                await stream.read()
            await five.want("default/a")
            refusal = await read_refusal(five)
            assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert f"127.0.0.1 has {MOST_OF_A_CALLER} names, at most {MOST_OF_A_CALLER} are allowed" in (
                refusal.details() or ""
            )
        async with asyncio.timeout(30):
            while server.stats.streams > 3:  # noqa: ASYNC110 - gRPC tells nobody when it is through
                await asyncio.sleep(0.01)
        async with open_stream(server.port) as again:
            await again.want("default/a")
            assert read_weights(await again.read()) == {"default/a": {ONE: 100}}


@pytest.mark.parametrize(
    ("names", "known"),
    [
        pytest.param(["n" * 318], {}, id="a name"),
        pytest.param([], {"n" * 318: "1"}, id="a name that is known already"),
        pytest.param([], {"ns/a": "1" * 65}, id="a version"),
    ],
)
async def test_what_is_longer_than_it_can_be_is_refused(
    server: EdsServer, names: list[str], known: dict[str, str]
) -> None:
    async with open_stream(server.port, is_delta=True) as stream:
        await stream.change(*names, **known)
        refusal = await read_refusal(stream)
        assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "characters" in (refusal.details() or "")


async def test_a_poll_for_too_many_names_is_refused(server: EdsServer) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = eds_pb2_grpc.EndpointDiscoveryServiceStub(channel)
        request = discovery_pb2.DiscoveryRequest(type_url=TYPE_URL, resource_names=name_many(0, MOST_NAMES + 1))
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.FetchEndpoints(request)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_names_that_come_and_go_beside_the_wildcard_are_not_kept(store: EdsStore, server: EdsServer) -> None:
    async with open_stream(server.port, is_delta=True) as stream:
        await stream.change("*")
        await stream.read()
        for turn in range(3):
            names = name_many(turn * 1000, 1000)
            await stream.change(*names)
            await stream.read()
            await stream.change(remove=names)
        store.update("default/b", weigh(n1=1))
        assert read_weights(await stream.read()).keys() == {"default/b"}


async def test_what_an_envoy_says_is_kept_and_logged_in_short(server: EdsServer) -> None:
    with capture_logs() as logged:
        async with open_stream(server.port) as stream:
            await stream.want("default/a")
            await stream.want("default/a", after=await stream.read(), refusing="x" * 200_000)
            async with asyncio.timeout(30):
                while not logged:  # noqa: ASYNC110 - a long request waits for its turn
                    await asyncio.sleep(0.05)
    assert [(line["event"], len(line["message"])) for line in logged] == [("edsRefused", 500)]


async def test_bytes_that_are_no_message_are_refused_without_a_line(
    server: EdsServer, caplog: pytest.LogCaptureFixture
) -> None:
    method = "/envoy.service.endpoint.v3.EndpointDiscoveryService/"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        fetch: Any = channel.unary_unary(f"{method}FetchEndpoints")
        stream: Any = channel.stream_stream(f"{method}StreamEndpoints")
        for answer in (fetch(b"\xff\xff"), stream(iter([b"\xff\xff"])).read()):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await answer
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not caplog.records


async def test_who_asks_again_and_again_waits_while_others_are_told_at_once(store: EdsStore, server: EdsServer) -> None:
    async def flood() -> None:
        async with open_stream(server.port, is_delta=True) as stream:
            while True:
                await stream.change("default/none")

    flooding = [asyncio.create_task(flood()) for _ in range(4)]
    try:
        async with open_stream(server.port) as honest:
            await honest.want("default/a")
            await honest.read()
            for turn in range(5):
                store.update("default/a", weigh(n1=turn + 1))
                assert read_weights(await honest.read()) == {"default/a": {ONE: turn + 1}}
                await asyncio.sleep(0.1)
    finally:
        for task in flooding:
            task.cancel()
        await asyncio.gather(*flooding, return_exceptions=True)
