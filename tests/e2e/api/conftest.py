"""What the tests on a real API server share: the server, once a session, and a namespace of its own for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from devtools.cluster.needs import UnmetNeedError
from devtools.cluster.waiting import wait_for
from readpool.pool.crd import render_crd
from tests.e2e.api.api_server import ApiServer, Programs, find_programs, run_api_server
from tests.e2e.api.controller_stage import ControllerStage, set_stage
from tests.strictness import skip_or_fail

_NUMBERS = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the controller on the loop that it runs on as a process."""
    is_controller = item.path.name.startswith("test_controller_")
    return {"uvloop": uvloop.new_event_loop} if is_controller else {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Give the programs of an API server; the first time, they are built."""
    try:
        return find_programs()
    except UnmetNeedError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session")
def api_server(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run an API server that knows ReadOnlyPools."""
    with run_api_server(tmp_path_factory.mktemp("api"), programs) as server:
        install_crd(server)
        yield server


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """Give a namespace of the test's own; it goes with the server, as nobody is there to empty it before."""
    name = f"test-{next(_NUMBERS)}"
    api_server.access.kubectl("create", "namespace", name)
    return name


@pytest_asyncio.fixture
async def stage(api_server: ApiServer, namespace: str, tmp_path: Path) -> AsyncIterator[ControllerStage]:
    """Give a namespace with all that a controller talks to."""
    async with set_stage(api_server, namespace, tmp_path) as staged:
        yield staged


def install_crd(server: ApiServer) -> None:
    """Apply the definition as kubectl's users do, and return when pools can be made."""
    server.access.kubectl("apply", "-f", "-", stdin=render_crd())
    # `kubectl wait` for Established fails where there is no status yet, and says too little where there is: it comes
    # before each part of the API server has heard of the new kind.
    wait_for("ReadOnlyPools to be served", lambda: _is_served(server), seconds=30, every=0.1)


def _is_served(server: ApiServer) -> bool:
    return "readonlypools" in server.access.kubectl(
        "api-resources", "--api-group=stellar.org", "--cached=false", "-o", "name"
    )
