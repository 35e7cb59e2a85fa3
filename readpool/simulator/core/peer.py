"""One connection between two nodes: JSON objects, one a line. Which peer it is, its first line says.

A connection whose other side was cut off silently is given up by the kernel after USER_TIMEOUT_SECONDS when something
waits to be sent, and by the side that made it when nothing came for IDLE_SECONDS.
"""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IDLE_SECONDS = 33.5
USER_TIMEOUT_SECONDS = 34
MESSAGE_BYTES = 64 * 2**20
UNSENT_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Hello:
    """What a node says first: its network, who it is, and where it listens."""

    network: str
    account: str
    port: int
    version: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"hello": {"network": self.network, "account": self.account, "port": self.port, "version": self.version}}

    @classmethod
    def parse(cls, line: bytes) -> "Hello":
        """Read it from a line. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(**json.loads(line)["hello"])


class Peer:
    """A connection; `hello` is None until the other side has said who it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_inbound: bool) -> None:
        self.is_inbound = is_inbound
        self.hello: Hello | None = None
        self.heard_at = time.monotonic()
        self.authenticated_at = 0.0
        self._reader = reader
        self._writer = writer
        peer = writer.get_extra_info("peername") or ("0.0.0.0", 0)  # noqa: S104 - of one that is gone already
        self.host, self.source_port = str(peer[0]), int(peer[1])
        _set_options(writer.get_extra_info("socket"))

    @property
    def address(self) -> str:
        """HOST:PORT, the port that it listens on once it has said so."""
        return f"{self.host}:{self.hello.port if self.hello else self.source_port}"

    async def read(self) -> bytes:
        """Read the next line; empty at the end. Raises OSError or ValueError (a line that is too long)."""
        line = await self._reader.readline()
        self.heard_at = time.monotonic()
        return line

    def send(self, message: Mapping[str, Any]) -> None:
        """Send an object; what is sent after the end is lost. One that reads too little is dropped."""
        self.send_line(encode(message))

    def send_line(self, line: bytes) -> None:
        """Send what `encode` gave."""
        if self._writer.is_closing():
            return
        self._writer.write(line)
        if self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            self._writer.transport.abort()

    def close(self) -> None:
        """Close it; its reader sees the end."""
        self._writer.close()
        self._reader.feed_eof()


def encode(message: Mapping[str, Any]) -> bytes:
    """Encode an object as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _set_options(connection: socket.socket | None) -> None:
    if connection is None:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_SECONDS * 1000)
