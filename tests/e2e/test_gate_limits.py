"""What the gate bears in a real Envoy: bodies, slow senders, crowds, a Core that is slow or gone; and what it tells."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.gate.gate_listeners import (
    CONNECTION_SECONDS,
    DRAIN_PATH,
    DRAIN_SECONDS,
    LEAVE_PATH,
    MOST_BODY_BYTES,
    READ_PATHS,
)
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import build_request, read_status, run_gate, send
from tests.component.controller.gate.gate_stage import QUESTION, Stage, run_stage
from tests.recording_core import run_recording_core

pytestmark = pytest.mark.asyncio(loop_scope="module")
READ = b"POST /getledgerentryraw HTTP/1.1\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with run_stage(tmp_path_factory.mktemp("gate")) as stage:
        yield stage


@pytest.fixture
def stage(running: Stage) -> Stage:
    running.forget()
    return running


async def test_a_body_beyond_the_limit_is_refused_before_core_sees_any_of_it(stage: Stage) -> None:
    fits, too_long = (b"key=" + b"A" * (size - 4) for size in (MOST_BODY_BYTES, MOST_BODY_BYTES + 1))
    answers = [
        await send(stage.gate.ports.read, build_request("POST", READ_PATHS[0], body)) for body in (too_long, fits)
    ]
    assert [read_status(answer) for answer in answers] == [413, 200]
    assert [len(one.partition(b"\r\n\r\n")[2]) for one in stage.query.requests] == [MOST_BODY_BYTES]


async def test_a_sender_that_stalls_never_holds_core_and_is_sent_away(stage: Stage) -> None:
    stalled = READ + b"Host: gate\r\nContent-Length: 8\r\n\r\nkey="
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gate.ports.read)
    writer.write(stalled)
    async with asyncio.timeout(20):
        assert read_status(await reader.read()) == 408
    writer.close()
    assert stage.reached == []


async def test_core_is_asked_only_so_much_at_once_and_the_rest_is_refused_at_once(stage: Stage) -> None:
    stage.query.delay_seconds = 1.0
    request = build_request("POST", READ_PATHS[0], QUESTION)
    answers = await asyncio.gather(*(send(stage.gate.ports.read, request) for _ in range(500)))
    statuses = [read_status(answer) for answer in answers]
    assert stage.query.most_connections <= 64
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 256  # in line; where 64 of them were let through before all had come, those as well


async def test_readers_that_hold_all_their_connections_do_not_shut_out_the_scaler(stage: Stage) -> None:
    held = [await asyncio.open_connection("127.0.0.1", stage.gate.ports.read) for _ in range(1024)]
    try:
        assert await send(stage.gate.ports.read, build_request("POST", READ_PATHS[0], QUESTION)) == b""
        assert read_status(await send(stage.gate.ports.info, build_request("GET", "/info"))) == 200
    finally:
        for _, writer in held:
            writer.close()


async def test_a_connection_that_readers_keep_is_asked_to_end_by_an_answer(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gate.ports.read)
    request = b"POST /getledgerentry HTTP/1.1\r\nHost: gate\r\nContent-Length: 8\r\n\r\n" + QUESTION
    heads: list[bytes] = []
    async with asyncio.timeout(20):
        while not heads or b"connection: close" not in heads[-1].lower():
            writer.write(request)
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(len(b'{"answered": true}'))
            await asyncio.sleep(0.2)
        assert await reader.read() == b""
    writer.close()
    assert len(heads) > 10
    assert {read_status(head) for head in heads} == {200}


async def test_the_statistics_tell_of_readers_and_of_nothing_else(stage: Stage) -> None:
    stage.query.status = b"503 Busy"
    before = await read_settled(stage)
    await send(stage.gate.ports.read, build_request("POST", READ_PATHS[0], QUESTION))
    await send(stage.gate.ports.info, build_request("GET", "/info"))
    after = await read_settled(stage)
    assert after.keys() == before.keys()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    counted = {name: change for name, change in changed.items() if "bucket" not in name and "sum" not in name}
    assert counted == {"rq_total": 1, 'rq_xx{envoy_response_code_class="5"}': 1, "rq_time_count": 1}


async def read_settled(stage: Stage) -> dict[str, float]:
    """Read the statistics when the histogram has caught up with the counters, which it does each second."""
    async with asyncio.timeout(30):
        while True:
            statistics = await read_statistics(stage)
            if statistics["rq_time_count"] == statistics["rq_total"]:
                return statistics
            await asyncio.sleep(0.1)


async def read_statistics(stage: Stage) -> dict[str, float]:
    """Read the statistics as Prometheus does, each by what is particular to its name."""
    answer = (await send(stage.gate.ports.stats, build_request("GET", "/stats/prometheus"))).decode()
    lines = re.findall(r"^envoy_http_downstream_(\w+){(.*)} (\S+)$", answer, re.MULTILINE)
    readers = 'envoy_http_conn_manager_prefix="read"'
    assert lines
    assert all(readers in labels for _, labels, _ in lines)
    named = {f"{name}{{{labels.replace(readers, '').strip(',')}}}": value for name, labels, value in lines}
    return {name.removesuffix("{}"): float(value) for name, value in named.items() if not name.startswith("cx_")}


async def test_the_gate_says_that_it_is_ready_and_its_admin_interface_is_out_of_reach(stage: Stage) -> None:
    ports = stage.gate.ports
    assert read_status(await send(ports.stats, build_request("GET", "/ready"))) == 200
    for path in (
        "/quitquitquit",
        "/healthcheck/fail",
        "/config_dump",
        "/stats",
        "/stats/prometheus?filter=.*",
        "/server_info",
    ):
        for method in ("GET", "POST"):
            for port in (ports.info, ports.read, ports.stats):
                assert read_status(await send(port, build_request(method, path))) == 403
    assert stage.gate.envoy.process.returncode is None


async def test_core_that_does_not_answer_is_an_error_of_the_gateway_in_time(stage: Stage) -> None:
    stage.query.delay_seconds = 15.0
    answer = await send(stage.gate.ports.read, build_request("POST", READ_PATHS[0], QUESTION))
    assert read_status(answer) == 504


async def test_where_core_is_gone_readers_are_told_at_once(tmp_path: Path) -> None:
    async with run_recording_core() as command, run_recording_core() as query:
        pass
    async with run_gate(require_envoy(), tmp_path, command.port, query.port) as gate:
        for port, request in (
            (gate.ports.info, build_request("GET", "/info")),
            (gate.ports.read, build_request("POST", READ_PATHS[0], QUESTION)),
        ):
            assert read_status(await send(port, request)) == 503


async def test_the_hook_of_core_is_answered_when_kept_connections_have_ended_and_that_of_the_gate_after_it(
    stage: Stage,
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def wait_at(path: str) -> float:
        assert read_status(await send(stage.gate.ports.stats, build_request("GET", path))) == 200
        return loop.time() - begun

    drained, left = await asyncio.gather(wait_at(DRAIN_PATH), wait_at(LEAVE_PATH))
    # Envoy's timers count from a clock that it reads once per turn of its loop: its wait may end some ms early.
    assert CONNECTION_SECONDS < DRAIN_SECONDS - 0.1 <= drained < left
