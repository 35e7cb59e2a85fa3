"""Endpoint discovery of a controller that has lost the API server, and of slices that cannot be read."""

import asyncio
import time
from pathlib import Path

import grpc
import pytest
from envoy.config.endpoint.v3 import endpoint_pb2

from controller.cluster.sight import CURRENT_SECONDS, Sight
from controller.cluster.watches import Watches
from controller.eds.eds_feed import EdsFeed
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.api.small_api import SmallApi, serve_small_api
from devtools.envoy.eds_client import open_stream, read_weights
from devtools.envoy.eds_slices import build_slice
from readpool.host_port import HostPort
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import ENDPOINT_SLICE, ObjectKey

pytestmark = pytest.mark.timeout(120)


def read_endpoints(store: EdsStore) -> set[str]:
    """Read the addresses that the pool's readers are told."""
    message = endpoint_pb2.ClusterLoadAssignment.FromString(store.get("default/pool").message.value)
    return {e.endpoint.address.socket_address.address for one in message.endpoints for e in one.lb_endpoints}


def put(api: SmallApi, address: str, name: str = "pool-fresh-0", **fields: object) -> None:
    made = build_slice([address], name=name)
    labels = {"stellar.org/pool": "pool", "endpointslice.kubernetes.io/managed-by": "readpool-controller"}
    made["metadata"]["labels"] |= labels
    api.put(ObjectKey(ENDPOINT_SLICE, "default", name), {**made, **fields})


async def test_its_streams_end_new_ones_are_sent_elsewhere_and_it_serves_again_when_it_is_back(tmp_path: Path) -> None:
    async with serve_small_api(tmp_path) as (api, client):
        put(api, "10.0.0.1")
        watches, store = Watches(client, (), lambda _: None), EdsStore()
        feed, server = EdsFeed(watches, store), EdsServer(HostPort("127.0.0.1", 0), store)
        await server.start()
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(watches.run())]
        async with open_stream(server.port, is_delta=True) as stream:
            await stream.change("default/pool")
            assert read_weights(await stream.read())["default/pool"].keys() == {"10.0.0.1"}
            api.go_away()
            put(api, "10.0.0.2")
            began = time.monotonic()
            async with asyncio.timeout(CURRENT_SECONDS + 10):
                assert await stream.call.read() is grpc.aio.EOF
            assert time.monotonic() - began > CURRENT_SECONDS - 5
        assert not watches.sight.is_current
        async with open_stream(server.port, is_delta=True) as stream:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stream.read()
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        api.is_away = False
        async with asyncio.timeout(40):
            while not store.is_current:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        async with open_stream(server.port, is_delta=True) as stream:
            await stream.change("default/pool")
            async with asyncio.timeout(5):  # what it knew from before may come first, where the list is just being read
                while read_weights(await stream.read())["default/pool"].keys() != {"10.0.0.2"}:
                    pass
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        feed.stop()
        await server.stop()


async def test_a_slice_that_cannot_be_read_keeps_none_of_the_others_from_being_told(tmp_path: Path) -> None:
    async with serve_small_api(tmp_path) as (api, client):
        put(api, "10.0.0.1")
        put(api, "no address", "pool-fresh-1")
        put(api, "10.0.0.3", "pool-fresh-2", ports=[{"name": "read", "port": 70_000}])
        put(api, "10.0.0.4", "pool-fresh-3", endpoints=["nonsense"])
        put(api, "10.0.0.5", "pool-fresh-4", endpoints=[{"addresses": ["10.0.0.5"], "zone": "\ud800"}])
        watches, store = Watches(client, (), lambda _: None), EdsStore()
        feed = EdsFeed(watches, store)
        watching = asyncio.create_task(watches.run())
        await asyncio.wait_for(feed.run(), 20)
        assert read_endpoints(store) == {"10.0.0.1", "10.0.0.5"}
        put(api, "10.0.0.9")
        async with asyncio.timeout(30):
            while read_endpoints(store) != {"10.0.0.9", "10.0.0.5"}:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        feed.stop()


@pytest.mark.parametrize(
    ("lost", "is_current"),
    [
        ([None, None], True),
        ([30.0, None], True),
        ([30.0, 10.0], True),
        ([30.0, 21.0], False),
    ],
    ids=["nothing is lost", "one namespace is", "both are, one a moment ago", "both are for long"],
)
async def test_a_controller_is_cut_off_when_it_has_seen_no_namespace_for_long(
    lost: list[float | None], is_current: bool
) -> None:
    now = asyncio.get_running_loop().time()
    informers = [Informer(None, ENDPOINT_SLICE, None) for _ in lost]  # type: ignore[arg-type]
    for informer, seconds in zip(informers, lost, strict=True):
        informer.synced.set()
        informer.lost_at = None if seconds is None else now - seconds
    sight = Sight(informers)
    looking = asyncio.create_task(sight.run())
    await asyncio.sleep(1.0)
    looking.cancel()
    assert sight.is_current is is_current
