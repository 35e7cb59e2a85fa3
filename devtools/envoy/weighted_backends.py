"""Replicas to send readers to, on addresses of loopback or on given sockets, and readers that see who answers."""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self, cast

_REQUEST = b"POST /getledgerentryraw HTTP/1.1\r\nHost: pool\r\nContent-Length: 0\r\n\r\n"
_CONTENT_LENGTH = 32
MOVED_SECONDS = 30.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


def to_port(port: int) -> Connect:
    """Return the way to a port of this machine."""
    return partial(asyncio.open_connection, "127.0.0.1", port)


def name_addresses(count: int) -> list[str]:
    """Name addresses of loopback for so many replicas."""
    return [f"127.0.1.{i + 1}" for i in range(count)]


class _Answering(asyncio.Protocol):
    """One connection to a replica: whatever comes is one request, and the answer is what the replica says then."""

    def __init__(self, say: Callable[[], str]) -> None:
        self._say = say
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its class

    def data_received(self, _: bytes) -> None:
        """Answer."""
        assert self._transport is not None
        content = self._say().ljust(_CONTENT_LENGTH).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))


@contextlib.asynccontextmanager
async def run_backends(addresses: Sequence[str]) -> AsyncIterator[int]:
    """Answer on all these addresses, each with its own, until the block ends; gives the port."""
    async with contextlib.AsyncExitStack() as stack:
        port = 0
        for address in addresses:
            listener = socket.create_server((address, port))
            port = listener.getsockname()[1]
            await stack.enter_async_context(run_backend(listener, partial(str, address)))
        yield port


@contextlib.asynccontextmanager
async def run_backend(listener: socket.socket, say: Callable[[], str]) -> AsyncIterator[None]:
    """Answer on this socket with what the replica says, until the block ends."""
    server = await asyncio.get_running_loop().create_server(lambda: _Answering(say), sock=listener)
    try:
        yield
    finally:
        server.close()


@dataclass(slots=True)
class Reader:
    """Reads over one connection, which it opens again when it must.

    Attributes:
        connect: the way to a router, or to a Service.
        keeps_open: whether the connection is kept; else each request has one of its own.
        answered: how often each answer was given, which is the address of a replica where none says anything else.
        failures: what went wrong, a status or an exception each.
    """

    connect: Connect
    keeps_open: bool = True
    answered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> str:
        """Ask once; gives the answer, or ""."""
        try:
            reader, writer = self._streams = self._streams or await self.connect()
            writer.write(_REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:16]:
                await self.hang_up()
                self.failures.append(head[9:12].decode())
                return ""
            content = await reader.readexactly(_CONTENT_LENGTH)
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.hang_up()
            self.failures.append(f"{type(error).__name__}: {error}")
            return ""
        if not self.keeps_open:
            await self.hang_up()
        answer = content.decode().strip()
        self.answered[answer] += 1
        return answer

    async def ask_while(self, goes_on: Callable[[], bool]) -> None:
        """Ask again and again."""
        while goes_on():
            await self.ask()
        await self.hang_up()

    async def hang_up(self) -> None:
        """End the connection."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        """Read for as long as the block runs."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the connection."""
        await self.hang_up()


async def read_many(connect: Connect, requests: int, readers: int = 8, *, keeps_open: bool = True) -> Counter[str]:
    """Send so many requests by several readers at once; gives how often each answer was given.

    Raises:
        AssertionError: when one failed.
    """
    left = iter(range(requests))
    crowd = [Reader(connect, keeps_open) for _ in range(readers)]
    await asyncio.gather(*(one.ask_while(lambda: next(left, None) is not None) for one in crowd))
    failures = [failure for one in crowd for failure in one.failures]
    assert not failures, Counter(failures)
    return sum((one.answered for one in crowd), Counter())


def compute_share_error(answered: Counter[str], weights: Mapping[str, int]) -> float:
    """Compute the largest difference between a replica's share and its weight's share, in percentage points."""
    total, whole = answered.total(), sum(weights.values())
    return max(abs(answered[one] / total - weight / whole) * 100 for one, weight in weights.items())


async def wait_until_moved(reader: Reader, heavy: str, in_a_row: int = 20) -> float:
    """Read until the heavy replica answers many times in a row; gives when the first of these answers came."""
    first, count = 0.0, 0
    async with asyncio.timeout(MOVED_SECONDS):
        while count < in_a_row:
            if await reader.ask() == heavy:
                first = first if count else time.monotonic()
                count += 1
            else:
                count = 0
    return first
