"""The command `run`: opens data folder and ports as Core does, lets the node live, and ends it as a signal demands."""

import asyncio
import contextlib
import gc
import socket
import sqlite3
from collections.abc import Iterator
from typing import Any

from readpool.simulator.core.closing import close_ledgers, leads
from readpool.simulator.core.command_port import CommandPort
from readpool.simulator.core.ending import ENDING_SIGNALS, release
from readpool.simulator.core.errors import ABORTED, CoreFailure, abort
from readpool.simulator.core.failing import report
from readpool.simulator.core.ledger_state import LedgerState
from readpool.simulator.core.log import log
from readpool.simulator.core.node import Node
from readpool.simulator.core.opening import open_to_run
from readpool.simulator.core.query_port import QueryPort
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store

STOPPING_SECONDS = 1.0
"""How long a node without a query port says `Stopping` before its command port is gone."""
ABORT_SECONDS = 0.01
BOOTING_SECONDS = 0.005
_IN_USE = "bind: Address already in use"
_DEADLOCK = "Resource deadlock avoided"


def run(settings: CoreSettings) -> int:
    """Run a node until a signal ends it; return the exit code.

    Raises:
        CoreFailure: in Core's words, when it cannot start or comes to an end by itself.
    """
    store = open_to_run(settings, lambda: _check_ports(settings))
    try:
        asyncio.run(_run(settings, store))
    except (sqlite3.Error, OSError) as error:  # a full disk, a folder that is gone
        raise abort(str(error)) from error
    finally:
        store.close()
    return 0


async def _run(settings: CoreSettings, store: Store) -> None:
    ended = _await_signal()
    state = LedgerState(settings.passphrase, store.header, store.load_entries(), settings.query_snapshot_ledgers)
    node = Node(settings, store, state)
    command_port = CommandPort(node)
    with _open_query_port(settings, node), contextlib.closing(command_port):
        if settings.http_port:
            await _open_command_port(settings, command_port)
        await asyncio.sleep(BOOTING_SECONDS)
        await _start(node)
        await _live(node, ended)


async def _live(node: Node, ended: asyncio.Future[int]) -> None:
    """Live until a signal comes, or raise what goes wrong before."""
    closing = [asyncio.create_task(close_ledgers(node))] if leads(node) else []
    gc.freeze()  # what was imported lives as long as the process: no need to look at it again and again
    waited: list[asyncio.Future[Any]] = [ended, node.failed, *closing]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    for task in closing:
        task.cancel()
    await _end(node, next(one for one in waited if one.done()))


async def _start(node: Node) -> None:
    log("Overlay", "INFO", f"Binding to endpoint 0.0.0.0:{node.settings.peer_port}")
    try:
        await node.start()
    except OSError as error:
        raise CoreFailure(f'std::system_error(98, "Address already in use", "{_IN_USE}")', ABORTED) from error


async def _end(node: Node, ended: asyncio.Future[Any]) -> None:
    """End the node by a signal, or raise what went wrong in it."""
    log("default", "INFO", f"got signal {await ended}, shutting down")
    await node.stop()
    if node.settings.query_port:
        await asyncio.sleep(ABORT_SECONDS)
        raise CoreFailure(f'std::system_error(35, "{_DEADLOCK}", "{_DEADLOCK}")', ABORTED)
    await asyncio.sleep(STOPPING_SECONDS)


def _await_signal() -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(number)

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, end, int(number))
    release()
    return ended


def _address(settings: CoreSettings, port: int) -> tuple[str, int]:
    return ("0.0.0.0" if settings.is_public else "127.0.0.1", port)  # noqa: S104 - PUBLIC_HTTP_PORT asks for it


async def _open_command_port(settings: CoreSettings, command_port: CommandPort) -> None:
    host, port = _address(settings, settings.http_port)
    try:
        await command_port.listen(host, port, settings.http_max_client)
    except OSError as error:
        raise CoreFailure(_IN_USE) from error


def _check_ports(settings: CoreSettings) -> None:
    """See that both HTTP ports are free, each where it is opened soon. Raises CoreFailure."""
    with contextlib.ExitStack() as held:
        try:
            if settings.http_port:
                _log_listening(settings, settings.http_port, "HTTP")
                held.enter_context(socket.create_server(_address(settings, settings.http_port)))
            if settings.query_port:
                held.enter_context(socket.create_server(_address(settings, settings.query_port)))
                _log_listening(settings, settings.query_port, "Query")
        except OSError as error:
            raise CoreFailure(_IN_USE) from error


def _log_listening(settings: CoreSettings, port: int, what: str) -> None:
    host, _ = _address(settings, port)
    log("default", "INFO", f"Listening on {host}:{port} for {what} requests")


@contextlib.contextmanager
def _open_query_port(settings: CoreSettings, node: Node) -> Iterator[None]:
    if not settings.query_port:
        yield
        return
    address = _address(settings, settings.query_port)
    try:
        port = QueryPort(address, node.state.snapshots, _abort, threads=settings.query_threads)
    except OSError as error:
        raise CoreFailure(_IN_USE) from error
    try:
        yield
    finally:
        port.close()


def _abort(exception: str) -> None:
    """End the process from a thread of the query port, as an exception there ends Core's."""
    report(CoreFailure(exception, ABORTED))
