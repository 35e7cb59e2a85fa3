"""The command `run`: opens ports and data folder as Core does, lets the node live, and ends it as the signal demands."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator

from simulator.core import BUILD
from simulator.core.closing import close_ledgers, leads
from simulator.core.command_port import CommandPort
from simulator.core.errors import ABORTED, CoreFailure
from simulator.core.ledger_state import LedgerState
from simulator.core.log import log
from simulator.core.node import Node
from simulator.core.query_port import QueryPort
from simulator.core.settings import CoreSettings
from simulator.core.store import Store

STOPPING_SECONDS = 1.0
"""How long a node without a query port says `Stopping` before its command port is gone."""
ABORT_SECONDS = 0.01
BOOTING_SECONDS = 0.005
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_IN_USE = "bind: Address already in use"
_DEADLOCK = "Resource deadlock avoided"


def run(settings: CoreSettings) -> int:
    """Run a node until a signal ends it; give the exit code.

    Raises:
        CoreFailure: in Core's words, when it cannot start or comes to an end by itself.
    """
    log("default", "INFO", f"Starting stellar-core {BUILD}")
    store = Store.open(settings)
    try:
        asyncio.run(_run(settings, store))
    finally:
        store.close()
    log("default", "INFO", "Application destroyed")
    return 0


async def _run(settings: CoreSettings, store: Store) -> None:
    ended = _await_signal()
    state = LedgerState(settings.passphrase, store.header, store.load_entries(), settings.query_snapshot_ledgers)
    node = Node(settings, store, state)
    with _open_query_port(settings, node):
        command_port = await _open_command_port(settings, node)
        await asyncio.sleep(BOOTING_SECONDS)
        await _start(node)
        closing = asyncio.create_task(close_ledgers(node)) if leads(node) else None
        gc.freeze()
        waited = [ended, node.failed, *([closing] if closing else [])]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if closing is not None:
            closing.cancel()
        await _end(node, ended, waited)
        if command_port is not None:
            await command_port.close()


async def _start(node: Node) -> None:
    log("Overlay", "INFO", f"Binding to endpoint 0.0.0.0:{node.settings.peer_port}")
    try:
        await node.start()
    except OSError as error:
        raise CoreFailure(f'std::system_error(98, "Address already in use", "{_IN_USE}")', ABORTED) from error


async def _end(
    node: Node, ended: asyncio.Future[int], waited: list[asyncio.Future[int] | asyncio.Future[None]]
) -> None:
    """End the node by the signal, or raise what went wrong in it."""
    if not ended.done():
        await next(one for one in waited if one.done())
    log("default", "INFO", f"got signal {ended.result()}, shutting down")
    await node.stop()
    if node.settings.query_port:
        await asyncio.sleep(ABORT_SECONDS)
        raise CoreFailure(f'std::system_error(35, "{_DEADLOCK}", "{_DEADLOCK}")', ABORTED)
    await asyncio.sleep(STOPPING_SECONDS)
    log("default", "INFO", "Application destructing")


def _await_signal() -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(number)

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, end, int(number))
    return ended


def _address(settings: CoreSettings, port: int) -> tuple[str, int]:
    return ("0.0.0.0" if settings.is_public else "127.0.0.1", port)  # noqa: S104 - PUBLIC_HTTP_PORT asks for it


async def _open_command_port(settings: CoreSettings, node: Node) -> CommandPort | None:
    if not settings.http_port:
        return None
    host, port = _address(settings, settings.http_port)
    log("default", "INFO", f"Listening on {host}:{port} for HTTP requests")
    command_port = CommandPort(node)
    try:
        await command_port.open(host, port)
    except OSError as error:
        raise CoreFailure(_IN_USE) from error
    return command_port


@contextlib.contextmanager
def _open_query_port(settings: CoreSettings, node: Node) -> Iterator[None]:
    if not settings.query_port:
        yield
        return
    address = _address(settings, settings.query_port)
    log("default", "INFO", f"Listening on {address[0]}:{address[1]} for Query requests")
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
    print(f"current exception: {exception}", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGABRT)
