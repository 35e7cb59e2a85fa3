"""The query port: entries as of a ledger, by POST, answered by threads of its own from snapshots.

One thread reads all connections, so that idle ones hold up no other, and hands whole requests to those that answer.
"""

import contextlib
import queue
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from readpool.simulator.core.http import BAD_REQUEST, BadRequestError, Head, LengthError, parse_head, parse_length
from readpool.simulator.core.queries import LARGEST_BODY_BYTES, answer_query
from readpool.simulator.core.snapshots import Snapshots

BACKLOG = 128
CHUNK_BYTES = 64 * 1024
ANSWER_SECONDS = 10.0
"""How long a client may take to read its answer."""
REST_SECONDS = 1.0
"""How long is waited for each piece of a body that is too large: bytes left unread would take the answer with them."""


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection and what was received over it; `length` is that of the body, once the head is there."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    head: Head | None = None
    length: int = 0

    def receive(self) -> bool:
        """Receive what there is. False when the other side is gone or sends no more."""
        try:
            chunk = self.socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += chunk
        return bool(chunk)

    def take_request(self) -> tuple[Head, bytes] | None:
        """Return a request when it is whole. Raises BadRequestError and LengthError."""
        if self.head is None:
            self.head = parse_head(self.received)
            if self.head is None:
                return None
            self.length = _body_length(self.head)
        body_bytes = len(self.received) - self.head.size
        if body_bytes > LARGEST_BODY_BYTES:
            raise BadRequestError
        if self.length < 0 or body_bytes < self.length:
            return None
        return self.head, bytes(self.received[self.head.size : self.head.size + self.length])

    def send(self, said: bytes) -> None:
        """Send an answer and close."""
        with contextlib.suppress(OSError), self.socket:  # the client may have gone, which is its own business
            self.socket.settimeout(ANSWER_SECONDS)
            self.socket.sendall(said)
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(REST_SECONDS)
            left = (self.head.size + self.length if self.head else 0) - len(self.received)
            while left > 0 and (chunk := self.socket.recv(CHUNK_BYTES)):
                left -= len(chunk)


class QueryPort:
    """A query port that listens from its making until it is closed.

    Args:
        end_process: is called with the C++ exception where a request ends Core; does not return in a real process.

    Raises:
        OSError: when the address is taken.
    """

    def __init__(
        self,
        address: tuple[str, int],
        snapshots: Snapshots,
        end_process: Callable[[str], object],
        *,
        threads: int = 4,
        backlog: int = BACKLOG,
    ) -> None:
        self._snapshots = snapshots
        self._end_process = end_process
        self._listener = socket.create_server(address, backlog=backlog)
        self._listener.setblocking(False)
        self._woken, self._waker = socket.socketpair()
        self._requests: queue.SimpleQueue[tuple[_Connection, tuple[Head, bytes] | None] | None] = queue.SimpleQueue()
        reader = threading.Thread(target=self._read_all, name="query-reader", daemon=True)
        workers = [threading.Thread(target=self._work, name=f"query-{index}", daemon=True) for index in range(threads)]
        self._threads = [reader, *workers]
        for thread in self._threads:
            thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Close the port and its connections, once its threads have ended what they do."""
        self._waker.send(b"x")
        for _ in self._threads[1:]:
            self._requests.put(None)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, self._woken, self._waker):
            one.close()

    def _read_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        _close_all(selector)
                        return
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        self._read(selector, key.data)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            accepted, _ = self._listener.accept()
            accepted.setblocking(False)
            selector.register(accepted, selectors.EVENT_READ, _Connection(accepted))

    def _read(self, selector: selectors.BaseSelector, connection: _Connection) -> None:
        if not connection.receive():
            selector.unregister(connection.socket)
            connection.socket.close()
            return
        try:
            request = connection.take_request()
        except BadRequestError:
            selector.unregister(connection.socket)
            self._requests.put((connection, None))
        except LengthError as error:
            selector.unregister(connection.socket)
            self._end_process(str(error))
            connection.socket.close()
        else:
            if request is not None:
                selector.unregister(connection.socket)
                self._requests.put((connection, request))

    def _work(self) -> None:
        while (taken := self._requests.get()) is not None:
            connection, request = taken
            connection.send(BAD_REQUEST if request is None else self._answer(*request))

    def _answer(self, head: Head, body: bytes) -> bytes:
        try:
            return answer_query(head, body, self._snapshots)
        except BadRequestError:
            return BAD_REQUEST


def _close_all(selector: selectors.BaseSelector) -> None:
    for key in list(selector.get_map().values()):
        if isinstance(key.data, _Connection):
            key.data.socket.close()


def _body_length(head: Head) -> int:
    if head.method == b"GET":
        return 0
    length = 0 if head.length is None else parse_length(head.length)
    if length == 0:
        raise BadRequestError
    return length
