"""Which event loop a component test runs on: polling on uvloop, as the scaler does, and a single fetch on both.

And a history archive of the simulated Core, made once, with a node that catches up from it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from readpool.simulator.core.settings import HistoryArchive
from tests.core_archive import create, make_settings, publish
from tests.core_catchup_node import GET, LEDGERS, Node

_Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

_BOTH: _Loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
_UVLOOP: _Loops = {"uvloop": uvloop.new_event_loop}
_ASYNCIO: _Loops = {"asyncio": asyncio.new_event_loop}
_LOOPS = {
    "test_fetch.py": _BOTH,
    "test_hostile.py": _UVLOOP,
    "test_discovery.py": _UVLOOP,
    "test_poller.py": _UVLOOP,
    "test_fleets.py": _UVLOOP,
    "test_references.py": _UVLOOP,
    "test_controller_queue.py": _BOTH,
    "test_controller_streams.py": _UVLOOP,
    "test_controller_archives.py": _UVLOOP,
}


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> _Loops:
    """Return the loops by the test's module; all others run on asyncio's own."""
    return _LOOPS.get(item.path.name, _ASYNCIO)


@pytest.fixture(scope="session")
def core_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history archive with the checkpoints to 311."""
    folder = tmp_path_factory.mktemp("archive")
    asyncio.run(publish(folder / "history", folder, LEDGERS))
    return folder / "history"


@pytest.fixture
def catching_up(core_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node with a new database that catches up from the archive; its folder is the current one."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "get.sh"
    script.write_text(GET)
    get = f"sh {script} {core_archive} {tmp_path} {{0}} {{1}}"
    settings = make_settings(Path(), [HistoryArchive("local", get=get)])
    store = create(settings)
    yield Node(settings, store, tmp_path, core_archive)
    store.close()
