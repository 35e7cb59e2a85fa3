"""Thousands of raw requests that nobody honest sends: to a gate, to the router, and in HTTP/2 where it is spoken.

READPOOL_FUZZ_REQUESTS says how many, READPOOL_FUZZ_SEED begins with others; `make e2e-full` sends 50,000.
"""

import asyncio
import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from devtools.envoy.eds_router import POOL, run_router
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import build_request, read_status, run_gate, send
from tests.e2e.rendered_chart import Helm
from tests.fuzzed_requests import Fuzzer
from tests.hostile.chart_router import run_chart_router, serve_discovery
from tests.judged_requests import COMMAND, QUERY, find_deadly, find_faults, find_faults_of_length
from tests.raw_core import ANSWER, RawCore, run_raw_core

REQUESTS = int(os.environ.get("READPOOL_FUZZ_REQUESTS", "2000"))
SEED = int(os.environ.get("READPOOL_FUZZ_SEED", "0")) or secrets.randbelow(2**32)
ROUTED_SHARE = 4
"""Of a gate's: of one of so many each, to the router, and in HTTP/2 to an Envoy that speaks it."""
AT_ONCE = 256
"""Nearly all of the time of a request is the wait for silence: Envoy keeps a refused connection for a second."""
QUIET_SECONDS = 0.4
"""Whoever has said nothing for so long waits for more of the request."""
pytestmark = pytest.mark.timeout(120 + REQUESTS // 100)


async def send_all(ports: list[int], requests: Iterable[list[bytes]]) -> Counter[str]:
    """Send each to one of the ports in turn, over a connection of its own; count how they were answered."""
    turns, answers = asyncio.Semaphore(AT_ONCE), Counter[str]()

    async def send_one(port: int, parts: list[bytes]) -> None:
        try:
            answers[await ask(port, parts)] += 1
        finally:
            turns.release()

    async with asyncio.TaskGroup() as group:
        for number, parts in enumerate(requests):
            await turns.acquire()
            group.create_task(send_one(ports[number % len(ports)], parts))
    return answers


async def ask(port: int, parts: list[bytes]) -> str:
    """Send these parts; tell the first status, or that there was none, or that Envoy's admin interface has answered."""
    answer = b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError, TimeoutError):
        for number, part in enumerate(parts):
            await asyncio.sleep(0.01 if number else 0)
            writer.write(part)
        while True:
            async with asyncio.timeout(QUIET_SECONDS):
                chunk = await reader.read(1 << 16)
            if not chunk:
                break
            answer += chunk
    writer.close()
    if b"config_dump" in answer or b"<html>" in answer.lower():
        return f"the admin interface, to {b''.join(parts)[:200]!r}"
    return str(read_status(answer)) + (" of Core" if ANSWER in answer else "")


def find_all(port: str, core: RawCore) -> list[tuple[list[str], bytes]]:
    """Find all that should not have come."""
    return [(faults, raw[:500]) for raw in core.received if (faults := find_faults(port, raw))]


async def test_nothing_but_plain_requests_comes_through_the_gate(tmp_path: Path) -> None:
    print(f"seed {SEED}, {REQUESTS} requests")  # noqa: T201 - to have the same again
    async with (
        run_raw_core() as command,
        run_raw_core() as query,
        run_gate(require_envoy(), tmp_path, command.port, query.port) as gate,
    ):
        ports = gate.ports
        answers = await send_all([ports.info, ports.read, ports.stats], Fuzzer(SEED).requests(REQUESTS))
        assert gate.envoy.process.returncode is None
        assert read_status(await send(ports.info, build_request("GET", "/info"))) == 200
        assert read_status(await send(ports.stats, build_request("GET", "/ready"))) == 200
    print(sorted(answers.items()), len(command.received), len(query.received))  # noqa: T201
    assert find_all(COMMAND, command) == []
    assert find_all(QUERY, query) == []
    assert not [said for said in answers if said.startswith("the admin")]
    assert command.received, "nothing has passed at all: what is sent is no test"
    assert query.received, "nothing has passed at all: what is sent is no test"


async def test_nothing_that_ends_core_comes_through_the_router(helm: Helm, tmp_path: Path) -> None:
    async with run_raw_core() as core, run_chart_router(helm, tmp_path, core.port, "fuzzed-router") as router:
        requests = Fuzzer(SEED + 1).requests(REQUESTS // ROUTED_SHARE)
        answers = await send_all([router.read, router.telemetry], requests)
        assert router.envoy.process.returncode is None
        assert read_status(await send(router.read, build_request("POST", "/getledgerentryraw", b"key=AAAA"))) == 200
    print(f"seed {SEED}", sorted(answers.items()), len(core.received))  # noqa: T201
    check_routed(core, answers)
    assert [(faults, raw[:500]) for raw in core.received if (faults := find_faults_of_routed(raw))] == []


async def test_nothing_that_ends_core_comes_by_http2_through_an_envoy_of_the_example(tmp_path: Path) -> None:
    async with (
        run_raw_core() as core,
        serve_discovery(POOL, core.port) as discovery,
        run_router(require_envoy(), tmp_path, discovery) as router,
    ):
        answers = await send_all([router.port], Fuzzer(SEED + 2).streams(REQUESTS // ROUTED_SHARE))
        assert router.envoy.process.returncode is None
    print(f"seed {SEED}", sorted(answers.items()), len(core.received))  # noqa: T201
    check_routed(core, answers)


def check_routed(core: RawCore, answers: Counter[str]) -> None:
    """Check that what came through, which has to be something, ends no Core."""
    assert core.received
    assert [one for raw in core.received for one in find_deadly(raw)] == []
    assert not [said for said in answers if said.startswith("the admin")]


def find_faults_of_routed(raw: bytes) -> list[str]:
    """Find what is wrong with the length of a request by the router, which takes any path and method to a replica."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        return ["the head has no end"]
    return find_faults_of_length(head.split(b"\r\n")[1:], body, 65_536)
