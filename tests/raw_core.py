"""Stands in Core's place and keeps each byte that comes, connection by connection; answers what has a head and a body.

It parses nothing by which something could be hidden from a test: what was sent is judged afterwards.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_REST_SECONDS = 0.02
"""How long is waited for more than a request should have."""
_QUIET_SECONDS = 2.0
ANSWER = b"CORE-HAS-SEEN"
CHECK = b"GET /getledgerentryraw HTTP/1.1\r\nHost: query\r\nUser-Agent: Envoy/HC\r\n\r\n"


@dataclass(slots=True)
class RawCore:
    """What came, a connection each, in the order of their ends; `port` is of 127.0.0.1."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a connection."""
        raw = b""
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                while not is_whole(raw):
                    async with asyncio.timeout(_QUIET_SECONDS):
                        chunk = await reader.read(1 << 16)
                    if not chunk:
                        break
                    raw += chunk
                async with asyncio.timeout(_REST_SECONDS):
                    raw += await reader.read(1 << 16)
        finally:
            # A connection that a proxy has opened, and needs no more, says nothing; the gate's own check is not judged.
            if raw and raw != CHECK:
                self.received.append(raw)
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))
            writer.close()


def is_whole(raw: bytes) -> bool:
    """Return whether there is a head, and as much after it as it says."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(separator) and len(body) >= (int(length[1]) if length else 0)


@contextlib.asynccontextmanager
async def run_raw_core() -> AsyncIterator[RawCore]:
    """Run one until the block ends."""
    core = RawCore()
    server = await asyncio.start_server(core.answer, "127.0.0.1", 0, backlog=1024)
    core.port = server.sockets[0].getsockname()[1]
    try:
        yield core
    finally:
        server.close()
