"""HTTP as both of Core's ports speak it: any request is answered with HTTP/1.0, once, and the connection closes. Pure.

A head is read strictly: CRLF ends a line, a header's name is followed by `: `, and what can't become a head any more is
bad as soon as that is seen.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

BAD_REQUEST_BODY = b"<html><head><title>Bad Request</title></head><body><h1>400 Bad Request</h1></body></html>"
_WORD = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TEXT = rb"[^\x00-\x1f\x7f]*"
_REQUEST_LINE = re.compile(rb"(%b) ([^\x00-\x20\x7f]*) HTTP/\d+\.\d+\r\n" % _WORD)
_HEADERS = re.compile(rb"(?:(?:%b: |[ \t]+)%b\r\n)*" % (_WORD, _TEXT))
_PART_OF_VERSION = rb"(?:|H|HT|HTT|HTTP|HTTP/|HTTP/\d+|HTTP/\d+\.|HTTP/\d+\.\d+\r?)"
_PART_OF_REQUEST_LINE = re.compile(rb"(?:%b(?: [^\x00-\x20\x7f]*(?: %b)?)?)?" % (_WORD, _PART_OF_VERSION))
_PART_OF_HEADER = re.compile(rb"\r?|%b:?|(?:%b: |[ \t]+)%b\r?" % (_WORD, _WORD, _TEXT))
_LENGTH = re.compile(rb"\r\nContent-Length: ([^\r]*)")
_INT = re.compile(rb"[ \t\v\f]*([+-]?\d+)")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f])")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class BadRequestError(Exception):
    """Bytes that are no request, which are answered with status 400."""


class LengthError(Exception):
    """A Content-Length that is no int; the message is the C++ exception that ends Core where it needs the length."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request.

    Attributes:
        target: path and query, as they were sent.
        size: of the head in bytes, up to where a body would begin.
        length: what follows `Content-Length: `, None without that very spelling.
    """

    method: bytes
    target: bytes
    size: int
    length: bytes | None = None

    @property
    def path(self) -> bytes:
        """The decoded path without its leading slash. Raises BadRequestError."""
        return decode_url(self.target.partition(b"?")[0]).removeprefix(b"/")

    @property
    def query(self) -> list[tuple[bytes, bytes]]:
        """The decoded arguments. Raises BadRequestError."""
        return parse_form(self.target.partition(b"?")[2])


def parse_head(data: bytes | bytearray) -> Head | None:
    """Read a head; None while it is not whole. Raises BadRequestError."""
    line = _REQUEST_LINE.match(data)
    if line is None:
        if not _PART_OF_REQUEST_LINE.fullmatch(data):
            raise BadRequestError
        return None
    headers = _HEADERS.match(data, line.end())
    end = headers.end() if headers else line.end()
    if data[end : end + 2] == b"\r\n":
        length = _LENGTH.search(data, line.end() - 2, end)
        return Head(line[1], line[2], end + 2, length and length[1])
    if not _PART_OF_HEADER.fullmatch(data, end):
        raise BadRequestError
    return None


def parse_length(text: bytes) -> int:
    """Read a Content-Length as C++'s stoi does: what follows the digits is ignored. Raises LengthError."""
    digits = _INT.match(text)
    if digits is None:
        raise LengthError('std::invalid_argument("stoi")')
    value = int(digits[1]) if len(digits[1]) < 20 else 2**63  # noqa: PLR2004 - longer ones are out of range anyway
    if not -(2**31) <= value < 2**31:
        raise LengthError('std::out_of_range("stoi")')
    return value


def parse_form(text: bytes) -> list[tuple[bytes, bytes]]:
    """Read the arguments of a query string or of a form; those without a value are left out. Raises BadRequestError."""
    if _CONTROL.search(text):
        raise BadRequestError
    pairs = (part.partition(b"=") for part in text.split(b"&"))
    return [(decode_url(name), decode_url(value)) for name, _, value in pairs if value]


def decode_url(text: bytes) -> bytes:
    """Decode `%` and `+`. Raises BadRequestError where what follows a `%` is no hexadecimal digit."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise BadRequestError
    return unquote_to_bytes(text)


def answer(body: bytes, content_type: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    """Write an answer."""
    return b"HTTP/1.0 %b\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n%b" % (status, len(body), content_type, body)


def answer_not_found(body: bytes) -> bytes:
    """Write an answer with status 404."""
    return answer(body, b"text/html", b"404 Not Found")


BAD_REQUEST = answer(BAD_REQUEST_BODY, b"text/html", b"400 Bad Request")
