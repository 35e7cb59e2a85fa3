"""The query that ends Stellar Core, sent by an HTTPRoute through a real Contour and its Envoy: no byte arrives.

Nor does any through a real Istio, whose istiod drives the Envoy beside a reader; that one is long, for what it builds.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.gate.gate import READ_PORT
from devtools.api.mesh_stage import set_mesh_stage
from devtools.api.routes_stage import FRESH_WEIGHT, POOL, RoutesStage, Way, set_routes_stage
from devtools.envoy.gate_process import build_request, read_answer, read_status
from devtools.envoy.weighted_backends import Connect
from tests.deadly_lengths import BODY, LENGTHS, write_deadly_forms, write_deadly_streams
from tests.e2e.api.stage_or_skip import set_or_skip
from tests.judged_requests import find_deadly
from tests.raw_core import RawCore

pytestmark = pytest.mark.timeout(300)
ANSWER_SECONDS = 1.5
AT_ONCE = 128
HOST = POOL.encode()
EACH = 5
"""Of the lengths one of so many in all forms, and those that were recorded."""


@pytest_asyncio.fixture(
    params=[
        pytest.param(set_routes_stage, id="Contour"),
        pytest.param(set_mesh_stage, id="Istio", marks=[pytest.mark.full, pytest.mark.timeout(900)]),
    ]
)
async def routes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RoutesStage]:
    async with set_or_skip(request.param(tmp_path)) as stage:
        yield stage


async def test_no_byte_of_it_arrives_through_a_gateway_or_a_mesh(routes: RoutesStage) -> None:
    await routes.have_pool(1)
    await routes.say()
    await routes.until_routed(dict.fromkeys(routes.addresses, FRESH_WEIGHT))
    connect = await routes.find_way(Way.HTTP_ROUTE)
    (address,) = routes.addresses.values()
    await routes.backends.aclose()  # who has answered there until now
    core = RawCore()
    server = await asyncio.start_server(core.answer, sock=routes.network.listen(address, READ_PORT))
    try:

        async def is_answered() -> bool:  # not over a connection to who has answered until now
            return await ask(connect) == 200

        await routes.stage.until(is_answered, "the one who keeps all bytes to be asked")
        core.received.clear()
        lengths = {*LENGTHS[::EACH], b"x", b"", b"2147483648"}
        await send_all(connect, [form for one in lengths for form in write_all(one)])
        assert await ask(connect) == 200
    finally:
        server.close()
    assert [one for raw in core.received for one in find_deadly(raw)] == []


def write_all(length: bytes) -> list[bytes]:
    """Write all forms of it, to the Service that a mesh knows by its name."""
    plain = [form.replace(b"Host: a\r\n", b"Host: %b\r\n" % HOST) for form in write_deadly_forms(length)]
    return plain + write_deadly_streams(length, HOST)


async def ask(connect: Connect) -> int:
    """Ask as an honest reader does; return the status."""
    reader, writer = await connect()
    writer.write(build_request("POST", "/getledgerentryraw", BODY).replace(b"Host: gate", b"Host: " + HOST))
    async with asyncio.timeout(30):
        status = read_status(await read_answer(reader))
    writer.close()
    return status


async def send_all(connect: Connect, requests: list[bytes]) -> None:
    """Send each over a connection of its own, and wait a little for its end."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def send_one(request: bytes) -> None:
        async with turns:
            with contextlib.suppress(OSError, TimeoutError):
                reader, writer = await connect()
                writer.write(request)
                async with asyncio.timeout(ANSWER_SECONDS):
                    while await reader.read(1 << 16):
                        pass
            writer.close()

    async with asyncio.TaskGroup() as group:
        for request in requests:
            group.create_task(send_one(request))
