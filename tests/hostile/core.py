"""A simulated Core for the part behind a gate: both ports, in a process of its own that says where they are.

What it parses, answers and dies of is the simulated Core's own. It waits for nobody, as Core does not: an answer that
its reader does not take holds no thread.
"""

import asyncio
import base64
import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

from readpool.simulator.core.command_port import CommandPort
from readpool.simulator.core.entries import account_key
from readpool.simulator.core.errors import ABORTED, CoreFailure
from readpool.simulator.core.failing import report
from readpool.simulator.core.http import BAD_REQUEST, BadRequestError, Head, LengthError, parse_head, parse_length
from readpool.simulator.core.model import GENESIS
from readpool.simulator.core.node_view import NodeFacts
from readpool.simulator.core.queries import LARGEST_BODY_BYTES, answer_query
from readpool.simulator.core.settings import QuorumSet
from readpool.simulator.core.snapshots import Snapshots
from tests.component.readpool.simulator.core_ports import NETWORK, VALIDATOR, WATCHER, ScriptedNode

MOST_KEYS = 900
"""What a query can ask for at once, by the length of its body that a gate takes."""
LARGE_ENTRIES = 60
"""So many, all but the first, are as large as the code of a contract may be: an answer with them takes megabytes."""
_LARGE_ENTRY_BYTES = 32 * 1024
_ENTRY_BYTES = 128
_CHUNK_BYTES = 1 << 16


def build_query(count: int) -> bytes:
    """Build the body that asks for so many entries, all of which are there."""
    return urlencode([("key", base64.b64encode(key)) for key in _name_keys(count)]).encode()


def _name_keys(count: int) -> list[bytes]:
    return [account_key(hashlib.sha256(b"%d" % number).digest()) for number in range(count)]


async def _read_request(reader: asyncio.StreamReader) -> tuple[Head, bytes] | None:
    """Read a request as the query port does; None when it ends before. Raises BadRequestError and LengthError."""
    received = b""
    while (head := parse_head(received)) is None:
        if not (chunk := await reader.read(_CHUNK_BYTES)):
            return None
        received += chunk
    length = 0 if head.method == b"GET" or head.length is None else parse_length(head.length)
    if head.method != b"GET" and length == 0:
        raise BadRequestError
    if not 0 <= length <= LARGEST_BODY_BYTES:
        raise BadRequestError
    body = received[head.size :]
    if len(body) < length:
        body += await reader.readexactly(length - len(body))
    return head, body[:length]


class _QueryPort:
    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            try:
                request = await _read_request(reader)
                if request is not None:
                    writer.write(answer_query(*request, self._snapshots))
            except BadRequestError:
                writer.write(BAD_REQUEST)
            except LengthError as error:
                report(CoreFailure(str(error), ABORTED))  # ends this process
            await writer.drain()
        writer.close()


async def serve() -> None:
    """Serve until the process ends."""
    facts = NodeFacts(
        "Synced!",
        NETWORK,
        time.time(),
        WATCHER,
        is_validator=False,
        header=GENESIS,
        age_seconds=0,
        quorum=QuorumSet(1, (VALIDATOR,)),
    )
    command_port = CommandPort(ScriptedNode(facts))
    await command_port.listen("127.0.0.1", 0)
    query_port: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Thread(target=lambda: asyncio.run(_serve_queries(query_port.put)), daemon=True).start()
    print(command_port.port, query_port.get(), flush=True)  # noqa: T201 - who has started it reads it
    await asyncio.Event().wait()


async def _serve_queries(tell_port: Callable[[int], None]) -> None:
    """Serve queries, in a thread apart from the commands', as Core does."""
    entries = dict.fromkeys(_name_keys(MOST_KEYS), bytes(_ENTRY_BYTES))
    entries |= dict.fromkeys(_name_keys(LARGE_ENTRIES)[1:], bytes(_LARGE_ENTRY_BYTES))
    server = await asyncio.start_server(_QueryPort(Snapshots(1, entries)).answer, "127.0.0.1", 0, backlog=1024)
    tell_port(server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
