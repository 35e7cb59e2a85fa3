"""Who may stay connected to a telemetry port: so many of a caller, and no one who asks nothing or reads nothing.

aiohttp ends no connection on which no whole request ever comes. The kubelet and Prometheus ask at once; other
connections are closed after ten seconds, so that the kubelet's probes always find a free one.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from readpool.pace import Pace

MOST_CONNECTIONS, MOST_OF_A_CALLER = 512, 64
IDLE_SECONDS = 10.0
CHECK_SECONDS = 1.0
_BURST, _PER_SECOND = 200, 50.0
"""Requests of one caller; who asks more often waits."""
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """The open connections of one port.

    Args:
        idle_seconds: how long one may last on which no request is under way.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._pace = Pace(_BURST, _PER_SECOND)
        self._of_callers: defaultdict[str, set[asyncio.Transport]] = defaultdict(set)
        self._idle_since: dict[asyncio.Transport, float] = {}

    def admit(self, transport: asyncio.Transport) -> bool:
        """Add a connection; return whether there is room for it."""
        caller = _read_caller(transport)
        own = self._of_callers[caller]
        own.difference_update({one for one in own if one.is_closing()})
        if len(own) >= MOST_OF_A_CALLER or sum(map(len, self._of_callers.values())) >= MOST_CONNECTIONS:
            return False
        own.add(transport)
        self._idle_since[transport] = asyncio.get_running_loop().time()
        return True

    @web.middleware
    async def serve(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer a request: in its caller's turn, and without its connection counting as idle meanwhile."""
        loop, transport = asyncio.get_running_loop(), request.transport
        self._idle_since.pop(transport, 0.0)  # type: ignore[arg-type]  # None where the connection has gone
        try:
            wait_seconds = self._pace.take(request.remote or "", loop.time())
            if wait_seconds:
                await asyncio.sleep(wait_seconds)
            return await handler(request)
        finally:
            if transport is not None and not transport.is_closing():
                self._idle_since[transport] = loop.time()  # until it has read the answer and asks again

    async def run(self) -> None:
        """End what is idle, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(CHECK_SECONDS, self._idle_seconds))
            oldest = loop.time() - self._idle_seconds
            for transport, since in tuple(self._idle_since.items()):
                if transport.is_closing() or since < oldest:
                    del self._idle_since[transport]
                    transport.abort()
            for caller, own in tuple(self._of_callers.items()):
                own.difference_update({one for one in own if one.is_closing()})
                if not own:
                    del self._of_callers[caller]


class GuardedSite(web.SockSite):
    """A site whose connections are admitted one by one."""

    def __init__(self, runner: web.AppRunner, listener: object, connections: Connections) -> None:
        super().__init__(runner, listener)  # type: ignore[arg-type]  # a socket
        self._connections = connections
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen from now on."""
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None  # noqa: S101  # the runner is set up
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Door(self._connections, server), sock=self._sock, backlog=self._backlog
        )
        self._ending = asyncio.create_task(self._connections.run(), name="telemetry connections")

    async def stop(self) -> None:
        """Listen no more."""
        if self._ending is not None:
            self._ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ending
        await super().stop()


class _Door(asyncio.Protocol):
    """What a connection meets first: it is let through to aiohttp, or closed."""

    def __init__(self, connections: Connections, build_handler: Callable[[], asyncio.Protocol]) -> None:
        self._connections = connections
        self._build_handler = build_handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection if there is room for it."""
        stream = cast("asyncio.Transport", transport)
        if not self._connections.admit(stream):
            stream.abort()
            return
        handler = self._build_handler()
        stream.set_protocol(handler)
        handler.connection_made(stream)


def _read_caller(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]).removeprefix("::ffff:") if peer else ""
