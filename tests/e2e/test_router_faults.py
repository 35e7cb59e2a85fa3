"""No read fails that another replica could have answered, whether one stands still, dies, is cut off or fails.

A real Envoy by the example's bootstrap, which tests/e2e/test_chart_router_asks.py holds the chart's to.
"""

import asyncio
import contextlib
import functools
import itertools
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.gate.gate_listeners import MOST_BODY_BYTES, READ_PATHS
from devtools.envoy.eds_router import DELTA, assign, build_router_config
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.envoy_process import run_envoy
from devtools.envoy.gate_process import build_request, read_status, run_gate, send
from devtools.envoy.own_network import NODE_ADDRESS, OwnNetwork, make_network
from devtools.envoy.replica_process import ReplicaProcess, run_replica_processes
from devtools.envoy.routed_replicas import Readers, assign_ports, run_told_router
from devtools.envoy.weighted_backends import Reader, name_addresses, to_port
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from tests.recording_core import run_recording_core

pytestmark = pytest.mark.timeout(180)
MOST_SECONDS = 5.0
"""A read that a replica does not answer is asked again after a second; all else is what the machine does meanwhile."""
BEFORE_SECONDS, AFTER_SECONDS = 0.5, 3.0
ROUTER_PORT = 8090
READ = build_request("POST", READ_PATHS[0], b"key=AAAA")
Fault = Callable[[ReplicaProcess], None]


@pytest.fixture(autouse=True)
def _envoy() -> None:
    require_envoy()


async def read_through(readers: Readers, fault: Callable[[], None]) -> None:
    """Read before, during and after a fault; check that no read failed, and none took long."""
    async with readers.reading():
        await asyncio.sleep(BEFORE_SECONDS)
        fault()
        await asyncio.sleep(AFTER_SECONDS)
    assert readers.failures == []
    assert max(readers.seconds) < MOST_SECONDS, sorted(readers.seconds)[-5:]


def strike(fault: Fault, replicas: Sequence[ReplicaProcess]) -> None:
    for replica in replicas:
        fault(replica)


@pytest.mark.parametrize("fault", [ReplicaProcess.freeze, ReplicaProcess.kill], ids=["frozen", "killed"])
@pytest.mark.parametrize("sick", [1, 2], ids=["one of three", "two of three"])
async def test_no_read_fails_and_none_takes_long_while_replicas_stand_still_or_die(
    tmp_path: Path, fault: Fault, sick: int
) -> None:
    with run_replica_processes(name_addresses(3)) as replicas:
        weights = dict.fromkeys([one.address for one in replicas], 100)
        async with run_told_router(tmp_path, assign(weights, replicas[0].port)) as router:
            readers = Readers(to_port(router.port))
            await read_through(readers, lambda: strike(fault, replicas[:sick]))
    assert set(readers.answered) == set(weights), "all of them had answered before"


@pytest.mark.parametrize("fault", [ReplicaProcess.freeze, ReplicaProcess.kill], ids=["frozen", "killed"])
async def test_the_heaviest_replica_is_not_asked_again_beside_ones_that_weigh_next_to_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    with run_replica_processes(name_addresses(3)) as replicas:
        heavy, *light = [one.address for one in replicas]
        weights = {heavy: 1000} | dict.fromkeys(light, 1)
        async with run_told_router(tmp_path, assign(weights, replicas[0].port)) as router:
            readers = Readers(to_port(router.port))
            await read_through(readers, lambda: fault(replicas[0]))
    assert set(light) & set(readers.answered)


