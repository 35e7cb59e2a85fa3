"""A node's command port on a real socket, as Core's behaves: HTTP/1.0, one answer a connection, silent while stopped.

Bytes in, bytes out, straight on non-blocking sockets: a process stopped by SIGSTOP must neither accept nor refuse, but
leave connections in the kernel's backlog. Light enough for thousands of nodes in one process.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from readpool.simulator.core_info import render_exception

BACKLOG = 128
MAX_REQUEST_BYTES = 64 * 1024
NOT_FOUND = (
    b"<b>Welcome to stellar-core!</b><p>Supported HTTP commands are listed in the "
    b'<a href="https://github.com/stellar/stellar-core/blob/master/docs/software/commands.md#http-commands">docs</a> '
    b"as well as in the man pages.</p><p>Have fun!</p>"
)
EXCEPTIONS = {
    b"/tx": "Must specify a tx blob: tx?blob=<tx in xdr format>",
    b"/manualclose": "Issuing a manual ledger close requires NODE_IS_VALIDATOR to be set to true.",
}
"""Commands that Core refuses with status 200 when they are called like this."""


def answer_request(target: bytes, render: Callable[[], bytes]) -> bytes:
    """Answer a request for `target` (path and query), whatever its method; `render` gives the body of `/info`."""
    path = target.partition(b"?")[0]
    if path == b"/info":
        return _answer(b"200 OK", b"application/json", render())
    if path in EXCEPTIONS:
        return _answer(b"200 OK", b"application/json", render_exception(EXCEPTIONS[path]))
    return _answer(b"404 Not Found", b"text/html", NOT_FOUND)


class NodeServer:
    """One command port. To be used from the event loop's thread.

    Args:
        render: gives the body of `/info` at the moment it is asked.
        delay_seconds: gives how long the node takes to answer, in real seconds.
    """

    def __init__(self, render: Callable[[], bytes], delay_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._render = render
        self._delay_seconds = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._guard: socket.socket | None = None
        self._open: dict[socket.socket, bytearray] = {}
        self._delays: dict[socket.socket, asyncio.TimerHandle] = {}
        self._address = ("127.0.0.1", 0)
        self._is_stopped = False
        self._is_hanging = False

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port that it listens on, also while it refuses."""
        return self._address[1]

    def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on `host`; with port 0 a free one is taken.

        Raises:
            OSError: when the address is taken.
        """
        listener = _bind(host, port)
        # Only now, so that an address somebody else listens on is refused and `refuse` can yet hold this one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._serve(listener)

    def stop(self) -> None:
        """Neither accept nor answer, as a process stopped by SIGSTOP; the kernel's backlog fills up."""
        self._is_stopped = True
        for one in (self._listener, *self._open):
            if one is not None:
                self._loop.remove_reader(one)

    def resume(self) -> None:
        """Go on after `stop`: what waits in the backlog is answered."""
        if not self._is_stopped:
            return
        self._is_stopped = False
        if self._listener is not None:
            self._loop.add_reader(self._listener, self._accept)
        for one in self._open:
            self._loop.add_reader(one, self._read, one)
        self._answer_pending()

    def hang(self) -> None:
        """Accept and read, and never answer, as a node whose main thread is stuck."""
        self._is_hanging = True

    def unhang(self) -> None:
        """Answer again after `hang`, also what has been asked meanwhile."""
        self._is_hanging = False
        self._answer_pending()

    def refuse(self) -> None:
        """Refuse connections, as a port without a process; the port is kept so that no other process gets it."""
        if self._listener is None:
            return
        self._guard = _bind(*self._address, shared=True)  # bound, not listening: the kernel refuses for it
        self._drop_all()

    def relisten(self) -> None:
        """Listen again after `refuse`, on the same port."""
        if self._guard is None:
            return
        guard, self._guard = self._guard, None
        self._is_stopped = self._is_hanging = False
        self._serve(_bind(*self._address, shared=True))
        guard.close()

    def close(self) -> None:
        """Close the port and all its connections permanently. Twice is once."""
        self._drop_all()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _serve(self, listener: socket.socket) -> None:
        listener.listen(BACKLOG)
        self._listener = listener
        self._address = listener.getsockname()
        self._loop.add_reader(listener, self._accept)

    def _drop_all(self) -> None:
        for delay in self._delays.values():
            delay.cancel()
        self._delays.clear()
        for one in (self._listener, *self._open):
            if one is not None:
                self._loop.remove_reader(one)
                one.close()
        self._listener = None
        self._open.clear()

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - its reader is removed before it is closed
        while True:
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            connection.setblocking(False)
            self._open[connection] = bytearray()
            self._loop.add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        request = self._open[connection]
        try:
            chunk = connection.recv(MAX_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        request += chunk
        if not chunk or len(request) > MAX_REQUEST_BYTES:
            self._drop(connection)
        elif _is_whole(request) and not self._is_hanging:
            self._loop.remove_reader(connection)
            delay = self._delay_seconds()
            if delay > 0:
                self._delays[connection] = self._loop.call_later(delay, self._answer, connection)
            else:
                self._answer(connection)

    def _answer_pending(self) -> None:
        if self._is_stopped or self._is_hanging:
            return
        for connection, request in list(self._open.items()):
            if _is_whole(request) and connection not in self._delays:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        self._delays.pop(connection, None)
        if self._is_stopped or self._is_hanging:
            return
        words = bytes(self._open[connection]).split(b"\r\n", 1)[0].split(b" ")
        with suppress(OSError):  # the client may have gone, which is its own business
            connection.send(answer_request(words[1] if len(words) > 1 else b"", self._render))
            connection.shutdown(socket.SHUT_WR)
        self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._open.pop(connection, None)
        connection.close()


def _answer(status: bytes, content_type: bytes, body: bytes) -> bytes:
    return b"HTTP/1.0 %b\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n%b" % (status, len(body), content_type, body)


def _is_whole(request: bytearray) -> bool:
    """Whether the headers are there, and a body as long as they say: bytes left unread would reset the connection."""
    head, blank, body = request.partition(b"\r\n\r\n")
    if not blank:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
    return True


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
