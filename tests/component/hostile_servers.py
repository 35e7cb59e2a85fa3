"""Nodes that misbehave, each on a real socket: what a broken node or a tenant's trigger can confront us with."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

NETWORK = "Hostile Test Network"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def build_honest_info(ledger: int = 1000, network: str = NETWORK) -> bytes:
    """Build an answer as a node in step gives it."""
    info = {
        "ledger": {"num": ledger, "age": 2, "closeTime": 1_700_000_000, "version": 22},
        "network": network,
        "quorum": {"qset": {"ledger": ledger - 1, "phase": "EXTERNALIZE"}},
        "startedOn": "2026-01-01T00:00:00Z",
        "state": "Synced!",
    }
    return json.dumps({"info": info}).encode()


def build_answer(body: bytes, *headers: str, status: str = "200 OK", version: str = "1.0") -> bytes:
    """Build a whole answer with its right length."""
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(answer: bytes) -> Handler:
    """Answer these bytes to each request, and close."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


def with_info(**changes: object) -> Handler:
    """Answer an honest /info in which some fields are something else; `ledger__num` is info.ledger.num."""
    document = json.loads(build_honest_info())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document["info"]
        for parent in parents:
            place = place[parent]
        place[last] = value
    return answering(build_answer(json.dumps(document).encode()))


def with_text(before: str, after: str) -> Handler:
    """Answer an honest /info in which one piece of the text is another: for what json.dumps would not write."""
    body = build_honest_info().decode()
    assert before in body
    return answering(build_answer(body.replace(before, after).encode()))


def streaming(head: bytes, piece: bytes) -> Handler:
    """Send `head`, then `piece` again and again until the other side has had enough."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return handle


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an honest answer, one byte in 50 ms."""
    await reader.readuntil(b"\r\n\r\n")
    for byte in build_answer(build_honest_info()):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer, and send one more header each 50 ms for ever."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        writer.write(b"X-Again: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and say nothing."""
    await reader.read()


async def streaming_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce a short refusal, and send none of it."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 503 Busy\r\nContent-Length: 100\r\n\r\n")
    await reader.read()


async def close_at_once(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Receive the request, and close without a response."""
    await reader.readuntil(b"\r\n\r\n")


