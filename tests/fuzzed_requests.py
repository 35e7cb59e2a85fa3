"""Requests that nobody honest sends, by chance from a seed: spellings, framings, broken lines, cuts and mixtures. Pure.

A request is made of parts, each of which is right or one of many wrong ones; then some bytes may be changed. What is
made twice by one seed is the same.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tests import fuzz_tables as tables
from tests.deadly_lengths import BODY, LENGTHS
from tests.http2_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Header,
    write_frame,
    write_headers,
    write_opening,
    write_request,
)

SMUGGLED = b"GET /stop HTTP/1.1\r\nHost: a\r\n\r\n"
"""What may stand in a body, and must never be a request."""
_LONGEST = 20_000


class Fuzzer:
    """Makes requests from a seed, one after the other."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - by chance, and the same again

    def requests(self, count: int) -> Iterator[list[bytes]]:
        """Make so many, each in the parts in which it is to be sent."""
        for _ in range(count):
            yield self._cut(self._make()[:_LONGEST])

    def streams(self, count: int) -> Iterator[list[bytes]]:
        """Make so many connections of HTTP/2, each with a few frames, whole or broken."""
        for _ in range(count):
            whole = write_opening() + b"".join(
                self._make_frames(1 + 2 * number) for number in range(self._random.randint(1, 3))
            )
            yield self._cut(self._change(whole) if self._happens(0.3) else whole)

    def _make(self) -> bytes:
        kinds: Sequence[Callable[[], bytes]] = (
            partial(self._build, odd_target=True),
            partial(self._build, odd_line=True),
            partial(self._build, odd_header=True),
            partial(self._build, odd_body=True),
            partial(self._build, odd_target=True, odd_line=True, odd_header=True, odd_body=True),
            self._pipeline,
            self._speak_otherwise,
        )
        request = self._random.choice(kinds)()
        return self._change(request) if self._happens(0.3) else request

    def _build(
        self, *, odd_target: bool = False, odd_line: bool = False, odd_header: bool = False, odd_body: bool = False
    ) -> bytes:
        pick, is_read = self._random.choice, self._happens(0.5)
        method, target = (b"POST", b"/getledgerentryraw") if is_read else (b"GET", b"/info")
        if odd_target:
            target = pick(tables.BEFORE) + pick(tables.PATHS) + pick(tables.AFTER)
            method = pick(tables.METHODS[:6])
        line, end = [method, target, b"HTTP/1.1"], b"\r\n"
        if odd_line:
            line = [pick(tables.METHODS), target, pick(tables.VERSIONS)]
            end = pick(tables.ENDS)
        between = pick([b" ", b"  ", b"\t"]) if odd_line and self._happens(0.3) else b" "
        headers, body = [b"Host: a"], BODY if is_read else b""
        if body:
            headers.append(b"Content-Length: %d" % len(body))
        if odd_header:
            headers[self._random.randint(0, 1) :] = [
                pick(tables.ODD_HEADERS) for _ in range(self._random.randint(1, 2))
            ]
        if odd_body:
            headers, body = self._frame_oddly()
        if self._happens(0.8):
            headers.append(b"Connection: close")
        return between.join(line) + end + b"".join(one + end for one in headers) + end + body

    def _frame_oddly(self) -> tuple[list[bytes], bytes]:
        pick = self._random.choice
        lengths = [b"0", b"1", b"8", b"08", b"+8", b"8, 8", b"8,0", b"65536", b"65537", b"%d" % len(SMUGGLED), *LENGTHS]
        headers = [b"Host: a"]
        headers += [pick(tables.LENGTH_NAMES) + b": " + pick(lengths) for _ in range(self._random.randint(0, 2))]
        headers += [pick(tables.NAMES) + b": " + pick(tables.CODINGS) for _ in range(self._random.randint(0, 2))]
        self._random.shuffle(headers)
        return headers, pick(
            [BODY, SMUGGLED, pick(tables.CHUNKS), pick(tables.CHUNKS) + SMUGGLED, b"0\r\n\r\n" + SMUGGLED, b""]
        )

    def _pipeline(self) -> bytes:
        first = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n" + BODY
        if self._happens(0.5):
            first = b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n"
        return (
            first + self._random.choice((partial(self._build, odd_target=True), partial(self._build, odd_body=True)))()
        )

    def _speak_otherwise(self) -> bytes:
        return self._random.choice(tables.OTHERS) + (self._build() if self._happens(0.5) else b"")

    def _change(self, request: bytes) -> bytes:
        """Change some bytes: put in, take out, replace, repeat."""
        changed = bytearray(request)
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randrange(len(changed) + 1)
            until = min(len(changed), at + self._random.randint(1, 30))
            what = self._random.random()
            if what < 0.4:
                changed[at:at] = self._random.choice(tables.TOKENS)
            elif what < 0.6:
                del changed[at : at + self._random.randint(1, 4)]
            elif what < 0.8:
                changed[at : at + 1] = self._random.randbytes(1)
            else:
                changed[at:at] = changed[at:until]
        return bytes(changed)

    def _make_frames(self, stream: int) -> bytes:
        pick = self._random.choice
        headers = self._make_headers()
        number = self._random.randint
        kinds: Sequence[Callable[[], bytes]] = (
            lambda: write_request(stream, headers, pick([None, BODY, b"", SMUGGLED])),
            lambda: write_request(stream, headers, BODY, trailers=[self._make_header()]),
            lambda: (
                write_frame(HEADERS, write_headers(headers), flags=END_HEADERS, stream=stream)
                + b"".join(write_frame(DATA, BODY, stream=stream) for _ in range(number(0, 3)))
            ),
            lambda: (
                write_frame(HEADERS, write_headers(headers)[:20], stream=stream)
                + write_frame(CONTINUATION, write_headers(headers)[20:], flags=END_HEADERS, stream=stream)
            ),
            lambda: write_frame(
                number(0, 12), self._random.randbytes(number(0, 40)), flags=number(0, 255), stream=number(0, 5)
            ),
            lambda: write_frame(PING, bytes(8)) + write_frame(PRIORITY, bytes(5), stream=stream),
            lambda: write_frame(SETTINGS, self._random.randbytes(6)) + write_frame(WINDOW_UPDATE, bytes(4)),
            lambda: write_frame(RST_STREAM, bytes(4), stream=stream) + write_frame(GOAWAY, bytes(8)),
            lambda: write_frame(PUSH_PROMISE, bytes(4) + write_headers(headers), flags=END_HEADERS, stream=stream),
        )
        return (kinds[0] if self._happens(0.5) else pick(kinds))()

    def _make_headers(self) -> list[Header]:
        pick = self._random.choice
        method, path = b"POST", b"/getledgerentryraw"
        if self._happens(0.5):
            method, path = pick(tables.METHODS), pick(tables.BEFORE) + pick(tables.PATHS) + pick(tables.AFTER)
        headers = [
            (b":method", method),
            (b":scheme", pick([b"http", b"https", b"x"])),
            (b":path", path),
            (b":authority", b"a"),
        ]
        headers += [self._make_header() for _ in range(self._random.randint(0, 3))]
        if self._happens(0.1):
            self._random.shuffle(headers)
        return headers

    def _make_header(self) -> Header:
        pick = self._random.choice
        odd = pick(tables.ODD_HEADERS).partition(b": ")
        return pick(
            [
                (pick([b"content-length", b"Content-Length", b"content-length "]), pick([b"8", b"0", *LENGTHS])),
                (b"transfer-encoding", pick(tables.CODINGS)),
                (odd[0], odd[2]),
                (odd[0].lower(), odd[2]),
                (pick([b":path", b":method", b":protocol", b":status", b":x"]), pick(tables.PATHS)),
                (b"x\r\ncontent-length: x\r\ny", b"z"),
                (b"x", b"y\r\nContent-Length: " + pick(LENGTHS)),
                (b"te", b"trailers"),
                (b"expect", b"100-continue"),
                (b"connection", b"close"),
            ]
        )

    def _cut(self, request: bytes) -> list[bytes]:
        """Cut a few into parts, which are sent one after the other."""
        if len(request) < 2 or not self._happens(0.1):
            return [request]
        cuts = sorted(self._random.sample(range(1, len(request)), min(4, len(request) - 1)))
        return [request[since:until] for since, until in zip([0, *cuts], [*cuts, len(request)], strict=True)]

    def _happens(self, share: float) -> bool:
        return self._random.random() < share
