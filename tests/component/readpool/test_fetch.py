"""One fetch at a time, on both event loops: what is sent, what is kept, what is refused."""

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scaler.polling.fetch import (
    FetchLimits,
    NodeClient,
    ScalerLimitError,
    build_question,
    build_tls_context,
)
from scaler.polling.http_exchange import MAX_BODY_BYTES, ExchangeError, ReceiveBudget
from tests.component.certificates import Authority
from tests.component.hostile_servers import Handler, answering, build_answer, build_honest_info, run_node, streaming

LIMITS = FetchLimits(connect_seconds=1.0, total_seconds=2.0, allow_loopback=True)
HERE = ("127.0.0.1",)
TLS = build_tls_context()


class CountedNode:
    """Answers over HTTP/1.1; counts connections and remembers requests. `answers` a connection, then it closes."""

    def __init__(self, answers: int) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._answers = answers

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _ in range(self._answers):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(build_answer(b"answer", version="1.1"))
            await writer.drain()


def stopping_halfway(answer: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer[: len(answer) // 2])
        await reader.read()

    return handle


async def fetch(
    url: str, *, times: int = 1, limits: FetchLimits = LIMITS, budget: ReceiveBudget | None = None
) -> bytes:
    client = NodeClient(build_question("GET", url, None, {}))
    try:
        for _ in range(times):
            body = await client.fetch(HERE, limits, budget or ReceiveBudget(), TLS)
            await asyncio.sleep(0.01)  # lets a close arrive, where one is coming
    finally:
        client.close()
    return body


@pytest.mark.parametrize(
    ("answers", "connections"),
    [
        pytest.param(100, 1, id="kept where the server keeps it"),
        pytest.param(1, 5, id="opened anew where the server closes"),
    ],
)
async def test_a_connection_is(answers: int, connections: int) -> None:
    node = CountedNode(answers=answers)
    async with run_node(node.handle) as url:
        await fetch(url, times=5)
    assert node.connections == connections
    assert len(node.requests) == 5


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_poll() -> None:
    node = CountedNode(answers=2)
    async with run_node(node.handle) as url:
        client = NodeClient(build_question("GET", url, None, {}))
        for _ in range(6):  # at once, so that the close and the next request cross
            assert await client.fetch(HERE, LIMITS, ReceiveBudget(), TLS) == b"answer"
        client.close()
    assert node.connections == 3


async def test_a_request_asks_for_nothing_that_is_not_used() -> None:
    node = CountedNode(answers=1)
    async with run_node(node.handle) as url:
        await fetch(f"{url}/info")
    host = url.removeprefix("http://")
    assert node.requests == [
        f"GET /info HTTP/1.1\r\nHost: {host}\r\nUser-Agent: readpool\r\nAccept-Encoding: identity\r\n\r\n".encode()
    ]


@pytest.mark.parametrize("size", [0, 1, 16_384, MAX_BODY_BYTES])
@pytest.mark.parametrize(
    "head",
    [
        pytest.param("HTTP/1.0 200 OK\r\n\r\n", id="until the end of the connection"),
        pytest.param("HTTP/1.0 200 OK\r\nContent-Length: {size}\r\n\r\n", id="with a length"),
    ],
)
async def test_bodies_up_to_the_cap_arrive_whole(head: str, size: int) -> None:
    body = b"x" * size
    async with run_node(answering(head.format(size=size).encode() + body)) as url:
        assert await fetch(url) == body


async def test_chunks_are_put_together() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Last: 1\r\n\r\n"
    async with run_node(answering(answer)) as url:
        assert await fetch(url) == b"abcde"


async def test_a_second_answer_to_one_request_is_not_kept_for_the_next() -> None:
    async with run_node(
        answering(build_answer(b"first", version="1.1") + build_answer(b"second", version="1.1"))
    ) as url:
        assert await fetch(url, times=3) == b"first"


async def test_what_comes_unasked_closes_the_connection() -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(build_answer(b"first", version="1.1"))
        await writer.drain()
        await asyncio.sleep(0.005)
        writer.write(build_answer(b"unasked", version="1.1"))
        await reader.read()

    async with run_node(handle) as url:
        client = NodeClient(build_question("GET", url, None, {}))
        for _ in range(3):
            assert await client.fetch(HERE, LIMITS, ReceiveBudget(), TLS) == b"first"
            await asyncio.sleep(0.05)
        client.close()
    assert connections == 3


async def test_while_the_budget_is_spent_only_what_no_honest_node_needs_is_given_up() -> None:
    spent = ReceiveBudget()
    spent.held_bytes = spent.limit_bytes
    async with run_node(answering(build_answer(b"x" * 6_000))) as url:
        assert len(await fetch(url, budget=spent)) == 6_000
    async with run_node(stopping_halfway(build_answer(b"x" * 20_000))) as url:
        with pytest.raises(ExchangeError, match="others are waiting"):
            await fetch(url, budget=spent)
    assert spent.held_bytes == spent.limit_bytes


async def test_a_failed_fetch_gives_back_what_it_held() -> None:
    budget = ReceiveBudget()
    async with run_node(streaming(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65_536)) as url:
        with pytest.raises(ExchangeError, match="larger than 32 KiB"):
            await fetch(url, budget=budget)
    assert budget.held_bytes == 0


async def test_the_next_address_is_tried_where_the_first_refuses() -> None:
    async with run_node(answering(build_answer(b"answer"))) as url:
        client = NodeClient(build_question("GET", url, None, {}))
        assert await client.fetch(("127.0.0.2", *HERE), LIMITS, ReceiveBudget(), TLS) == b"answer"


async def test_a_refused_address_is_never_connected_to() -> None:
    node = CountedNode(answers=1)
    strict = FetchLimits(connect_seconds=1.0, total_seconds=2.0, allow_loopback=False)
    async with run_node(node.handle) as url:
        with pytest.raises(ExchangeError, match="loopback") as caught:
            await fetch(url, limits=strict)
    assert caught.value.reason == "BadAddress"
    assert node.connections == 0


@pytest.fixture
async def tls_node(tmp_path: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    authority = Authority("nodes")
    pair = authority.issue()
    (tmp_path / "tls.pem").write_bytes(pair.certificate + pair.key)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "tls.pem")
    client_side = ssl.create_default_context(cadata=authority.root.decode())

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(build_answer(b"answer"))(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server_side)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", client_side
    finally:
        server.close()


async def test_https_is_verified_by_the_name_in_the_url(tls_node: tuple[str, ssl.SSLContext]) -> None:
    url, trusting = tls_node
    client = NodeClient(build_question("GET", url, None, {}))
    assert await client.fetch(HERE, LIMITS, ReceiveBudget(), trusting) == b"answer"
    client.close()


async def test_https_of_an_unknown_authority_fails(tls_node: tuple[str, ssl.SSLContext]) -> None:
    client = NodeClient(build_question("GET", tls_node[0], None, {}))
    with pytest.raises(ExchangeError, match="no TLS connection") as caught:
        await client.fetch(HERE, LIMITS, ReceiveBudget(), TLS)
    assert caught.value.reason == "TlsFailed"


async def test_running_out_of_descriptors_says_nothing_of_the_node() -> None:
    async with run_node(answering(build_answer(build_honest_info()))) as url:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with open("/dev/null") as lowest_free:  # noqa: ASYNC230, PTH123 - its number is what is wanted
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free.fileno() + 1, hard))
            try:
                with pytest.raises(ScalerLimitError):
                    await fetch(url)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
