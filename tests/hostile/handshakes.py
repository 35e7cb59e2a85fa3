"""What a pod that means harm does at a port of TLS: handshakes that lead nowhere, and those that it never ends.

It has no certificate that anybody knows. All of it comes from one address, as that of one pod.
"""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.component.certificates import Authority, write_secret
from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand
from tests.hostile.connections import connect
from tests.hostile.stays import say_and_stay
from tests.http2_frames import write_opening

SHAKING = 64
STALLED = 4000
_OPENED_AT_ONCE = 400
_AGAIN_SECONDS = 1.0
_WAIT_SECONDS = 5.0
_HALF = 100
Use = Callable[[int], Awaitable[None]]


async def shake_hands(port: int, stand: Stand) -> None:
    """Begin handshakes without end: with no certificate, a stranger's, the first word alone, in plain."""
    arrivals = Arrivals(SHAKING, stand)
    with tempfile.TemporaryDirectory() as folder:
        nobody, stranger = _build_context(), _build_context(Path(folder))
        hello = write_hello()
        kinds: tuple[Use, ...] = (
            lambda number: _shake(port, nobody, number, arrivals),
            lambda number: _shake(port, stranger, number, arrivals),
            lambda number: _say(port, hello, number, arrivals),
            lambda number: _say(port, write_opening(), number, arrivals),
        )

        async def be_one(number: int) -> None:
            while True:
                with contextlib.suppress(OSError, TimeoutError):
                    await kinds[number % len(kinds)](number)
                arrivals.note(number)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for number in range(SHAKING):
                group.create_task(be_one(number))


async def stall_handshakes(port: int, stand: Stand) -> None:
    """Open connections that say nothing, half of a handshake's first word, or all of it, and then stay."""
    hello = write_hello()
    kinds = (b"", hello[:_HALF], hello)
    said = [kinds[number % len(kinds)] for number in range(STALLED)]
    await say_and_stay(port, stand, said, again_seconds=_AGAIN_SECONDS, opened_at_once=_OPENED_AT_ONCE)


def write_hello() -> bytes:
    """Write the first word of a client's handshake."""
    out = ssl.MemoryBIO()
    client = _build_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def _build_context(folder: Path | None = None) -> ssl.SSLContext:
    """Build what a client shakes hands by; with a certificate of an authority of its own where there is a folder."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if folder is not None:
        authority = Authority("theirs")
        write_secret(folder, authority.issue("stranger"), authority.root)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context


async def _shake(port: int, context: ssl.SSLContext, number: int, arrivals: Arrivals) -> None:
    async with asyncio.timeout(_WAIT_SECONDS):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    arrivals.note(number)
    writer.transport.abort()


async def _say(port: int, words: bytes, number: int, arrivals: Arrivals) -> None:
    reader, writer = await connect(port)
    try:
        writer.write(words)
        arrivals.note(number)
        async with asyncio.timeout(_WAIT_SECONDS):
            await reader.read(1)
    finally:
        writer.transport.abort()
