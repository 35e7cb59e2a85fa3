"""Well-behaved nodes for tests of what stands behind the polls: each answers /info as one in step with its network."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

NETWORK = "Test SDF Network ; September 2015"
_FIRST_LEDGER = 1_000_000
_LEDGER_SECONDS = 5.0


class CoreNode:
    """One node at a loopback port of its own.

    Attributes:
        lag: how many ledgers it is behind the network.
        polls: how often it was asked.
    """

    def __init__(self) -> None:
        self.lag = 0
        self.polls = 0
        self._started_at = time.time()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its base URL."""
        assert self._server
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Answer from now on."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        for writer in tuple(self._writers):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.polls += 1
            body = json.dumps({"info": self._build_info()}).encode()
            head = f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self._writers.discard(writer)

    def _build_info(self) -> dict[str, object]:
        now = time.time()
        tip = _FIRST_LEDGER + int(now / _LEDGER_SECONDS) % 1_000_000
        age = now % _LEDGER_SECONDS + self.lag * _LEDGER_SECONDS
        return {
            "build": "stellar-core 22.4.1",
            "network": NETWORK,
            "state": "Synced!",
            "startedOn": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started_at - 3600)),
            "ledger": {"num": tip - self.lag, "closeTime": int(now - age), "age": int(age)},
            "quorum": {"qset": {"ledger": tip - 1, "phase": "EXTERNALIZE"}},
        }


@contextlib.asynccontextmanager
async def run_core_nodes(count: int) -> AsyncIterator[list[CoreNode]]:
    """Run nodes for as long as the block runs."""
    nodes = [CoreNode() for _ in range(count)]
    for node in nodes:
        await node.start()
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.stop()
