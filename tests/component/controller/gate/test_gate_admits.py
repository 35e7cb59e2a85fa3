"""The gate's configuration in a real Envoy, before a server that keeps what reaches it: what passes, what never does.

What real stellar-core makes of it is tests/e2e/test_gate_real.py's matter.
"""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from controller.gate.gate_listeners import READ_PATHS
from devtools.envoy.gate_process import build_request, read_status, send
from tests.component.controller.gate.gate_stage import QUESTION, Stage, run_stage
from tests.core_commands import CORE_COMMANDS

pytestmark = pytest.mark.asyncio(loop_scope="module")
REFUSED = {0, 400, 403, 404, 405, 408, 413, 417, 426, 431, 501, 505}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with run_stage(tmp_path_factory.mktemp("gate")) as stage:
        yield stage


@pytest.fixture
def stage(running: Stage) -> Stage:
    running.forget()
    return running


async def test_the_scaler_reads_info(stage: Stage) -> None:
    answer = await send(stage.gate.ports.info, build_request("GET", "/info"))
    assert read_status(answer) == 200
    assert answer.endswith(b'{"answered": true}')
    assert stage.reached == ["GET /info HTTP/1.1"]


@pytest.mark.parametrize("path", READ_PATHS)
@pytest.mark.parametrize("in_chunks", [False, True], ids=["of a known length", "in chunks"])
async def test_readers_query_entries_in_the_one_form_that_core_parses(stage: Stage, path: str, in_chunks: bool) -> None:
    request = build_request("POST", path, QUESTION)
    if in_chunks:
        chunks = b"4\r\nkey=\r\n4\r\nAAAA\r\n0\r\n\r\n"
        request = build_request("POST", path, headers="Transfer-Encoding: chunked\r\n") + chunks
    assert read_status(await send(stage.gate.ports.read, request)) == 200
    (reached,) = stage.query.requests
    assert reached.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert b"\r\nContent-Length: 8\r\n" in reached
    assert b"ransfer-" not in reached
    assert reached.endswith(b"\r\n\r\n" + QUESTION)


@pytest.mark.parametrize("command", CORE_COMMANDS)
async def test_no_command_of_core_is_reached_by_any_port_or_method(stage: Stage, command: str) -> None:
    ports = stage.gate.ports
    attempts = [
        (port, build_request(method, f"/{command}{query}"))
        for port in (ports.info, ports.read, ports.stats)
        for method in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE")
        for query in ("", "?node=x")
        if not (port == ports.read and method == "POST" and f"/{command}" in READ_PATHS and not query)
    ]
    answers = await asyncio.gather(*(send(port, request) for port, request in attempts))
    assert {read_status(answer) for answer in answers} == {403}
    assert stage.reached == []


