"""What the tests on a real API server share: the server, once a session, and a namespace of its own for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from devtools.api.api_server import ApiServer, Programs, find_programs, run_api_server
from devtools.api.controller_stage import ControllerStage, set_stage
from devtools.api.definition import install_crd
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail

_NUMBERS = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the controller on the loop that it runs on as a process."""
    is_controller = item.path.name.startswith("test_controller_")
    return {"uvloop": uvloop.new_event_loop} if is_controller else {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return the programs of an API server; the first time, they are built."""
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
    """Return a namespace of the test's own; it goes with the server, as nobody is there to empty it before."""
    name = f"test-{next(_NUMBERS)}"
    api_server.access.kubectl("create", "namespace", name)
    return name


@pytest_asyncio.fixture
async def stage(api_server: ApiServer, namespace: str, tmp_path: Path) -> AsyncIterator[ControllerStage]:
    """Yield a namespace with all that a controller talks to."""
    async with set_stage(api_server, namespace, tmp_path) as staged:
        yield staged
