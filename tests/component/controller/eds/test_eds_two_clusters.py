"""A real Envoy by the example for two clusters, told by two real servers: which pool it reads when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from controller.eds.eds import Assignment, EdsEndpoint, Health, Locality
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.api.two_clusters import build_router_config
from devtools.envoy.eds_router import POOL
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.envoy_process import run_envoy
from devtools.envoy.weighted_backends import Reader, name_addresses, run_backends, to_port
from devtools.machine.ports import take_ports
from readpool.host_port import HostPort

SECONDS = 15.0
HERE, THERE = name_addresses(2)
HEALTHY, DEGRADED = Health.HEALTHY, Health.DEGRADED
TURNS: list[tuple[Health | None, Health, str]] = [
    (HEALTHY, HEALTHY, HERE),
    (DEGRADED, HEALTHY, THERE),
    (HEALTHY, DEGRADED, HERE),
    (DEGRADED, DEGRADED, HERE),
    (None, HEALTHY, THERE),
    (None, DEGRADED, THERE),
]
"""What the pools are, here and there, and which is read; None: there is no pool."""


def assign(address: str, port: int, health: Health) -> Assignment:
    return Assignment((Locality("", (EdsEndpoint(address, port, 100, health),)),))


@contextlib.asynccontextmanager
async def run_server(store: EdsStore) -> AsyncIterator[int]:
    store.ready.set()
    server = EdsServer(HostPort("127.0.0.1", 0), store)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def run_router(folder: Path, here: int, there: int) -> AsyncIterator[int]:
    """Run Envoy by the example; gives the port of its readers."""
    (port,) = take_ports(1)
    config = build_router_config(here, there)
    (listener,) = config["static_resources"]["listeners"]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    async with run_envoy(require_envoy(), config, folder) as envoy:
        await envoy.wait_until_live()
        yield port


async def until_read(port: int, wanted: str) -> None:
    """Read until one replica has answered many times in a row."""
    async with asyncio.timeout(SECONDS), Reader(to_port(port)) as reader:
        in_a_row = 0
        while in_a_row < 50:
            in_a_row = in_a_row + 1 if await reader.ask() == wanted else 0


async def test_it_reads_the_pool_here_unless_only_the_other_has_someone_who_is_fresh(tmp_path: Path) -> None:
    here, there = EdsStore(), EdsStore()
    async with run_backends([HERE, THERE]) as port, run_server(here) as one, run_server(there) as other:
        here.update(POOL, assign(HERE, port, HEALTHY))
        there.update(POOL, assign(THERE, port, HEALTHY))
        async with run_router(tmp_path, one, other) as router:
            for health, others, wanted in TURNS:
                here.update(POOL, assign(HERE, port, health) if health else None)
                there.update(POOL, assign(THERE, port, others))
                await until_read(router, wanted)


async def test_it_reads_there_where_no_controller_here_answers_as_it_starts(tmp_path: Path) -> None:
    there = EdsStore()
    (nobody,) = take_ports(1)
    async with run_backends([HERE, THERE]) as port, run_server(there) as other:
        there.update(POOL, assign(THERE, port, HEALTHY))
        async with run_router(tmp_path, nobody, other) as router:
            await until_read(router, THERE)


async def test_it_keeps_reading_here_while_controllers_are_away(tmp_path: Path) -> None:
    here, there = EdsStore(), EdsStore()
    async with run_backends([HERE, THERE]) as port, run_server(there) as other, contextlib.AsyncExitStack() as stack:
        here.update(POOL, assign(HERE, port, HEALTHY))
        there.update(POOL, assign(THERE, port, HEALTHY))
        async with contextlib.AsyncExitStack() as serving:
            one = await serving.enter_async_context(run_server(here))
            router = await stack.enter_async_context(run_router(tmp_path, one, other))
            await until_read(router, HERE)
        await until_read(router, HERE)