SPELLINGS = [
    *("//info", "/info/", "/info//", "/./info", "/info/.", "/x/../info", "/info/../stop", "/info/../info"),
    *("/%69nfo", "/info%00", "/info%2f", "/%2finfo", "/info%3fx=1", "/info?", "/info?x=1", "/info#x", "/info;x=1"),
    *("/info%20", "/INFO", "/Info", "info", "*", "/", "", "\\info", "/info\\..\\stop", "/..;/stop", "/%2e%2e/stop"),
    *("/stop%3f/info", "/stop?/info", "/stop%23/info", "/info%0d%0aGET%20/stop", "/info/stop", "/infos", "/inf"),
    *("/%25info", "/info%", "/info%zz", "/getledgerentryraw", "//getledgerentry", "/getledgerentry?ledgerSeq=1"),
    *("http://127.0.0.1:11626/stop", "http://gate/stop", "http://gate/info", "https://gate/info"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_other_spelling_of_a_path_passes(stage: Stage, spelling: str) -> None:
    ports = stage.gate.ports
    for port in (ports.info, ports.read, ports.stats):
        for method in ("GET", "HEAD", "PUT"):
            assert read_status(await send(port, build_request(method, spelling))) in REFUSED, (port, method)
    assert stage.reached == []


HEAD = b"Host: gate\r\nConnection: close\r\n"
SMUGGLED = b"GET /stop HTTP/1.1\r\nHost: gate\r\n\r\n"
INFO = b"GET /info HTTP/1.1\r\n"
READ = b"POST /getledgerentryraw HTTP/1.1\r\n"
HOSTILE = [
    pytest.param("info", b"POST /info HTTP/1.1\r\n" + HEAD + b"\r\n", id="another method"),
    pytest.param("info", b"get /info HTTP/1.1\r\n" + HEAD + b"\r\n", id="a method in small letters"),
    pytest.param("info", b"CONNECT 127.0.0.1:11626 HTTP/1.1\r\n" + HEAD + b"\r\n", id="CONNECT"),
    pytest.param("info", b"CONNECT /info HTTP/1.1\r\n" + HEAD + b"\r\n", id="CONNECT to a path"),
    pytest.param("info", b"TRACE /info HTTP/1.1\r\n" + HEAD + b"\r\n", id="TRACE"),
    pytest.param("info", b"GET /info HTTP/1.1\r\n\r\n", id="no Host"),
    pytest.param("info", b"GET /info\r\n\r\n", id="HTTP/0.9"),
    pytest.param("info", b"GET /stop HTTP/1.0\r\n\r\n", id="HTTP/1.0"),
    pytest.param("info", b"GET /info HTTP/2.0\r\n" + HEAD + b"\r\n", id="HTTP/2 by name"),
    pytest.param("info", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), id="HTTP/2 with prior knowledge"),
    pytest.param("read", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), id="HTTP/2 at the readers' port"),
    pytest.param("info", b"GET /stop HTTP/1.1\r\n" + HEAD + b"X-Original-URL: /info\r\n\r\n", id="X-Original-URL"),
    pytest.param("info", b"GET /stop HTTP/1.1\r\n" + HEAD + b"X-Envoy-Original-Path: /info\r\n\r\n", id="Envoy's path"),
    pytest.param("info", b"GET /stop HTTP/1.1\r\n" + HEAD + b":path: /info\r\n\r\n", id="a pseudo header"),
    pytest.param("info", INFO + HEAD + b"Content-Length: 34\r\n\r\n" + SMUGGLED, id="a request in the body"),
    pytest.param("info", INFO + HEAD + b"Content-Length : 0\r\n\r\n" + SMUGGLED, id="a space before the colon"),
    pytest.param("info", INFO + b"Host: gate\r\n X: folded\r\n" + b"\r\n", id="a folded header"),
    pytest.param("info", INFO + HEAD + b"X: a\x00b\r\n\r\n", id="a NUL"),
    pytest.param("info", b"GET /stop\tHTTP/1.1\r\n" + HEAD + b"\r\n", id="a tab"),
    pytest.param("info", b"GET /info HTTP/1.1 /stop\r\n" + HEAD + b"\r\n", id="too many words"),
    pytest.param("info", INFO + HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", id="a header too long"),
    pytest.param("info", INFO + HEAD + b"".join(b"X%d: 1\r\n" % i for i in range(70)) + b"\r\n", id="too many headers"),
    pytest.param("info", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", id="a path too long"),
    pytest.param("info", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), id="TLS"),
    pytest.param("info", bytes(range(256)) + b"\r\n\r\n", id="noise"),
    pytest.param("read", b"GET /getledgerentryraw HTTP/1.1\r\n" + HEAD + b"\r\n", id="a query by GET"),
    pytest.param(
        "read", READ + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, id="CL.TE"
    ),
    pytest.param(
        "read", READ + HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nkey=AA" + SMUGGLED, id="two lengths"
    ),
    pytest.param("read", READ + HEAD + b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED, id="identity"),
    pytest.param("read", READ + HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="an unknown coding"),
    pytest.param("read", READ + HEAD + b"Transfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\nk", id="an underscore"),
    pytest.param("read", READ + HEAD + b"Content-Length: -1\r\n\r\n", id="a length below 0"),
    pytest.param("read", READ + HEAD + b"Content-Length: 0x8\r\n\r\nkey=AAAA", id="a length in hex"),
    pytest.param(
        "read", READ + HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nkey=AAAA\r\n0\r\n\r\n", id="a chunk below 0"
    ),
]


@pytest.mark.parametrize(("port", "request_bytes"), HOSTILE)
async def test_what_is_not_plainly_a_request_that_may_pass_does_not(
    stage: Stage, port: str, request_bytes: bytes
) -> None:
    answer = await send(getattr(stage.gate.ports, port), request_bytes)
    assert read_status(answer) in REFUSED
    assert stage.reached == []


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.3"])
async def test_an_upgrade_leads_to_no_other_protocol(stage: Stage, upgrade: str) -> None:
    headers = f"Upgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    request = build_request("GET", "/info", headers=headers).replace(b"Connection: close", b"Connection: Upgrade")
    answer = await send_and_hang_up(stage.gate.ports.info, request)
    assert read_status(answer) != 101
    assert set(stage.reached) <= {"GET /info HTTP/1.1"}
    assert not any(b"pgrade" in one for one in stage.command.requests)


async def send_and_hang_up(port: int, request: bytes) -> bytes:
    """Send a request over a connection that stays, and read one answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def test_each_request_on_a_connection_is_judged_by_itself(stage: Stage) -> None:
    first, last = b"GET /info HTTP/1.1\r\nHost: gate\r\n\r\n", build_request("GET", "/info")
    answers = [await send(stage.gate.ports.info, first + then) for then in (last, build_request("GET", "/stop"))]
    assert [re.findall(rb"HTTP/1.1 (\d+)", answer) for answer in answers] == [[b"200", b"200"], [b"200", b"403"]]
    assert stage.reached == ["GET /info HTTP/1.1"] * 3


async def test_a_line_that_ends_halfway_begins_no_request(stage: Stage) -> None:
    await send(stage.gate.ports.info, INFO + HEAD + b"X: a\rGET /stop HTTP/1.1\r\n\r\n")
    assert set(stage.reached) <= {"GET /info HTTP/1.1"}
    assert not any(re.search(rb"\r(?!\n)", one) for one in stage.command.requests)
