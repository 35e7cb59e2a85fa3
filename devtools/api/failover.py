"""What a reader meets with whose own cluster no longer hears of the network: for tests and the benchmark."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from devtools.api.two_clusters import LAG_THRESHOLD, Cluster, TwoClusters
from devtools.core.core_private import read_info
from devtools.envoy.own_network import Streams

_QUERY = b"GET /info HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n"
_PAUSE_SECONDS = 0.03
_TIP_SECONDS = 0.05
_LATE_SECONDS = 120.0
STEADY_ANSWERS = 40
"""So many answers of one cluster in a row mean that readers have moved there."""


@dataclass
class FreshReads:
    """What a reader was answered.

    Attributes:
        tip: the network's newest ledger, as its validator says.
        fresh_at: when each fresh answer came, in seconds of the monotonic clock; the first is when it began to read.
        failures: what went wrong.
    """

    tip: int = 0
    fresh_at: list[float] = field(default_factory=list)
    stale: int = 0
    failures: list[str] = field(default_factory=list)

    def find_gap(self, since: float) -> float:
        """Find the longest time without a fresh answer since a moment, in seconds."""
        times = [max(since, at) for at in (*self.fresh_at, time.monotonic()) if at >= since]
        before = max((at for at in self.fresh_at if at < since), default=since)
        return max(b - a for a, b in zip([before, *times], times, strict=False))


@dataclass(frozen=True, slots=True)
class Failover:
    """One way there and back.

    Attributes:
        gap_seconds: the longest time without a fresh answer from the cut on.
        away_seconds: from the cut until readers were answered there.
        back_seconds: from the mend until they were answered here again.
        wanted: what each scaler asked for meanwhile, here and there.
    """

    gap_seconds: float
    away_seconds: float
    back_seconds: float
    failures: list[str]
    wanted: tuple[float | None, float | None]


async def measure_failover(clusters: TwoClusters) -> Failover:
    """Cut the replicas here off from the network until readers are there, then mend it until they are back."""
    async with _reading(clusters) as reads:
        await wait_for_readers(clusters.here, clusters.there)
        cut_at = time.monotonic()
        clusters.here.to_network.cut()
        away = await wait_for_readers(clusters.there, clusters.here) - cut_at
        gap = reads.find_gap(cut_at)
        wanted = (await wait_for_more(clusters.here), await clusters.there.ask_for_replicas())
        clusters.here.to_network.mend()
        mended_at = time.monotonic()
        back = await wait_for_readers(clusters.here, clusters.there) - mended_at
        return Failover(max(gap, reads.find_gap(mended_at)), away, back, list(reads.failures), wanted)


async def wait_for_readers(of: Cluster, other: Cluster) -> float:
    """Wait until one cluster is asked many times in a row and the other never; return when the first of them came."""
    async with asyncio.timeout(_LATE_SECONDS):
        while True:
            begun, asked, others = time.monotonic(), of.asked, other.asked
            while of.asked < asked + STEADY_ANSWERS and other.asked == others:  # noqa: ASYNC110 - sockets say it
                await asyncio.sleep(_PAUSE_SECONDS)
            if other.asked == others:
                return begun
            await asyncio.sleep(_PAUSE_SECONDS)


async def wait_for_more(cluster: Cluster) -> float | None:
    """Wait until a cluster's scaler asks for more than the pool has, and return how many."""
    async with asyncio.timeout(_LATE_SECONDS):
        while not ((wanted := await cluster.ask_for_replicas()) and wanted > len(cluster.reads)):  # noqa: ASYNC110 - the scaler says it
            await asyncio.sleep(_TIP_SECONDS)
        return wanted


@contextlib.asynccontextmanager
async def _reading(clusters: TwoClusters) -> AsyncIterator[FreshReads]:
    """Read for as long as the block runs, and follow the network's tip."""
    reads = FreshReads(fresh_at=[time.monotonic()])
    work = [asyncio.create_task(one) for one in (_follow_tip(clusters, reads), _read(clusters, reads))]
    try:
        yield reads
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _follow_tip(clusters: TwoClusters, reads: FreshReads) -> None:
    while True:
        if info := await read_info(clusters.validator):
            reads.tip = info["ledger"]["num"]
        await asyncio.sleep(_TIP_SECONDS)


async def _read(clusters: TwoClusters, reads: FreshReads) -> None:
    while True:
        try:
            ledger = await _ask(await clusters.connect())
        except (OSError, ValueError, KeyError, asyncio.IncompleteReadError) as error:
            reads.failures.append(f"{type(error).__name__}: {error}")
        else:
            if ledger >= reads.tip - LAG_THRESHOLD:
                reads.fresh_at.append(time.monotonic())
            else:
                reads.stale += 1
        await asyncio.sleep(_PAUSE_SECONDS)


async def _ask(streams: Streams) -> int:
    """Ask which ledger is answered from; raises ValueError for anything but an answer."""
    reader, writer = streams
    try:
        writer.write(_QUERY)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise ValueError(head.decode(errors="replace").splitlines()[0])
        ledger: int = json.loads(await reader.read())["info"]["ledger"]["num"]
        return ledger
    finally:
        writer.close()
