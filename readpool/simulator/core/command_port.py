"""The command port on the event loop's thread: while that is busy, such as with ledgers, no request is answered."""

import asyncio
from collections.abc import Callable

from readpool.simulator.core.calls import Calls
from readpool.simulator.core.commands_answered import answer_command
from readpool.simulator.core.http import BAD_REQUEST, BadRequestError, Head, answer, answer_not_found, parse_head
from readpool.simulator.core.log import log
from readpool.simulator.core.node_view import NodeView
from readpool.simulator.core_info import render_exception

BACKLOG = 128
CALLS_PATH = "simulated/calls"
"""A command of this simulation's own, which no Core has: what was called."""
LAG_PATH = "simulated/lag"
"""Another: apply no ledgers for `seconds`, as a node that is starved of CPU or disk, while all else goes on."""
MOST_LAG_SECONDS = 3600
SILENT_PATH = "info"
"""What everybody reads all the time is counted, but leaves no line in the log."""
LOGGED_BYTES = 300
NOT_FOUND = (
    b"<b>Welcome to stellar-core!</b><p>Supported HTTP commands are listed in the "
    b'<a href="https://github.com/stellar/stellar-core/blob/master/docs/software/commands.md#http-commands">docs</a> '
    b"as well as in the man pages.</p><p>Have fun!</p>"
)


class CommandPort:
    """A command port of one node. To be used from the event loop's thread."""

    def __init__(self, node: NodeView) -> None:
        self._node = node
        self._calls = Calls()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    @property
    def port(self) -> int:
        """The port that it listens on; 0 while it does not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server and self._server.sockets else 0

    async def listen(self, host: str, port: int, backlog: int = BACKLOG) -> None:
        """Listen. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self.answer, self._open), host, port, backlog=backlog
        )

    def close(self) -> None:
        """Close the port and its connections. Twice is once."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._open):
            transport.close()

    def answer(self, head: Head) -> bytes:
        """Answer a request, whatever its method and body. Raises BadRequestError."""
        path = head.path.decode("latin-1")
        arguments = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.query}
        if path == CALLS_PATH:
            return answer(self._calls.render())
        if path == LAG_PATH:
            return answer(self._lag(arguments.get("seconds", "")))
        query = head.target.partition(b"?")[2].decode("latin-1")
        self._calls.record(f"/{path}", query)
        if path != SILENT_PATH:
            log("Main", "INFO", f"command called: {head.target[:LOGGED_BYTES].decode('latin-1')}")
        body = answer_command(self._node, path, arguments)
        return answer_not_found(NOT_FOUND) if body is None else answer(body)

    def _lag(self, seconds: str) -> bytes:
        if not (seconds.isascii() and seconds.isdigit() and int(seconds) <= MOST_LAG_SECONDS):
            wanted = f"a whole number up to {MOST_LAG_SECONDS}"
            return render_exception(f"seconds is {seconds[:40]!r}: must be {wanted}")
        self._node.lag(float(seconds))
        return f"Applying no ledgers for {int(seconds)} s\n".encode()


class _Connection(asyncio.Protocol):
    """One connection: a request, an answer, and it closes."""

    def __init__(self, answering: Callable[[Head], bytes], opened: set[asyncio.BaseTransport]) -> None:
        self._answering = answering
        self._opened = opened
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server makes
        self._transport = transport
        self._opened.add(transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the connection."""
        if self._transport is not None:
            self._opened.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer when a head is whole; what follows it is ignored."""
        if self._transport is None or self._transport.is_closing():
            return
        self._received += data
        try:
            head = parse_head(self._received)
            said = None if head is None else self._answering(head)
        except BadRequestError:
            said = BAD_REQUEST
        if said is not None:
            self._transport.write(said)
            self._transport.close()
