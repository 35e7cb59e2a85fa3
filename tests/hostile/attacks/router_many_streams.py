"""512 connections of HTTP/2 to the router, each with as many streams as it takes, each with a body that never ends."""

import asyncio

from controller.gate.gate_listeners import MOST_BODY_BYTES
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd
from tests.http2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    HEADERS,
    SETTINGS,
    WINDOW_UPDATE,
    query_headers,
    read_frames,
    write_frame,
    write_headers,
    write_opening,
)

CONNECTIONS = 512
STREAMS = 100
"""More than a client may have open at once: what is too many is refused, and the others stay."""
_FRAME_BYTES = 8192
_FIRST_WINDOW = 65_535


async def _use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrive: Arrive) -> None:
    """Open the streams, then feed all of them in turn, as much as the other side takes."""
    block, streams = write_headers(query_headers(MOST_BODY_BYTES)), range(1, 2 * STREAMS, 2)
    window = asyncio.Semaphore(_FIRST_WINDOW // _FRAME_BYTES)
    writer.write(write_opening())
    writer.write(b"".join(write_frame(HEADERS, block, flags=END_HEADERS, stream=one) for one in streams))

    async def feed() -> None:
        for _ in range(MOST_BODY_BYTES // _FRAME_BYTES - 1):
            for stream in streams:
                await window.acquire()
                writer.write(write_frame(DATA, b"A" * _FRAME_BYTES, stream=stream))
        arrive()

    feeding = asyncio.ensure_future(feed())
    try:
        await _take_windows(reader, writer, window)
    finally:
        feeding.cancel()


async def _take_windows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: asyncio.Semaphore) -> None:
    """Read what is said until the end, and count how much more of the connection may be used."""
    received, more = b"", 0
    while said := await reader.read(1 << 16):
        received += said
        for frame in read_frames(received):
            received = received[9 + len(frame.payload) :]
            if frame.kind == SETTINGS and not frame.flags & ACK:
                writer.write(write_frame(SETTINGS, flags=ACK))
            elif frame.kind == WINDOW_UPDATE and frame.stream == 0:
                more += int.from_bytes(frame.payload, "big")
        while more >= _FRAME_BYTES:
            more -= _FRAME_BYTES
            window.release()


async def _run(ports: Ports, stand: Stand) -> None:
    await Crowd(ports["read"], CONNECTIONS, _use, again_seconds=0.5).stand(stand)


ATTACK = Attack("512 connections of 100 streams that never end", "router", _run)
