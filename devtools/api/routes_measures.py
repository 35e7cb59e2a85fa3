"""What is measured of routes that really route, for tests and benchmarks: shares, how fast they move, stale reads."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devtools.api.routes_stage import FRESH_WEIGHT, LAG_THRESHOLD, TIP, RoutesStage, Way
from devtools.envoy.weighted_backends import Reader, compute_share_error, read_many

REQUESTS = 10_000
POINT = 0.01
_SIGMAS = 5.0
"""What chance alone does once in two million times."""
PAUSE_SECONDS = 0.004
"""Between requests of a reader that waits for a change: it leaves the machine to those who bring it."""
_MOVED_SECONDS = 20.0
EAGER_READERS = 4
SETTLED_SECONDS, HURRIED_SECONDS = 0.5, 0.12
"""Between two turns. Contour holds changes of routes back for 100 ms and more, and those of endpoints not at all."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A pool of `replicas`, of which the first `lagging` lag and weigh `lagging_weight`."""

    replicas: int
    lagging: int
    lagging_weight: int = 10


async def measure_shares(routes: RoutesStage, mix: Mix, requests: int = REQUESTS) -> float:
    """Return the largest difference between a replica's share through the Gateway and its weight's, in points.

    Of at least so many requests; of more, where chance alone could be a point off.

    Raises:
        AssertionError: when a request failed.
    """
    await routes.have_pool(mix.replicas, laggingNodeWeight=mix.lagging_weight)
    lagging = list(routes.addresses)[: mix.lagging]
    weights = dict.fromkeys(routes.addresses, FRESH_WEIGHT) | dict.fromkeys(lagging, mix.lagging_weight)
    await routes.say(lagging)
    await routes.until_routed(weights)
    share = mix.lagging * mix.lagging_weight / sum(weights.values())
    answered = await read_many(await routes.find_way(Way.HTTP_ROUTE), count_requests(share, requests))
    return compute_share_error(_count_replicas(answered), weights)


def count_requests(share: float, least: int) -> int:
    """Count the requests of which chance moves a class's share by less than a point: a gateway draws lots."""
    return max(least, math.ceil(share * (1 - share) * (_SIGMAS / POINT) ** 2))


@dataclass(frozen=True, slots=True)
class Shifts:
    """How long changes took until readers had followed, in seconds, and what they met with meanwhile."""

    seconds: list[float]
    requests: int
    failures: list[str]


async def measure_shifts(routes: RoutesStage, way: Way, changes: int) -> Shifts:
    """Make two replicas become the fresh one in turn, and a reader follow.

    With FreshOnly the other one gets nothing, so that its last answer is the end. The pool has a route only where that
    is the way: its slices are written beside those of the Service.
    """
    await routes.have_pool(2, has_route=way is Way.HTTP_ROUTE, mode="FreshOnly")
    connect = await routes.find_way(way)
    one, two = routes.addresses
    seconds = []
    async with Reader(connect, way.keeps_open) as reader:
        watch = _Watch(reader, way.settled_seconds)
        for turn in range(changes):
            fresh, lagging = (two, one) if turn % 2 == 0 else (one, two)
            begun = time.monotonic()
            await routes.say([lagging])
            seconds.append(await watch.wait_for(fresh) - begun)
    return Shifts(seconds, reader.answered.total(), reader.failures)


async def measure_weight_shifts(routes: RoutesStage, mix: Mix, changes: int) -> list[float]:
    """Make replicas fall behind and recover in turn; return how long it took until Envoy had all weights, in seconds.

    A replica loses its share as soon as it has left its class. The rest of the shares follows with the route.
    """
    await routes.have_pool(mix.replicas, laggingNodeWeight=mix.lagging_weight)
    fresh = dict.fromkeys(routes.addresses, FRESH_WEIGHT)
    behind = list(fresh)[: mix.lagging]
    seconds = []
    for turn in range(changes):
        lagging = behind if turn % 2 == 0 else []
        weights = fresh | dict.fromkeys(lagging, mix.lagging_weight)
        begun = time.monotonic()
        await routes.say(lagging)
        async with asyncio.timeout(_MOVED_SECONDS):
            while not await routes.is_routed(weights):  # noqa: ASYNC110 - it is Envoy that knows
                await asyncio.sleep(PAUSE_SECONDS)
        seconds.append(time.monotonic() - begun)
    return seconds


