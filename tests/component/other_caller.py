"""Another caller on the same machine: a relay that connects from a loopback address of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def calling_from(address: str, target: str) -> AsyncIterator[str]:
    """Yield HOST:PORT that leads to the target, which sees `address` as its caller, for as long as the block runs."""
    host, _, port = target.rpartition(":")
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port), local_addr=(address, 0))
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            tasks.add(asyncio.create_task(_copy(source, sink)))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        listening = server.sockets[0].getsockname()
        yield f"{listening[0]}:{listening[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the other side has gone, and so does this one
    finally:
        writer.close()
