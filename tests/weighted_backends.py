"""Replicas to send readers to, on addresses of loopback and one port, and readers that see who answers."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

_REQUEST = b"POST /getledgerentryraw HTTP/1.1\r\nHost: pool\r\nContent-Length: 0\r\n\r\n"
_ID_LENGTH = 15
MOVED_SECONDS = 10.0


def name_addresses(count: int) -> list[str]:
    """Name addresses of loopback for so many replicas."""
    return [f"127.0.1.{i + 1}" for i in range(count)]


class _Answering(asyncio.Protocol):
    """One connection to a replica: whatever comes is one request, and the answer is the replica's address."""

    def __init__(self, address: str) -> None:
        content = address.ljust(_ID_LENGTH).encode()
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        """Answer."""
        assert self._transport is not None
        self._transport.write(self._answer)


@contextlib.asynccontextmanager
async def run_backends(addresses: Sequence[str]) -> AsyncIterator[int]:
    """Answer on all these addresses until the block ends; gives the port."""
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    port = 0
    try:
        for address in addresses:
            server = await loop.create_server(lambda own=address: _Answering(own), address, port)  # type: ignore[misc]
            port = server.sockets[0].getsockname()[1]
            servers.append(server)
        yield port
    finally:
        for server in servers:
            server.close()


@dataclass(slots=True)
class Reader:
    """Reads through a router over one connection, which it opens anew when it must.

    Attributes:
        answered: how often each replica has answered.
        failures: what went wrong, a status or an exception each.
    """

    port: int
    answered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> str:
        """Ask once; gives the address of the replica that answered, or ""."""
        try:
            reader, writer = self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(_REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:16]:
                await self.hang_up()
                self.failures.append(head[9:12].decode())
                return ""
            content = await reader.readexactly(_ID_LENGTH)
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.hang_up()
            self.failures.append(type(error).__name__)
            return ""
        address = content.decode().strip()
        self.answered[address] += 1
        return address

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


async def read_many(port: int, requests: int, readers: int = 8) -> Counter[str]:
    """Send so many requests by several readers at once; gives how often each replica answered.

    Raises:
        AssertionError: when one failed.
    """
    left = iter(range(requests))
    crowd = [Reader(port) for _ in range(readers)]
    await asyncio.gather(*(one.ask_while(lambda: next(left, None) is not None) for one in crowd))
    failures = [failure for one in crowd for failure in one.failures]
    assert not failures, Counter(failures)
    return sum((one.answered for one in crowd), Counter())


def compute_share_error(answered: Counter[str], weights: dict[str, int]) -> float:
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
