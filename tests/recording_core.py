"""Stands behind the gate in Core's place: takes requests as strictly as Core's parsers, and keeps what reached it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.raw_core import CHECK

_LENGTH = b"Content-Length: "


@dataclass(slots=True)
class RecordingCore:
    """A server that answers each request and closes, as Core does.

    Attributes:
        port: of 127.0.0.1.
        requests: the heads that came in, each with its body.
        delay_seconds: before it answers.
        status: of its answers.
        ending: it is to end, and delays no answer any more.
    """

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    delay_seconds: float = 0.0
    status: bytes = b"200 OK"
    connections: int = 0
    most_connections: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    def request_lines(self) -> list[str]:
        """Return the first line of each request."""
        return [one.partition(b"\r\n")[0].decode("latin-1") for one in self.requests]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                head = await reader.readuntil(b"\r\n\r\n")
                if head == CHECK:  # the gate's own, of no reader
                    writer.write(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    return
                self.connections += 1
                self.most_connections = max(self.most_connections, self.connections)
                try:
                    await self._answer(head, reader, writer)
                finally:
                    self.connections -= 1
        finally:
            writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lengths = [int(line[len(_LENGTH) :]) for line in head.split(b"\r\n") if line.startswith(_LENGTH)]
        body = await reader.readexactly(lengths[0]) if lengths else b""
        self.requests.append(head + body)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.delay_seconds):
                await self.ending.wait()
        content = b'{"answered": true}'
        writer.write(b"HTTP/1.0 %b\r\nContent-Length: %d\r\n" % (self.status, len(content)))
        writer.write(b"Content-Type: application/json\r\n\r\n" + content)
        await writer.drain()


@contextlib.asynccontextmanager
async def run_recording_core(core: RecordingCore | None = None) -> AsyncIterator[RecordingCore]:
    """Run one until the block ends."""
    core = core or RecordingCore()
    server = await asyncio.start_server(core.answer, "127.0.0.1", 0, limit=2**20, backlog=1024)
    core.port = server.sockets[0].getsockname()[1]
    try:
        yield core
    finally:
        server.close()
        core.ending.set()
