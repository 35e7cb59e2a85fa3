"""What asking again costs where replicas are slow: no honest read is cut or lost, and load is not multiplied."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.gate.gate_listeners import READ_PATHS
from devtools.envoy.eds_router import BOOTSTRAP, Router
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import build_request, read_status, send
from devtools.envoy.routed_replicas import assign_ports, run_told_router
from tests.recording_core import RecordingCore, run_recording_core

pytestmark = pytest.mark.timeout(180)
RETRIES, AT_ONCE, SHARE = 2, 64, 0.1
"""What the bootstrap says: tries beside the first, and reads that may be asked again at once, at least and by share."""
READ = build_request("POST", READ_PATHS[0], b"key=AAAA")


@contextlib.asynccontextmanager
async def run_slow_pool(folder: Path, seconds: float) -> AsyncIterator[tuple[list[RecordingCore], Router]]:
    """Run three replicas that take so long for each answer, and a router before them."""
    require_envoy()
    async with contextlib.AsyncExitStack() as stack:
        cores = [await stack.enter_async_context(run_recording_core()) for _ in range(3)]
        for core in cores:
            core.delay_seconds = seconds
        weights = dict.fromkeys([core.port for core in cores], 100)
        yield cores, await stack.enter_async_context(run_told_router(folder, assign_ports(weights)))


def count_tries(cores: list[RecordingCore]) -> int:
    return sum(len(core.requests) for core in cores)


def test_the_bootstrap_says_what_is_tested_here() -> None:
    text = BOOTSTRAP.read_text(encoding="utf-8")
    assert f"num_retries: {RETRIES}" in text
    assert f"{{budget_percent: {{value: {SHARE * 100:.0f}}}, min_retry_concurrency: {AT_ONCE}}}" in text


async def test_a_slow_read_is_answered_by_the_first_that_it_was_asked_of(tmp_path: Path) -> None:
    async with run_slow_pool(tmp_path, 4.0) as (cores, router):
        reading = asyncio.create_task(send(router.port, READ))
        async with asyncio.timeout(20):
            while not count_tries(cores):  # noqa: ASYNC110 - a replica tells nobody what it was asked
                await asyncio.sleep(0.01)
        for core in cores:
            core.delay_seconds = 60.0  # whoever is asked after the first does not answer
        assert read_status(await reading) == 200
    assert [len(core.requests) for core in cores] == [1, 1, 1], "and each was asked, once"


async def test_where_all_replicas_are_slow_no_more_is_asked_again_than_the_budget_and_every_read_is_answered(
    tmp_path: Path,
) -> None:
    reads, seconds = 400, 6.0
    async with run_slow_pool(tmp_path, seconds) as (cores, router):
        answers = await asyncio.gather(*(send(router.port, READ) for _ in range(reads)))
        counters = await router.envoy.read_counters(r"^cluster\.pool\.upstream_rq_retry")
    assert {read_status(answer) for answer in answers} == {200}
    assert counters["cluster.pool.upstream_rq_retry_overflow"] > reads / 2, "most of them found the budget used up"
    assert count_tries(cores) <= reads + RETRIES * max(AT_ONCE, SHARE * reads * (1 + RETRIES * SHARE))