@dataclass(frozen=True, slots=True)
class StaleReads:
    """Answers from before the lag threshold, of as many requests by each way and by a Service that has all replicas."""

    by_way: Mapping[Way, int]
    plain: int


async def measure_stale_reads(routes: RoutesStage, replicas: int, requests: int) -> StaleReads:
    """Make one replica lag, with weights 100 to 0, and read once readers have moved."""
    await routes.have_pool(replicas, laggingNodeWeight=0)
    plain = await routes.have_plain_service()
    ways = {way: await routes.find_way(way) for way in routes.routed_by.ways}
    lagging = next(iter(routes.addresses))
    await routes.say([lagging])
    stale = {}
    for way, connect in ways.items():
        async with Reader(connect, way.keeps_open) as reader:
            await _Watch(reader, way.settled_seconds).wait_until_without(lagging)
        stale[way] = _count_stale(await read_many(connect, requests, keeps_open=way.keeps_open))
    return StaleReads(stale, _count_stale(await read_many(plain, requests, keeps_open=False)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which of a pool's replicas lag, turn after turn, by their ordinals; and how the pool is balanced."""

    replicas: int
    turns: Sequence[Collection[int]]
    balancing: Mapping[str, Any]
    target: int | None = None


@dataclass(frozen=True, slots=True)
class EagerReads:
    """What readers met with who asked without a pause while classes changed."""

    answered: int
    failures: Counter[str]


async def read_eagerly(routes: RoutesStage, way: Way, pattern: Pattern, rounds: int) -> EagerReads:
    """Go through a pattern's turns so many times, while several readers ask as fast as they are answered.

    Each other round is a hurried one, whose turns come before the gateway has gone by the one before.
    """
    await routes.have_pool(pattern.replicas, target=pattern.target, **pattern.balancing)
    names, connect, is_reading = list(routes.addresses), await routes.find_way(way), True
    crowd = [Reader(connect, way.keeps_open) for _ in range(EAGER_READERS)]
    async with asyncio.TaskGroup() as group:
        for one in crowd:
            group.create_task(one.ask_while(lambda: is_reading))
        for number in range(rounds):
            for turn in pattern.turns:
                await routes.say([names[ordinal] for ordinal in turn])
                await asyncio.sleep(HURRIED_SECONDS if number % 2 else SETTLED_SECONDS)
        await asyncio.sleep(SETTLED_SECONDS)
        is_reading = False
    failures = Counter(failure for one in crowd for failure in one.failures)
    return EagerReads(sum(one.answered.total() for one in crowd), failures)


class _Watch:
    """Reads on and on, and knows when each replica has answered last, and since when one has answered alone."""

    def __init__(self, reader: Reader, settled_seconds: float) -> None:
        self._reader = reader
        self._settled_seconds = settled_seconds
        self._last: dict[str, float] = {}
        self._alone, self._since = "", 0.0

    async def wait_for(self, replica: str) -> float:
        """Read until this replica has answered alone for a while; return since when."""
        async with asyncio.timeout(_MOVED_SECONDS):
            while self._alone != replica or self._last[replica] - self._since < self._settled_seconds:
                await self._read()
        return self._since

    async def wait_until_without(self, replica: str) -> None:
        """Read until others have answered for a while and this one has not."""
        begun = time.monotonic()
        async with asyncio.timeout(_MOVED_SECONDS):
            while max(self._last.values(), default=0.0) - self._last.get(replica, begun) < self._settled_seconds:
                await self._read()

    async def _read(self) -> None:
        if answer := await self._reader.ask():
            replica, now = answer.partition(" ")[0], time.monotonic()
            self._last[replica] = now
            if replica != self._alone:
                self._alone, self._since = replica, now
        await asyncio.sleep(PAUSE_SECONDS)


def _count_replicas(answered: Counter[str]) -> Counter[str]:
    """Count the answers of each replica, whatever its ledger was."""
    counted: Counter[str] = Counter()
    for answer, count in answered.items():
        counted[answer.partition(" ")[0]] += count
    return counted


def _count_stale(answered: Counter[str]) -> int:
    return sum(count for answer, count in answered.items() if int(answer.partition(" ")[2]) < TIP - LAG_THRESHOLD)
