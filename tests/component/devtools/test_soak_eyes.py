"""The readers and probes of a soak as the process that they are, and what they note of servers that answer, or not."""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.soak.truth import VALIDATOR

ROOT = Path(__file__).resolve().parents[3]
Behaviour = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


def build_answer(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()


async def answer(writer: asyncio.StreamWriter, turn: int) -> None:
    writer.write(build_answer("200 OK", json.dumps({"ledgerSeq": 40 + turn, "entries": []})))


async def refuse(writer: asyncio.StreamWriter, _turn: int) -> None:
    writer.write(build_answer("503 Service Unavailable", "no healthy upstream"))


async def hang(_writer: asyncio.StreamWriter, _turn: int) -> None:
    await asyncio.sleep(2)  # longer than any probe waits


async def hang_up_by_turns(writer: asyncio.StreamWriter, turn: int) -> None:
    if turn % 2:
        await answer(writer, turn)
    else:
        writer.transport.abort()


async def tell_info(writer: asyncio.StreamWriter, _turn: int) -> None:
    writer.write(build_answer("200 OK", json.dumps({"info": {"ledger": {"num": 77}}})))


@contextlib.asynccontextmanager
async def serve(behaviour: Behaviour) -> AsyncIterator[str]:
    """Serve on loopback while the block runs; yield HOST:PORT."""
    turns, handlers = iter(range(1_000_000)), set[asyncio.Task[None] | None]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (line.split(b":")[1] for line in head.lower().splitlines() if b"content-length" in line), b"0"
            )
            await reader.readexactly(int(length))
            await behaviour(writer, next(turns))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{host}:{port}"
        await asyncio.gather(*(handler for handler in handlers if handler is not None))


async def look(router: str, targets: dict[str, str], reads: int, patience: float = 30.0) -> tuple[list[Any], list[Any]]:
    """Run the eyes until so many reads are over; return these and the probes."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak.eyes", router, str(patience)), stdin=pipe, stdout=pipe, cwd=ROOT
    )
    assert process.stdin
    assert process.stdout
    places = {name: [host, int(port)] for name, (host, port) in ((n, a.split(":")) for n, a in targets.items())}
    process.stdin.write(f"{json.dumps(places)}\n".encode())
    await process.stdin.drain()
    lines: list[Any] = []
    while sum(line[0] == "read" for line in lines) < reads or (
        targets and {n for k, n, *_ in lines if k == "probe"} != targets.keys()
    ):
        lines.append(json.loads(await process.stdout.readline()))
    process.stdin.close()
    lines += [json.loads(line) async for line in process.stdout]
    assert await process.wait() == 0
    return [line[1:] for line in lines if line[0] == "read"], [line[1:] for line in lines if line[0] == "probe"]


async def test_each_read_is_noted_with_its_ledger_and_each_replica_is_probed() -> None:
    async with (
        serve(answer) as router,
        serve(answer) as replica,
        serve(refuse) as other,
        serve(hang) as frozen,
        serve(tell_info) as validator,
    ):
        targets = {"soak-0": replica, "soak-1": other, VALIDATOR: validator, "soak-2": "127.0.0.1:1", "soak-3": frozen}
        reads, probes = await look(router, targets, 10)
    assert len(reads) >= 10
    assert all(ledger >= 40 and not failure and not lost for *_, failure, lost, ledger in reads)
    assert all(sent <= ended for sent, ended, *_ in reads)
    ledgers = {name: ledger for name, _, _, ledger in probes}
    assert ledgers.keys() == targets.keys()
    assert (ledgers["soak-1"], ledgers[VALIDATOR], ledgers["soak-2"]) == (0, 77, 0)
    assert ledgers["soak-3"] == 0
    assert ledgers["soak-0"] >= 40


async def test_an_answer_that_says_no_is_final() -> None:
    async with serve(refuse) as router:
        reads, _ = await look(router, {}, 3)
    assert {(failure, len(lost)) for *_, failure, lost, _ in reads} == {("503: no healthy upstream", 0)}


async def test_a_try_without_an_answer_is_made_again_and_noted() -> None:
    async with serve(hang_up_by_turns) as router:
        reads, _ = await look(router, {}, 10)
    assert all(not failure and ledger for *_, failure, _, ledger in reads)
    kinds = Counter(word for *_, lost, _ in reads for word in lost)
    assert kinds.keys() <= {"ReadError", "RemoteProtocolError"}
    assert kinds.total() >= 3


async def test_a_reader_whom_nobody_answers_gives_up_in_the_end() -> None:
    reads, _ = await look("127.0.0.1:1", {}, 1, patience=1.0)
    sent, ended, failure, lost, ledger = reads[0]
    assert (failure, ledger) == ("no answer: ConnectError", 0)
    assert ended - sent > 1
    assert lost
