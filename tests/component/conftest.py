"""Which event loop a component test runs on: polling on uvloop, as the scaler does, and a single fetch on both."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

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
    """Give the loops by the test's module; all others run on asyncio's own."""
    return _LOOPS.get(item.path.name, _ASYNCIO)
