"""The poller on real sockets: once a node, evenly, never twice at a time, and calm after a pause."""

import asyncio
import contextlib
import itertools
import resource
import statistics
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog.testing

from readpool.clock import steady_clock
from scaler.polling.discovery import Discovery
from scaler.polling.fetch import build_tls_context
from scaler.polling.poller import Poller
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.poll_settings import PollSettings
from tests.component.hostile_servers import hang, run_node
from tests.component.scaler.polling.polling import FAST, HonestNode, wait_until

TLS = build_tls_context()


class Recorder:
    """Listens, and remembers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, NodeReport | PollFailure]] = []

    def receive(self, name: str, outcome: NodeReport | PollFailure, now: float) -> None:
        assert now > 1_600_000_000
        self.outcomes.append((name, outcome))

    def count(self, name: str) -> int:
        return sum(known == name for known, _ in self.outcomes)


@contextlib.asynccontextmanager
async def run_poller(settings: PollSettings = FAST) -> AsyncIterator[tuple[Poller, ScalerStats]]:
    stats = ScalerStats()
    poller = Poller(settings, steady_clock(), Discovery(settings), stats, TLS)
    await poller.start()
    try:
        yield poller, stats
    finally:
        await poller.stop()


async def test_a_node_is_polled_once_however_many_fleets_name_it() -> None:
    node, ours, theirs = HonestNode(), Recorder(), Recorder()
    async with run_node(node.handler) as url, run_poller() as (poller, _):
        poller.subscribe(ProbeKind.CORE, url, ours, "a")
        poller.subscribe(ProbeKind.CORE, url, theirs, "b")
        poller.subscribe(ProbeKind.CORE, url, theirs, "c")
        await wait_until(lambda: theirs.count("c") >= 4)

        assert poller.node_count == 1
        assert len(node.asked_at) <= len(ours.outcomes) + 1
        assert theirs.count("b") == theirs.count("c")


async def test_a_node_is_polled_for_as_long_as_anybody_listens() -> None:
    node, ours, theirs = HonestNode(), Recorder(), Recorder()
    async with run_node(node.handler) as url, run_poller() as (poller, _):
        poller.subscribe(ProbeKind.CORE, url, ours, "a")
        poller.subscribe(ProbeKind.CORE, url, theirs, "b")
        await wait_until(lambda: ours.outcomes)
        poller.unsubscribe(ProbeKind.CORE, url, ours, "a")
        told = len(ours.outcomes)
        await wait_until(lambda: theirs.count("b") >= told + 2)
        assert len(ours.outcomes) == told

        poller.unsubscribe(ProbeKind.CORE, url, theirs, "b")
        poller.unsubscribe(ProbeKind.CORE, url, theirs, "b")
        assert poller.node_count == 0


async def test_the_same_address_asked_as_two_kinds_is_two_nodes() -> None:
    node, listener = HonestNode(), Recorder()
    async with run_node(node.handler) as url, run_poller() as (poller, _):
        poller.subscribe(ProbeKind.CORE, url, listener, "core")
        poller.subscribe(ProbeKind.HORIZON, url, listener, "horizon")
        await wait_until(lambda: listener.count("core") and listener.count("horizon"))

        assert poller.node_count == 2
        assert all(isinstance(outcome, PollFailure) == (name == "horizon") for name, outcome in listener.outcomes)


async def test_the_first_polls_of_a_few_nodes_come_nearly_at_once() -> None:
    node, listener = HonestNode(), Recorder()
    async with run_node(node.handler) as url, run_poller(replace(FAST, interval_seconds=60.0)) as (poller, _):
        for index in range(20):
            poller.subscribe(ProbeKind.CORE, url + "/" * index, listener, str(index))
        await wait_until(lambda: len(listener.outcomes) == 20, seconds=5)


async def test_a_node_that_hangs_has_one_request_at_most() -> None:
    open_now = most = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            await hang(reader, writer)
        finally:
            open_now -= 1

    listener = Recorder()
    async with run_node(handle) as url, run_poller(replace(FAST, interval_seconds=0.2)) as (poller, _):
        poller.subscribe(ProbeKind.CORE, url, listener, "a")
        await wait_until(lambda: listener.count("a") >= 4)
    assert most == 1


async def test_polls_of_one_node_are_an_interval_apart() -> None:
    node, listener = HonestNode(), Recorder()
    async with run_node(node.handler) as url, run_poller() as (poller, _):
        poller.subscribe(ProbeKind.CORE, url, listener, "a")
        await wait_until(lambda: len(node.asked_at) >= 6)
    gaps = [later - earlier for earlier, later in itertools.pairwise(node.asked_at[1:])]
    # One that a busy machine delays is followed by one that is in time, so single gaps say nothing.
    assert statistics.median(gaps) == pytest.approx(FAST.interval_seconds, rel=0.3)


async def test_after_a_pause_of_the_process_polls_go_on_without_a_burst_and_nobody_failed() -> None:
    node, listener = HonestNode(), Recorder()
    patient = replace(FAST, interval_seconds=1.0, connect_seconds=0.8, total_seconds=0.9)
    async with run_node(node.handler) as url, run_poller(patient) as (poller, stats):
        for index in range(60):
            poller.subscribe(ProbeKind.CORE, url + "/" * index, listener, str(index))
        await wait_until(lambda: len(listener.outcomes) >= 100)
        block_the_loop(2.5)
        resumed_at = asyncio.get_running_loop().time()
        await wait_until(lambda: len([moment for moment in node.asked_at if moment > resumed_at + 0.1]) >= 100)

        after = [moment - resumed_at for moment in node.asked_at if resumed_at + 0.1 < moment]
        per_fifth = [sum(start <= moment < start + 0.2 for moment in after) for start in (0.2, 0.4, 0.6, 0.8, 1.0)]
        assert max(per_fifth) <= 2 * 60 / 5
        assert set(stats.polls) == {"Answered"}


def block_the_loop(seconds: float) -> None:
    """Do what SIGSTOP does to the loop: it does not turn, and time goes by."""
    import time  # noqa: PLC0415 - nothing else here may sleep

    time.sleep(seconds)


async def test_stopping_leaves_nothing_running() -> None:
    listener = Recorder()
    async with run_node(hang) as url:
        async with run_poller() as (poller, _):
            for index in range(10):
                poller.subscribe(ProbeKind.CORE, url + "/" * index, listener, str(index))
            await asyncio.sleep(0.1)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "poller" not in names
        assert not listener.outcomes


async def test_a_scaler_that_can_ask_nobody_does_not_see_and_does_again_once_it_can() -> None:
    node, listener = HonestNode(), Recorder()
    with structlog.testing.capture_logs() as lines:
        async with run_node(node.handler) as url, run_poller(replace(FAST, interval_seconds=0.2)) as (poller, stats):
            poller.subscribe(ProbeKind.CORE, url, listener, "a")
            await wait_until(lambda: listener.count("a") >= 2)
            assert poller.is_seeing
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            with open("/dev/null") as lowest_free:  # noqa: ASYNC230, PTH123 - its number is what is wanted
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free.fileno() + 1, hard))
                try:
                    await wait_until(lambda: stats.polls["ScalerLimit"] >= 2)
                    told = listener.count("a")
                    await wait_until(lambda: not poller.is_seeing, seconds=20)
                    assert listener.count("a") == told
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await wait_until(lambda: poller.is_seeing)
    assert len([line for line in lines if line["event"] == "pollsSuspended"]) == 1
