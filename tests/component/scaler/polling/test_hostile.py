"""Each hostile node gets the right reason, one line in the log, and no hold on any other fleet."""

import asyncio
import contextlib
import itertools
from dataclasses import replace

import psutil
import pytest

from readpool.clock import steady_clock
from readpool.replica_class import ReplicaClass
from tests.component.hostile_servers import HOSTILE, NETWORK, Handler, run_node, run_unaccepting_node, with_info
from tests.component.scaler.polling.polling import FAST, HonestNode, build_spec, classes, run_fleets, wait_until

_PATIENT = replace(FAST, interval_seconds=5.0, connect_seconds=2.0, total_seconds=4.0)
_TOGETHER = replace(FAST, interval_seconds=1.0, total_seconds=0.8)


@pytest.mark.parametrize(("handler", "reason"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_answer_is_a_failed_poll_with_its_reason(handler: Handler, reason: str) -> None:
    settings = FAST if reason == "Timeout" else _PATIENT
    async with run_node(handler) as url, run_fleets(settings) as running:
        fleet = running.fleets.watch(build_spec(url))
        await wait_until(lambda: running.fleets.stats.polls)

        assert dict(running.fleets.stats.polls) == {reason: 1}
        standing = fleet._fold.advance(steady_clock()()).replicas[0].standing  # its next snapshot is a second away
        assert standing.failed_polls
        detail = standing.detail
        assert detail.isprintable()
        assert len(detail) <= 250


async def test_a_node_that_never_accepts_times_out() -> None:
    with run_unaccepting_node() as url:
        async with run_fleets() as running:
            running.fleets.watch(build_spec(url))
            await wait_until(lambda: running.fleets.stats.polls)

            assert dict(running.fleets.stats.polls) == {"Timeout": 1}


async def test_nothing_listening_is_a_refused_connection() -> None:
    async with run_node(HonestNode().handler) as url:
        pass
    async with run_fleets() as running:
        running.fleets.watch(build_spec(url))
        await wait_until(lambda: running.fleets.stats.polls)

        assert dict(running.fleets.stats.polls) == {"ConnectionRefused": 1}


async def test_a_node_of_another_network_is_foreign_and_answers_all_the_same() -> None:
    async with run_node(with_info(network="Another Network")) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, network=NETWORK))
        await wait_until(lambda: classes(fleet) == [ReplicaClass.FOREIGN])

        assert dict(running.fleets.stats.polls) == {"Answered": running.fleets.stats.polls["Answered"]}


async def test_hostile_nodes_all_at_once_touch_no_other_fleet() -> None:
    honest = [HonestNode() for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        honest_urls = [await stack.enter_async_context(run_node(node.handler)) for node in honest]
        hostile_urls = [await stack.enter_async_context(run_node(handler)) for handler, _ in HOSTILE.values()]
        hostile_urls.append(stack.enter_context(run_unaccepting_node()))
        running = await stack.enter_async_context(run_fleets(_TOGETHER))
        ours = running.fleets.watch(build_spec(*honest_urls, network=NETWORK))
        await wait_until(lambda: set(classes(ours)) == {ReplicaClass.FRESH})
        process = psutil.Process()
        rss_before = process.memory_info().rss

        theirs = [running.fleets.watch(build_spec(url, namespace=f"tenant-{i}")) for i, url in enumerate(hostile_urls)]
        started = asyncio.get_running_loop().time()
        await wait_until(lambda: all(classes(fleet) == [ReplicaClass.UNREACHABLE] for fleet in theirs), seconds=20)

        for fleet in theirs:
            assert len(running.lines_of("classChanged", fleet=fleet.name)) == 1
        assert set(classes(ours)) == {ReplicaClass.FRESH}
        assert len(running.lines_of("classChanged", fleet=ours.name)) == len(honest)
        for node in honest:
            asked_at = [moment for moment in node.asked_at if moment >= started]
            gaps = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
            assert gaps
            assert max(gaps) < 2 * _TOGETHER.interval_seconds
            assert min(gaps) > _TOGETHER.interval_seconds / 2
        assert process.memory_info().rss - rss_before < 100 * 1024 * 1024
        assert not running.lines_of("pollFault")
        assert not running.lines_of("publishFault")


async def test_many_endless_answers_at_once_share_one_bounded_memory() -> None:
    handler, _ = HOSTILE["an endless body"]
    async with run_node(handler) as url, run_fleets() as running:
        process = psutil.Process()
        rss_before = process.memory_info().rss
        urls = [url.replace("127.0.0.1", "localhost") + "/" * i for i in range(200)]
        running.fleets.watch(build_spec(*urls))
        await wait_until(lambda: running.fleets.stats.polls.total() >= len(urls), seconds=20)

        assert not running.fleets.stats.polls["Answered"]
        assert process.memory_info().rss - rss_before < 150 * 1024 * 1024
