"""Endpoint discovery from real controllers on a real API server: both replicas serve it, the leader and the other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import grpc
import pytest

from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import BALANCED, has_replicas
from devtools.envoy.eds_client import EdsClient, open_stream, read_weights
from devtools.machine.ports import take_ports
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POOL, STATEFUL_SET

pytestmark = pytest.mark.timeout(180)
SECONDS = 30.0
COLLECT_SECONDS = 1.0


@contextlib.asynccontextmanager
async def listen(port: int, *names: str) -> AsyncIterator[EdsClient]:
    """Subscribe to pools of a controller that may only just have been started."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(SECONDS):
            while True:
                stream = await stack.enter_async_context(open_stream(port, is_delta=True))
                try:
                    await stream.change(*names)
                    break
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await asyncio.sleep(0.1)
        yield stream


async def wait_for(stream: EdsClient, name: str, weights: list[int]) -> list[str]:
    """Read until a pool's endpoints have these weights; gives their addresses."""
    last: dict[str, int] | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while last is None or sorted(last.values()) != sorted(weights):
                last = read_weights(await asyncio.wait_for(stream.call.read(), SECONDS)).get(name, last)
            return sorted(last)
    raise AssertionError(f"not within {SECONDS} s: {weights}; the last were {last}")


async def test_every_replica_of_the_controller_tells_envoys_of_the_same_weights_as_they_change(
    stage: ControllerStage,
) -> None:
    ports = take_ports(2)
    name = f"{stage.namespace}/pool"
    async with contextlib.AsyncExitStack() as stack:
        for i, port in enumerate(ports):
            await stack.enter_async_context(
                stage.process("--identity", f"replica-{i}", "--eds-listen", f"127.0.0.1:{port}")
            )
        streams = [await stack.enter_async_context(listen(port, name)) for port in ports]
        await asyncio.gather(*(wait_for(stream, name, []) for stream in streams))
        await stage.apply(**BALANCED)
        await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet")
        await stage.cluster.run_pods("pool")
        await stage.say()
        first, second = await asyncio.gather(*(wait_for(stream, name, [100] * 5) for stream in streams))
        assert first == second
        await stage.say(classes={"pool-0": "lagging"})
        await asyncio.gather(*(wait_for(stream, name, [10, 100, 100, 100, 100]) for stream in streams))
        assert await stage.get(STATEFUL_SET, "pool") is not None
        await stage.client.delete(POOL, stage.namespace, "pool")
        async with collect_garbage(stage):
            await asyncio.gather(*(wait_for(stream, name, []) for stream in streams))


async def test_what_the_scaler_says_is_told_to_envoys_within_a_second(stage: ControllerStage) -> None:
    (port,) = take_ports(1)
    name = f"{stage.namespace}/pool"
    async with stage.process("--eds-listen", f"127.0.0.1:{port}"), listen(port, name) as stream:
        await stage.apply(**BALANCED)
        await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet")
        await stage.cluster.run_pods("pool")
        await stage.say()
        await wait_for(stream, name, [100] * 5)
        await stage.until_quiet()
        loop, seconds = asyncio.get_running_loop(), []
        for turn in range(10):
            weights, classes = ([100] * 4 + [10], {"pool-0": "lagging"}) if turn % 2 == 0 else ([100] * 5, {})
            begun = loop.time()
            await stage.say(classes=classes)
            await wait_for(stream, name, weights)
            seconds.append(loop.time() - begun)
    assert max(seconds) < 1.0, seconds


async def test_its_metrics_tell_of_streams_answers_and_refusals(stage: ControllerStage) -> None:
    (port,) = take_ports(1)
    flags, name = ("--eds-listen", f"127.0.0.1:{port}"), f"{stage.namespace}/pool"
    async with stage.process(*flags), listen(port, name) as stream, aiohttp.ClientSession() as session:
        answer = await asyncio.wait_for(stream.call.read(), SECONDS)
        await stream.change(after=answer, refusing="malformed IP address")
        url = f"http://{stage.read_log('serving')['telemetry']}/metrics"

        async def read_metrics() -> dict[str, float]:
            async with session.get(url) as found:
                lines = (await found.text()).splitlines()
            told = (line.rsplit(" ", 1) for line in lines if "_controller_eds_" in line and not line.startswith("#"))
            return {name.removeprefix("readpool_controller_eds_"): float(value) for name, value in told}

        async def are_told() -> bool:
            told = await read_metrics()
            return told == {
                "streams": 1.0,
                "refusals_total": 1.0,
                'pushes_total{variant="Delta"}': 1.0,
                'pushes_total{variant="StateOfTheWorld"}': 0.0,
                'pushes_total{variant="Fetch"}': 0.0,
            }

        await stage.until(are_told, "one stream, one answer, one refusal")


@contextlib.asynccontextmanager
async def collect_garbage(stage: ControllerStage) -> AsyncIterator[None]:
    """Delete slices again and again, as a garbage collector would, which an API server alone has not.

    A controller that has not heard yet that the pool is gone makes what it misses anew.
    """

    async def collect() -> None:
        while True:
            with contextlib.suppress(ApiError):  # as when a slice was written meanwhile; it comes again
                await stage.client.request("DELETE", ENDPOINT_SLICE.build_path(stage.namespace))
            await asyncio.sleep(COLLECT_SECONDS)

    collecting = asyncio.create_task(collect())
    try:
        yield
    finally:
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