async def reset_mid_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send half an answer, then a TCP reset."""
    await reader.readuntil(b"\r\n\r\n")
    answer = build_answer(build_honest_info())
    writer.write(answer[: len(answer) - 50])
    await writer.drain()
    await asyncio.sleep(0.05)
    _reset(writer)


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection when the request is there."""
    await reader.readuntil(b"\r\n\r\n")
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def run_node(handler: Handler) -> AsyncIterator[str]:
    """Run one node for as long as the block runs, and yield its URL."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        # The other side closing early is what most of these nodes are for.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                await handler(reader, writer)
            finally:
                writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


@contextlib.contextmanager
def run_unaccepting_node() -> Iterator[str]:
    """Listen, but let the queue of connections be full already: a new one is neither accepted nor refused."""
    listener = socket.socket()
    fillers = []
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for filler in fillers:
            filler.close()
        listener.close()


def _gzip_bomb() -> Handler:
    return answering(build_answer(gzip.compress(b"0" * 50_000_000), "Content-Encoding: gzip"))


_CLOSE = b"HTTP/1.0 200 OK\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

HOSTILE: dict[str, tuple[Handler, str]] = {
    "garbage": (answering(bytes(range(256)) * 8), "BadAnswer"),
    "garbage in an HTTP answer": (answering(build_answer(bytes(range(256)) * 8)), "BadAnswer"),
    "nothing at all": (close_at_once, "ConnectionReset"),
    "an empty body": (answering(build_answer(b"")), "BadAnswer"),
    "a web page": (answering(build_answer(b"<html>Not Core</html>", "Content-Type: text/html")), "BadAnswer"),
    "HTTP/0.9": (answering(build_honest_info()), "BadAnswer"),
    "HTTP/2": (answering(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "BadAnswer"),
    "an endless body": (streaming(_CLOSE, b" " * 65_536), "TooLarge"),
    "a body of 10 GiB": (
        streaming(b"HTTP/1.0 200 OK\r\nContent-Length: 10737418240\r\n\r\n", b"[" * 65_536),
        "TooLarge",
    ),
    "a body a little too large": (answering(build_answer(b" " * (32 * 1024 + 1))), "TooLarge"),
    "endless headers": (streaming(b"HTTP/1.0 200 OK\r\n", b"X-More: and more\r\n" * 1000), "TooLarge"),
    "an endless header line": (streaming(b"HTTP/1.0 200 OK\r\nX-Long: ", b"a" * 65_536), "TooLarge"),
    "an endless status line": (streaming(b"HTTP/1.0 200 ", b"O" * 65_536), "TooLarge"),
    "endless chunks": (streaming(_CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n"), "TooLarge"),
    "an endless chunk extension": (streaming(_CHUNKED + b"1;", b"x" * 65_536), "TooLarge"),
    "endless chunks of one byte": (streaming(_CHUNKED, b"1\r\n \r\n" * 10_000), "TooLarge"),
    "endless trailers": (streaming(_CHUNKED + b"0\r\n", b"X-More: and more\r\n" * 1000), "TooLarge"),
    "a chunk size that is none": (answering(_CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"), "BadAnswer"),
    "a huge chunk size": (answering(_CHUNKED + b"ffffffffffffffffff\r\n"), "BadAnswer"),
    "a length beside chunks": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        "BadAnswer",
    ),
    "two lengths": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), "BadAnswer"),
    "a negative length": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"), "BadAnswer"),
    "a length that is too large": (
        answering(build_answer(build_honest_info()).replace(b"Content-Length: ", b"Content-Length: 9")),
        "BadAnswer",
    ),
    "a length that is too small": (
        answering(b"HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\n" + build_honest_info()),
        "BadAnswer",
    ),
    "a gzip bomb": (_gzip_bomb(), "BadAnswer"),
    "a body said to be brotli": (answering(build_answer(b"{}", "Content-Encoding: br")), "BadAnswer"),
    "deep arrays": (answering(build_answer(b"[" * 30_000)), "BadAnswer"),
    "deep objects": (answering(build_answer(b'{"info":' * 3_000 + b"1" + b"}" * 3_000)), "BadAnswer"),
    "not an object": (answering(build_answer(b"[1, 2]")), "BadAnswer"),
    "null": (answering(build_answer(b"null")), "BadAnswer"),
    "an exception of Core's": (answering(build_answer(b'{"exception": "generic"}')), "BadAnswer"),
    "bytes that are not UTF-8": (
        answering(build_answer(build_honest_info().replace(b"Synced!", b"\xff\xfe"))),
        "BadAnswer",
    ),
    "a ledger that is a word": (with_info(ledger__num="many"), "BadAnswer"),
    "a ledger that is true": (with_info(ledger__num=True), "BadAnswer"),
    "a ledger that is a list": (with_info(ledger=[1, 2, 3]), "BadAnswer"),
    "a ledger that is a fraction": (with_info(ledger__num=1.5), "BadAnswer"),
    "a negative ledger": (with_info(ledger__num=-1), "BadAnswer"),
    "a huge ledger": (with_info(ledger__num=10**30), "BadAnswer"),
    "a ledger of 10,000 digits": (with_text('"num": 1000', '"num": ' + "9" * 10_000), "BadAnswer"),
    "a ledger of NaN": (with_text('"num": 1000', '"num": NaN'), "BadAnswer"),
    "a ledger of Infinity": (with_text('"num": 1000', '"num": Infinity'), "BadAnswer"),
    "a ledger of 1e999": (with_text('"num": 1000', '"num": 1e999'), "BadAnswer"),
    "a ledger given twice": (with_text('"num": 1000', '"num": 1000, "num": 2000'), "BadAnswer"),
    "a state that is a number": (with_info(state=7), "BadAnswer"),
    "a redirect": (answering(build_answer(b"", "Location: http://127.0.0.1/info", status="302 Found")), "Redirected"),
    "a redirect to metadata": (
        answering(build_answer(b"", "Location: http://169.254.169.254/", status="307 Temporary Redirect")),
        "Redirected",
    ),
    "status 404": (answering(build_answer(b"{}", status="404 Not Found")), "BadStatus"),
    "status 500 with an honest body": (answering(build_answer(build_honest_info(), status="500 Oops")), "BadStatus"),
    "status 503 with an endless body": (streaming(b"HTTP/1.0 503 Busy\r\n\r\n", b" " * 65_536), "BadStatus"),
    "status 503 with a long body": (answering(build_answer(b" " * 5000, status="503 Busy")), "BadStatus"),
    "status 503 with garbage": (answering(build_answer(bytes(range(256)), status="503 Busy")), "BadStatus"),
    "status 503 with a body that never comes": (streaming_nothing, "Timeout"),
    "status 204": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "BadStatus"),
    "endless interim answers": (streaming(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "BadStatus"),
    "a change of protocol": (
        answering(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        "BadStatus",
    ),
    "a slow drip": (drip, "Timeout"),
    "a slow drip of headers": (drip_headers, "Timeout"),
    "hanging after accept": (hang, "Timeout"),
    "a reset in the body": (reset_mid_body, "ConnectionReset"),
    "a reset at once": (reset_at_once, "ConnectionReset"),
}
"""What a node does, and the reason that its polls must fail with."""
