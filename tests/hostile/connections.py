"""What attackers do with many connections at once: open them, keep them in number, pay no heed to how they end."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Awaitable, Callable

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Arrive = Callable[[], None]
Use = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Arrive], Awaitable[None]]
_AT_ONCE = 64
"""Connections that are being opened: more would only wait in the backlog, or be told to try again."""
_TRY_SECONDS = 0.1
_CONNECT_SECONDS = 0.5
"""The kernel drops what a banned caller sends to connect."""
_SOURCES = itertools.cycle(f"127.0.9.{number}" for number in range(1, 255))
"""Of loopback, in turn: one address has too few ports for those that end by the thousand."""


async def open_connection(port: int, receive_buffer: int | None = None) -> Streams:
    """Connect from the next of our addresses; a small buffer takes little of an answer."""
    opened = socket.socket()
    try:
        opened.setblocking(False)
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.bind((next(_SOURCES), 0))
        await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", port))
    except BaseException:
        opened.close()
        raise
    return await asyncio.open_connection(sock=opened)


async def connect(port: int) -> Streams:
    """Connect, unless the other side lets nobody in: TimeoutError then, which is an OSError."""
    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncio.open_connection("127.0.0.1", port)


class Crowd:
    """So many connections to a port: each is used, and another takes the place of one that has ended.

    Args:
        use: uses one until it is to end, and says when it has got as far as it means to.
        again_seconds: how long each waits before it comes again; None comes again only until it has got so far once.
        buffer: of what each receives, in bytes; None is the kernel's own.
    """

    def __init__(
        self, port: int, count: int, use: Use, *, again_seconds: float | None, buffer: int | None = None
    ) -> None:
        self._port, self._use, self._again_seconds, self._buffer = port, use, again_seconds, buffer
        self._opening = asyncio.Semaphore(_AT_ONCE)
        self._coming = set(range(count))
        self._have_come = asyncio.Event()

    async def stand(self, call: Callable[[], None]) -> None:
        """Keep it up until it is cancelled; call as soon as each has got as far as it means to, or comes again."""
        async with asyncio.TaskGroup() as group:
            for number in tuple(self._coming):
                group.create_task(self._be_one(number))
            await self._have_come.wait()
            call()
            await asyncio.Event().wait()

    async def _be_one(self, number: int) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._use_one(number)
            if self._again_seconds is not None:
                self._arrive(number)
            elif number not in self._coming:
                return
            await asyncio.sleep(_TRY_SECONDS if self._again_seconds is None else self._again_seconds)

    async def _use_one(self, number: int) -> None:
        async with self._opening:
            reader, writer = await open_connection(self._port, self._buffer)
        try:
            await self._use(reader, writer, lambda: self._arrive(number))
        finally:
            writer.transport.abort()

    def _arrive(self, number: int) -> None:
        self._coming.discard(number)
        if not self._coming:
            self._have_come.set()


async def wait_for_end(reader: asyncio.StreamReader) -> None:
    """Wait until the other side ends the connection, whatever it says before."""
    while await reader.read(1 << 16):
        pass
