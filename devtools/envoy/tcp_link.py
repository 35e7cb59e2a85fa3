"""A connection that can be cut: forwards a socket to somewhere else, in this network or in another."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from devtools.envoy.weighted_backends import Connect

_CHUNK_BYTES = 65_536


@dataclass
class TcpLink:
    """What is forwarded.

    Attributes:
        connect: the way to where it leads.
        chunks: how many pieces came from those who connect; of a reader, as many as it has asked.
    """

    connect: Connect
    chunks: int = 0
    _is_cut: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        self._is_cut = True
        for writer in tuple(self._open):
            writer.close()

    def mend(self) -> None:
        """Forward again."""
        self._is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection both ways until either ends."""
        with contextlib.suppress(OSError):
            if not self._is_cut:
                answers, asks = await self.connect()
                self._open |= {writer, asks}
                await asyncio.gather(self._copy(reader, asks, counts=True), self._copy(answers, writer, counts=False))
                self._open -= {writer, asks}
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                self.chunks += counts
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def forward(listener: socket.socket, connect: Connect) -> AsyncIterator[TcpLink]:
    """Forward a listening socket by this way until the block ends."""
    link = TcpLink(connect)
    server = await asyncio.start_server(link.serve, sock=listener)
    try:
        yield link
    finally:
        server.close()
        link.cut()
