"""Who may stay connected to a telemetry port: so many of a caller, and no one who asks nothing or reads nothing.

aiohttp ends no connection on which no whole request ever comes. The kubelet and Prometheus ask at once; other
connections are closed after ten seconds, so that the kubelet's probes always find a free one. Nor does aiohttp mind how
much is sent: a head or a body of megabytes is refused, and kept until Python looks for garbage.
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
MOST_BYTES = 32 * 1024
"""Of one request, its body as well. What a browser or Prometheus sends has a kilobyte or two, and no body."""
MOST_ARRIVALS, ARRIVALS_PER_SECOND = 256, 20.0
"""Connections of one caller at once, then a second; others are closed. The kubelet opens one for each probe."""
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
        self._arrivals = Pace(MOST_ARRIVALS, ARRIVALS_PER_SECOND)
        self._received: dict[asyncio.Transport, int] = {}
        self._of_callers: defaultdict[str, set[asyncio.Transport]] = defaultdict(set)
        self._idle_since: dict[asyncio.Transport, float] = {}

    def admit(self, transport: asyncio.Transport) -> bool:
        """Add a connection; return whether there is room for it."""
        caller = _read_caller(transport)
        own = self._of_callers[caller]
        own.difference_update({one for one in own if one.is_closing()})
        if len(own) >= MOST_OF_A_CALLER or sum(map(len, self._of_callers.values())) >= MOST_CONNECTIONS:
            return False
        now = asyncio.get_running_loop().time()
        if self._arrivals.take(caller, now):
            self._arrivals.charge(caller, -1, now)  # one that is not let in counts for nothing
            return False
        own.add(transport)
        self._idle_since[transport] = now
        self._received[transport] = 0
        return True

    def receive(self, transport: asyncio.Transport, count: int) -> bool:
        """Note that so many bytes have come; return whether one request may have as many."""
        received = self._received.get(transport, 0) + count
        self._received[transport] = received
        return received <= MOST_BYTES

    def leave(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        self._received.pop(transport, None)

    @web.middleware
    async def serve(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer a request: in its caller's turn, and without its connection counting as idle meanwhile."""
        loop, transport = asyncio.get_running_loop(), request.transport
        self._idle_since.pop(transport, 0.0)  # type: ignore[arg-type]  # None where the connection has gone
        if transport in self._received:
            self._received[transport] = 0
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
    """Stands between a connection and aiohttp, and closes what is too much."""

    def __init__(self, connections: Connections, build_handler: Callable[[], asyncio.Protocol]) -> None:
        self._connections = connections
        self._build_handler = build_handler
        self._transport: asyncio.Transport | None = None
        self._handler: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection if there is room for it."""
        stream = cast("asyncio.Transport", transport)
        if not self._connections.admit(stream):
            stream.abort()
            return
        self._transport, self._handler = stream, self._build_handler()
        self._handler.connection_made(stream)

    def data_received(self, data: bytes) -> None:
        """Pass on what a request may have."""
        if self._handler is None or self._transport is None or self._transport.is_closing():
            return
        if self._connections.receive(self._transport, len(data)):
            self._handler.data_received(data)
        else:
            self._transport.abort()

    def eof_received(self) -> bool | None:
        """Pass on that nothing more will come."""
        return None if self._handler is None else self._handler.eof_received()

    def pause_writing(self) -> None:
        """Pass on that the answer is not read."""
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the answer is read again."""
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection has ended."""
        handler, self._handler = self._handler, None
        if self._transport is not None:
            self._connections.leave(self._transport)
        if handler is not None:
            handler.connection_lost(exc)


def _read_caller(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]).removeprefix("::ffff:") if peer else ""