async def test_no_read_fails_while_a_core_stands_still_or_dies_behind_its_gate(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        cores = stack.enter_context(run_replica_processes(["127.0.0.1"]))
        cores += [core for _ in range(2) for core in stack.enter_context(run_replica_processes(["127.0.0.1"]))]
        envoy, ports = require_envoy(), []
        for core in cores:
            gate = await stack.enter_async_context(run_gate(envoy, tmp_path, core.port, core.port))
            ports.append(gate.ports.read)
        weights = dict.fromkeys(ports, 100)
        router = await stack.enter_async_context(run_told_router(tmp_path, assign_ports(weights)))
        await read_through(Readers(to_port(router.port)), cores[0].freeze)
        await read_through(Readers(to_port(router.port)), cores[1].kill)


async def test_no_read_fails_and_none_takes_long_while_a_replica_is_cut_off(tmp_path: Path) -> None:
    """By kept connections nothing comes back, and new ones are not answered."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            network = stack.enter_context(make_network())
        except UnmetNeedError as error:
            skip_or_fail(str(error))
        pods = [f"10.8.0.{number + 1}" for number in range(3)]
        replicas = stack.enter_context(run_replica_processes(pods, network.place))
        config = build_static_config(pods, replicas[0].port)
        await stack.enter_async_context(run_envoy(require_envoy(), config, tmp_path, place=network.place))
        await wait_until_answered(network)
        readers = Readers(functools.partial(network.connect, NODE_ADDRESS, ROUTER_PORT))
        await read_through(readers, lambda: cut(network, pods[0]))
    assert set(readers.answered) == set(pods)


def build_static_config(pods: Sequence[str], port: int) -> dict[str, Any]:
    """Build the example's bootstrap with the replicas in it: nobody tells them in a network of its own."""
    config = build_router_config(1, ROUTER_PORT, DELTA, NODE_ADDRESS)
    pool = config["static_resources"]["clusters"][0]
    del pool["eds_cluster_config"]
    addresses = [{"socket_address": {"address": pod, "port_value": port}} for pod in pods]
    endpoints = [{"endpoint": {"address": address}} for address in addresses]
    pool |= {"type": "STATIC", "load_assignment": {"cluster_name": "pool", "endpoints": [{"lb_endpoints": endpoints}]}}
    return config


async def wait_until_answered(network: OwnNetwork) -> None:
    async with asyncio.timeout(20), Reader(functools.partial(network.connect, NODE_ADDRESS, ROUTER_PORT)) as reader:
        while not await reader.ask():  # noqa: ASYNC110 - Envoy's admin socket is in the other network
            await asyncio.sleep(0.05)


def cut(network: OwnNetwork, address: str) -> None:
    """Lose every packet to an address."""
    words = ("iptables", "--wait", "--insert", "INPUT", "--destination", address, "--jump", "DROP")
    subprocess.run([*network.place, *words], check=True, capture_output=True)


@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"502 Bad Gateway", b"503 Busy", b"504 Timeout"])
async def test_an_answer_that_stands_for_a_replicas_trouble_is_asked_for_elsewhere(
    tmp_path: Path, status: bytes
) -> None:
    body = b"key=" + b"A" * (MOST_BODY_BYTES - 4)
    async with run_recording_core() as sick, run_recording_core() as well:
        sick.status = status
        async with run_told_router(tmp_path, assign_ports({sick.port: 1000, well.port: 1})) as router:
            answers = [await send(router.port, build_request("POST", READ_PATHS[0], body)) for _ in range(4)]
    assert [read_status(answer) for answer in answers] == [200] * 4
    assert sick.requests, "it was asked first"
    assert {len(one.partition(b"\r\n\r\n")[2]) for one in well.requests} == {len(body)}, "whole, the second time"


@pytest.mark.parametrize("status", [b"400 Bad Request", b"404 Not Found"])
async def test_an_answer_that_any_replica_would_give_is_the_readers(tmp_path: Path, status: bytes) -> None:
    async with run_recording_core() as one, run_recording_core() as other:
        one.status = other.status = status
        async with run_told_router(tmp_path, assign_ports({one.port: 1, other.port: 1})) as router:
            answer = await send(router.port, READ)
    assert read_status(answer) == int(status[:3])
    assert len(one.requests) + len(other.requests) == 1


async def test_where_all_replicas_fail_each_is_asked_once_and_the_reader_is_told(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        cores = [await stack.enter_async_context(run_recording_core()) for _ in range(3)]
        for core in cores:
            core.status = b"503 Busy"
        router = await stack.enter_async_context(
            run_told_router(tmp_path, assign_ports({core.port: 100 - 45 * n for n, core in enumerate(cores)}))
        )
        assert read_status(await send(router.port, READ)) == 503
    assert [len(core.requests) for core in cores] == [1, 1, 1]


async def test_whichever_replica_can_answer_does_beside_one_that_is_silent_and_one_that_fails_late(
    tmp_path: Path,
) -> None:
    troubles = ((1.5, b"503 Busy"), (60.0, b"200 OK"), (0.0, b"200 OK"))
    async with contextlib.AsyncExitStack() as stack:
        cores = [await stack.enter_async_context(run_recording_core()) for _ in range(3)]
        weights = {core.port: weight for core, weight in zip(cores, (900, 30, 1), strict=True)}
        router = await stack.enter_async_context(run_told_router(tmp_path, assign_ports(weights)))
        for turn in itertools.permutations(troubles):
            for core, (seconds, status) in zip(cores, turn, strict=True):
                core.delay_seconds, core.status = seconds, status
            assert read_status(await send(router.port, READ)) == 200, turn
