"""The page's server-sent events: what changed since this client was last told, at the client's own pace.

Nothing is queued for anyone. A client that reads slowly is told the newest once it has read the last, and one that does
not read at all is dropped. `/events` sends a summary of every fleet; `/events?fleet=NAME` (repeatable) the named ones
only, with each replica and the lag of the last minutes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice

from aiohttp import web

from readpool.budget import Budget, Limits
from scaler.fleet.snapshot import FleetSnapshot
from scaler.telemetry.fleet_feed import FLEETS_AT_ONCE, FleetFeed
from scaler.telemetry.page_feed import build_details, build_history, encode_event, join_summaries

MAX_NAMED_FLEETS = 16
PACE_SECONDS = 0.5
"""A client is told at most this often."""
RETRY_MILLISECONDS = 2000
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What clients of the event streams may take.

    Attributes:
        clients: streams open at once; a page holds two.
        clients_of_a_caller: of these, those of one address.
        heartbeat_seconds: after so long without news a client is told that the stream is alive.
        write_seconds: a client that takes longer to read what it was sent is dropped.
    """

    clients: int = 128
    clients_of_a_caller: int = 32
    heartbeat_seconds: float = 10.0
    write_seconds: float = 15.0


class EventStreams:
    """Serves `/events` to a bounded number of clients.

    Args:
        feed: what there is to tell.
        clock: Unix time in seconds, the same that the snapshots are stamped with.
        limits: what clients may take.
    """

    def __init__(self, feed: FleetFeed, clock: Callable[[], float], limits: StreamLimits) -> None:
        self._feed = feed
        self._clock = clock
        self._limits = limits
        self._budget = Budget("event streams", Limits(limits.clients, min(limits.clients_of_a_caller, limits.clients)))
        self._clients: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one GET of /events with a stream that does not end.

        Raises:
            HTTPBadRequest: for too many names.
            HTTPServiceUnavailable: when too many streams are open.
        """
        names = frozenset(request.query.getall("fleet", ()))
        if len(names) > MAX_NAMED_FLEETS:
            raise web.HTTPBadRequest(text=f"fleet: {len(names)} named, at most {MAX_NAMED_FLEETS} in one stream\n")
        caller = request.remote or ""
        refusal = self._budget.find_refusal(caller)
        if refusal is not None:
            raise web.HTTPServiceUnavailable(text=f"{refusal}\n", headers={"Retry-After": "10"})
        response = web.StreamResponse(headers=_HEADERS)
        client = _Client(self._feed, self._clock, self._limits, response, names)
        with self._budget.hold(caller):
            await response.prepare(request)
            if request.method == "GET":
                await self._run(client, request)
        return response

    @property
    def client_count(self) -> int:
        """How many streams are open."""
        return len(self._clients)

    def close(self) -> None:
        """End every stream."""
        for task in tuple(self._clients):
            task.cancel()

    async def _run(self, client: "_Client", request: web.Request) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a request handler always runs in a task
        self._clients.add(task)
        try:
            await client.tell()
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._clients.discard(task)


class _Client:
    """One open stream: what it was told last, by fleet."""

    def __init__(
        self,
        feed: FleetFeed,
        clock: Callable[[], float],
        limits: StreamLimits,
        response: web.StreamResponse,
        names: frozenset[str],
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._limits = limits
        self._response = response
        self._names = names
        self._last_sent: dict[str, FleetSnapshot] = {}

    async def tell(self) -> None:
        """Send everything, then the changes.

        Raises:
            ConnectionError: when the client is gone.
            TimeoutError: when it does not read.
        """
        hello = {
            "version": version("readpool"),
            "now": self._clock(),
            "heartbeatSeconds": self._limits.heartbeat_seconds,
        }
        await self._write(f"retry: {RETRY_MILLISECONDS}\n".encode() + encode_event("hello", hello))
        sequence = await self._feed.changed(-1)
        await self._tell_news()
        await self._write(encode_event("live", {"now": self._clock(), "fleets": len(self._last_sent)}))
        while True:
            try:
                async with asyncio.timeout(self._limits.heartbeat_seconds):
                    sequence = await self._feed.changed(sequence)
            except TimeoutError:
                await self._write(b": the stream is alive\n" + encode_event("beat", {"now": self._clock()}))
                continue
            await self._tell_news()
            await asyncio.sleep(PACE_SECONDS)

    async def _tell_news(self) -> None:
        snapshots = self._feed.snapshots()
        if self._names:
            snapshots = {name: snapshot for name, snapshot in snapshots.items() if name in self._names}
        gone = sorted(self._last_sent.keys() - snapshots.keys())
        if gone:
            await self._write(encode_event("gone", {"fleets": gone}))
        news = (each for each in snapshots.values() if each is not self._last_sent.get(each.fleet))
        while batch := tuple(islice(news, FLEETS_AT_ONCE)):
            await self._write(join_summaries(self._clock(), map(self._feed.summary, batch)))
            if self._names:
                await self._tell_details(batch)
            await asyncio.sleep(0)
        self._last_sent = snapshots

    async def _tell_details(self, batch: tuple[FleetSnapshot, ...]) -> None:
        for snapshot in batch:
            if snapshot.fleet not in self._last_sent and (history := self._feed.history(snapshot.fleet)):
                told = build_history(snapshot.fleet, history.series(), self._feed.sizes(snapshot.fleet))
                await self._write(encode_event("history", told))
            await self._write(encode_event("details", build_details(snapshot)))

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(self._limits.write_seconds):
            await self._response.write(data)
