"""What the chart's router takes of a query: as much as a gate does, whole, and again where a replica is gone."""

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import pytest

from controller.gate.gate_listeners import MOST_BODY_BYTES, MOST_WATCHERS, READ_PATHS
from devtools.envoy.gate_process import build_request, read_status, send
from tests.e2e.rendered_chart import Helm
from tests.hostile.chart_router import run_chart_router
from tests.hostile.readers import write_get
from tests.http2_frames import write_opening
from tests.recording_core import run_recording_core

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built
GONE = "127.0.0.2"
"""Where nobody listens."""
AGAIN_SECONDS = 20.0
ANSWERS = 200
"""In line on each connection, of tens of kilobytes each."""


async def test_it_takes_a_query_as_long_as_a_gate_does_and_none_that_is_longer(helm: Helm, tmp_path: Path) -> None:
    async with run_recording_core() as core, run_chart_router(helm, tmp_path, core.port, "bounds") as router:
        bodies = [b"key=" + b"A" * (size - 4) for size in (MOST_BODY_BYTES, MOST_BODY_BYTES + 1)]
        answers = [await send(router.read, build_request("POST", READ_PATHS[0], body)) for body in bodies]
        assert [read_status(answer) for answer in answers] == [200, 413]
        assert [len(one.partition(b"\r\n\r\n")[2]) for one in core.requests] == [MOST_BODY_BYTES]


async def test_the_longest_query_is_asked_again_where_a_replica_is_gone(helm: Helm, tmp_path: Path) -> None:
    async with (
        run_recording_core() as core,
        run_chart_router(helm, tmp_path, core.port, "again", ("127.0.0.1", GONE)) as router,
    ):
        request = build_request("POST", READ_PATHS[0], b"key=" + b"A" * (MOST_BODY_BYTES - 4))
        assert [read_status(await send(router.read, request)) for _ in range(10)] == [200] * 10
        retried = await router.envoy.read_counters("upstream_rq_retry_success")
    assert sum(retried.values()) > 0


async def test_a_body_that_stalls_holds_no_replica(helm: Helm, tmp_path: Path) -> None:
    async with run_recording_core() as core, run_chart_router(helm, tmp_path, core.port, "stalled") as router:
        reader, writer = await asyncio.open_connection("127.0.0.1", router.read)
        writer.write(b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nkey=")
        async with asyncio.timeout(30):
            assert read_status(await reader.read()) == 408
        writer.close()
        assert core.most_connections == 0


async def test_it_speaks_no_http2_whose_bodies_nothing_would_bound(helm: Helm, tmp_path: Path) -> None:
    async with run_recording_core() as core, run_chart_router(helm, tmp_path, core.port, "plain") as router:
        for port in (router.read, router.telemetry):
            assert read_status(await send(port, write_opening())) in {0, 400, 426}
        assert core.requests == []


async def test_who_takes_nothing_of_its_metrics_shuts_the_kubelet_out_for_seconds(helm: Helm, tmp_path: Path) -> None:
    async with run_recording_core() as core, run_chart_router(helm, tmp_path, core.port, "unread") as router:
        ready = write_get("/ready")
        ask = write_get("/metrics").replace(b"Connection: close\r\n", b"") * ANSWERS
        assert read_status(await send(router.telemetry, ready)) == 200
        async with contextlib.AsyncExitStack() as held:
            for _ in range(MOST_WATCHERS):
                own = held.enter_context(socket.socket())
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                own.setblocking(False)
                await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", router.telemetry))
                own.send(ask)
            began = time.monotonic()
            while not await is_answered(router.telemetry, ready):
                assert time.monotonic() - began < AGAIN_SECONDS
                await asyncio.sleep(0.5)


async def is_answered(port: int, request: bytes) -> bool:
    try:
        async with asyncio.timeout(1.0):
            return read_status(await send(port, request)) == 200
    except (OSError, TimeoutError):
        return False
