"""One HTTP/1 connection to a node, and one exchange on it at a time. Whatever comes back, memory stays bounded.

The bytes are parsed by llhttp (httptools), strictly. Redirects, encodings and cookies are not followed, undone or
kept: an answer is a status and a body of at most 32 KiB, of other statuses than 200 the body only where it is short,
or it is a failure with a reason.
"""

import asyncio
from typing import cast

import httptools

from scaler.probes.answer import OK, HttpAnswer

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 32 * 1024
"""Ten times what an honest node says. A longer one costs too much to read: up to 10 ms of the loop for 256 KiB."""
MAX_WIRE_BYTES = 128 * 1024
"""Body, chunk sizes, chunk extensions and trailers together."""

MAX_REFUSAL_BYTES = 4 * 1024
"""What a refusal may say of itself, where it says beforehand how long that is."""

_REDIRECTS = range(300, 400)
_INTERIM = range(100, 200)


class ExchangeError(Exception):
    """An exchange that gave no answer. `reason` is CamelCase and stable, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StaleConnectionError(Exception):
    """A kept connection was closed by the server before it answered anything: ask again on a new one."""


class ReceiveBudget:
    """What all exchanges of a process may hold of answers at one time, in bytes.

    Fleets of nodes that each send their 32 KiB at once could otherwise take gigabytes. While the budget is spent, an
    answer beyond `fair_bytes`, which no honest node needs, is given up.
    """

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024, fair_bytes: int = 8 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self.fair_bytes = fair_bytes
        self.held_bytes = 0

    def allows(self, body_bytes: int) -> bool:
        """Return whether a response may continue to grow."""
        return body_bytes <= self.fair_bytes or self.held_bytes <= self.limit_bytes


class HttpConnection(asyncio.Protocol):
    """One connection. Make it with `loop.create_connection`, then `ask`."""

    __slots__ = (
        "_body",
        "_budget",
        "_date",
        "_head_bytes",
        "_head_is_complete",
        "_is_sized",
        "_is_used",
        "_length",
        "_parser",
        "_retry_after",
        "_transport",
        "_waiter",
        "_wire_bytes",
        "is_reusable",
    )

    def __init__(self, budget: ReceiveBudget) -> None:
        self._budget = budget
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpAnswer] | None = None
        self._is_used = False
        self.is_reusable = False
        self._begin(None)

    def _begin(self, parser: httptools.HttpResponseParser | None) -> None:
        # Between exchanges there is no parser: it points back here, and such a ring would be left to the collector.
        self._parser = parser
        self._body = bytearray()
        self._head_bytes = 0
        self._wire_bytes = 0
        self._head_is_complete = False
        self._is_sized = False
        self._length = b""
        self._date: bytes | None = None
        self._retry_after: bytes | None = None

    async def ask(self, request: bytes) -> HttpAnswer:
        """Send one request and return its answer.

        Raises:
            ExchangeError: the answer is not one.
            StaleConnectionError: the connection had been used before, and was closed before it answered.
        """
        if self._transport is None or self._transport.is_closing():
            raise StaleConnectionError
        self.is_reusable = False
        self._waiter = asyncio.get_running_loop().create_future()
        self._begin(httptools.HttpResponseParser(self))
        try:
            self._transport.write(request)
            return await self._waiter
        finally:
            self._waiter = None
            self._budget.held_bytes -= len(self._body)
            self._is_used = True
            self._begin(None)

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of an open connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed what came to the parser, the head up to its own limit first."""
        parser = self._parser
        if self._waiter is None or self._waiter.done() or parser is None:
            self.close()  # nothing was asked
            return
        self._wire_bytes += len(data)
        try:
            if not self._head_is_complete:
                room = MAX_HEAD_BYTES - self._head_bytes
                self._head_bytes += len(data)
                parser.feed_data(data[:room])
                data = data[room:]
                if data and not self._head_is_complete:
                    self._fail("TooLarge", f"the response header is larger than {MAX_HEAD_BYTES // 1024} KiB")
                    return
            if data and not self._waiter.done():
                parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.is_reusable = False
            self._fail("BadAnswer", f"not an HTTP response: {error}")
        self._check_size()

    def _check_size(self) -> None:
        body_bytes = len(self._body)
        if body_bytes > MAX_BODY_BYTES or self._wire_bytes > MAX_WIRE_BYTES:
            self._fail("TooLarge", f"the response is larger than {MAX_BODY_BYTES // 1024} KiB")
        elif not self._budget.allows(body_bytes):
            most = self._budget.fair_bytes // 1024
            self._fail("TooLarge", f"the response is larger than {most} KiB while others are waiting")

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange that is under way, if there is one."""
        self.is_reusable = False
        self._transport = None
        if self._waiter is None or self._waiter.done():
            return
        if self._is_used and not self._wire_bytes:
            self._waiter.set_exception(StaleConnectionError())
        elif exc is not None:
            self._fail("ConnectionReset", f"the connection broke: {exc}")
        elif not self._wire_bytes:
            self._fail("ConnectionReset", "the connection was closed without a response")
        elif self._head_is_complete and not self._is_sized:
            self._answer(OK)
        else:
            self._fail("BadAnswer", "the response ended early")

    def _answer(self, status: int) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(HttpAnswer(status, bytes(self._body), self._date, self._retry_after))

    def _fail(self, reason: str, message: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ExchangeError(reason, message))
            self.close()

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._head_is_complete:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note what says how long the answer is, and when it was given; refuse what was not asked for."""
        field = name.lower()
        if field == b"content-length":
            self._is_sized, self._length = True, value
        elif field == b"transfer-encoding":
            self._is_sized = True
        elif field == b"date":
            self._date = value
        elif field == b"retry-after":
            self._retry_after = value
        elif field == b"content-encoding" and value.strip().lower() != b"identity":
            encoding = value[:20].decode("latin-1")
            self._fail("BadAnswer", f"the response has the content encoding {encoding}, which was not requested")

    def on_headers_complete(self) -> None:
        """Fail at once on any status but 200, with the body unread unless it is short and may explain it."""
        self._head_is_complete = True
        status = self._parser.get_status_code() if self._parser is not None else 0
        if status in _REDIRECTS:
            self._fail("Redirected", f"the node redirects (status {status}); redirects are not followed")
        elif status in _INTERIM:
            self._fail("BadStatus", f"the node responded with status {status}; expected 200")
        elif status != OK and not self._is_short():
            self._answer(status)
            self.close()

    def _is_short(self) -> bool:
        return self._length.isdigit() and len(self._length) < 5 and int(self._length) <= MAX_REFUSAL_BYTES  # noqa: PLR2004 - digits

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        if self._waiter is not None and not self._waiter.done():
            self._body += data
            self._budget.held_bytes += len(data)

    def on_message_complete(self) -> None:
        """Hand over the body."""
        if self._waiter is not None and not self._waiter.done() and len(self._body) <= MAX_BODY_BYTES:
            parser = self._parser
            self.is_reusable = parser is not None and parser.should_keep_alive()
            self._answer(OK if parser is None else parser.get_status_code())
