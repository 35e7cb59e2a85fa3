"""HTTP/2 as an attacker writes it: frames by hand, with nothing that a library would not let out.

Headers are written as literals without an index and without Huffman's code (RFC 7541, 6.2.2), so that any bytes can
stand in them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
_HEAD_BYTES = 9
_SEVEN_BITS = 127
Header = tuple[bytes, bytes]


class Frame(NamedTuple):
    """A frame that was read."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def write_frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    """Write a frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def write_headers(headers: Sequence[Header]) -> bytes:
    """Write a block of headers, in this order and this spelling."""
    return b"".join(b"\x00" + _write_text(name) + _write_text(value) for name, value in headers)


def write_request(
    stream: int, headers: Sequence[Header], body: bytes | None = None, *, trailers: Sequence[Header] = ()
) -> bytes:
    """Write a request: headers, a body in one frame where there is one, and trailers."""
    ends = body is None and not trailers
    frames = write_frame(
        HEADERS, write_headers(headers), flags=END_HEADERS | (END_STREAM if ends else 0), stream=stream
    )
    if body is not None:
        frames += write_frame(DATA, body, flags=0 if trailers else END_STREAM, stream=stream)
    if trailers:
        frames += write_frame(HEADERS, write_headers(trailers), flags=END_HEADERS | END_STREAM, stream=stream)
    return frames


def write_opening(*, window: int = 2**31 - 1) -> bytes:
    """Write what a client begins with: it takes whatever comes."""
    settings = (4).to_bytes(2, "big") + window.to_bytes(4, "big")
    return PREFACE + write_frame(SETTINGS, settings) + write_frame(WINDOW_UPDATE, (2**30).to_bytes(4, "big"))


def query_headers(length: int | None = None, authority: bytes = b"a") -> list[Header]:
    """Name the headers of a query, with the length of its body where it is said."""
    plain = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/getledgerentryraw"),
        (b":authority", authority),
    ]
    return plain if length is None else [*plain, (b"content-length", b"%d" % length)]


def read_frames(received: bytes) -> Iterator[Frame]:
    """Read the whole frames of what has come."""
    while len(received) >= _HEAD_BYTES:
        size = _HEAD_BYTES + int.from_bytes(received[:3], "big")
        if len(received) < size:
            return
        stream = int.from_bytes(received[5:9], "big") & (2**31 - 1)
        yield Frame(received[3], received[4], stream, received[_HEAD_BYTES:size])
        received = received[size:]


def _write_text(text: bytes) -> bytes:
    """Write a text with its length, as 7 bits and more."""
    if len(text) < _SEVEN_BITS:
        return bytes([len(text)]) + text
    rest, more = len(text) - _SEVEN_BITS, bytearray([_SEVEN_BITS])
    while rest >= 1 << 7:
        more.append(rest % (1 << 7) | 1 << 7)
        rest >>= 7
    return bytes([*more, rest]) + text
