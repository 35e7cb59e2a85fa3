"""The relay between this machine's loopback and a cluster's network, with real sockets; here both are the same."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from devtools.cluster.access import RELAY


async def answer_reversed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read to the end, then answer it backwards: the end of one direction has to reach us before the other begins."""
    writer.write((await reader.read())[::-1])
    await writer.drain()
    writer.close()


@pytest.fixture
async def relay_port() -> AsyncIterator[int]:
    """The port of a relay that leads to `answer_reversed`."""
    server = await asyncio.start_server(answer_reversed, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-I", str(RELAY), str(listener.fileno()), "127.0.0.1", str(port)]
        process = await asyncio.create_subprocess_exec(*command, pass_fds=[listener.fileno()])
        yield listener.getsockname()[1]
        process.kill()
        await process.wait()
    server.close()
    await server.wait_closed()


async def ask(port: int, question: bytes) -> bytes:
    """Send a question, end it, and read the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_both_directions_and_their_ends_pass_through_for_many_at_once(relay_port: int) -> None:
    questions = [bytes([turn]) * 200_000 + b"!" for turn in range(8)]
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(ask(relay_port, question) for question in questions))
    assert answers == [question[::-1] for question in questions]
