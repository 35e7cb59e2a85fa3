"""The scaler's reports: one stream for each pool, reopened whenever it ends; cluster.observe reads them.

Another class, doubt, member or decision queues the pool at once; numbers, as often as the pool wants them told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import structlog

from controller.cluster.observe import ScalerState
from controller.observed.observed import FleetView
from controller.observed.pool_keys import PoolKey
from controller.observed.scaler_clock import STALE_SECONDS, compute_stale_seconds
from controller.observer.fleet_view import parse_fleet_view
from controller.observer.scaler_link import ScalerLink
from readpool.backoff import compute_backoff
from readpool.clock import Clock
from readpool.v1 import observer_pb2
from readpool.v1.observer_pb2_grpc import ObserverStub

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 10.0
_log = structlog.get_logger()
Queue = Callable[[PoolKey], None]
QueueAfter = Callable[[PoolKey, float], None]


@dataclass(slots=True)
class _Stream:
    """One pool's stream and what it has brought.

    Attributes:
        lost_at: since when there is none, in Unix seconds; from the beginning until the first word.
        is_refused: it was answered with an error, and never with a word.
        numbers_at: when numbers last queued the pool.
    """

    key: PoolKey
    interval_seconds: float
    lost_at: float | None
    fleet: FleetView | None = None
    is_refused: bool = False
    numbers_at: float = 0.0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class FleetStreams:
    """The streams of all pools that were asked for.

    Args:
        link: to the scaler.
        queue: queues a pool of which something has changed.
        queue_after: queues a pool after so many seconds, behind all of those.
        clock: Unix seconds.
    """

    def __init__(self, link: ScalerLink, queue: Queue, queue_after: QueueAfter, clock: Clock) -> None:
        self._link = link
        self._queue = queue
        self._queue_after = queue_after
        self._clock = clock
        self._streams: dict[PoolKey, _Stream] = {}
        self._told: set[str] = set()
        """Codes of refusals that were logged since the scaler was last heard: a thousand pools are one line."""

    @property
    def connected(self) -> int:
        """How many pools the scaler can be heard on."""
        return sum(stream.lost_at is None for stream in self._streams.values())

    def __len__(self) -> int:
        """Count the pools."""
        return len(self._streams)

    def watch(self, key: PoolKey, interval_seconds: float) -> None:
        """Open a pool's stream where there is none; numbers queue the pool each `interval_seconds` at most."""
        stream = self._streams.get(key)
        if stream is not None:
            stream.interval_seconds = interval_seconds
            return
        stream = self._streams[key] = _Stream(key, interval_seconds, self._clock())
        stream.task = asyncio.create_task(self._follow(stream), name=f"stream of {key}")
        self._queue_after(key, STALE_SECONDS)

    def forget(self, key: PoolKey) -> None:
        """End a pool's stream."""
        stream = self._streams.pop(key, None)
        if stream is not None and stream.task is not None:
            stream.task.cancel()

    def read(self, key: PoolKey) -> ScalerState:
        """Return the last report on a pool, and since when there is no connection."""
        stream = self._streams[key]
        return ScalerState(stream.fleet, stream.lost_at)

    async def close(self) -> None:
        """End all streams."""
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        self._streams.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, stream: _Stream) -> None:
        pool = observer_pb2.Pool(namespace=stream.key.namespace, name=stream.key.name)
        request = observer_pb2.WatchRequest(pool=pool)
        failures = 0
        while True:
            channel = await self._link.wait_until_ready()
            try:
                async for message in ObserverStub(channel).Watch(request):
                    failures = 0
                    self._hear(stream, parse_fleet_view(message, self._clock()))
                self._lose(stream, "the scaler has ended the stream")
            except grpc.aio.AioRpcError as error:
                self._lose(stream, error.details() or "", error.code().name)
            except grpc.aio.UsageError as error:  # the channel was closed under us, for another one
                self._lose(stream, str(error))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                self._lose(stream, "the connection was given up")  # it was the call that was cancelled, not we
            failures += 1
            await asyncio.sleep(compute_backoff(failures, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS))

    def _hear(self, stream: _Stream, fleet: FleetView) -> None:
        now, last = self._clock(), stream.fleet
        was_silent = stream.lost_at is not None and now - stream.lost_at >= compute_stale_seconds(last)
        stream.fleet, stream.lost_at, stream.is_refused = fleet, None, False
        self._told.clear()
        if was_silent or last is None or is_more_than_numbers(last, fleet):
            stream.numbers_at = now
            self._queue(stream.key)
            return
        rest_seconds = stream.numbers_at + stream.interval_seconds - now
        if rest_seconds <= 0:
            stream.numbers_at = now
            self._queue_after(stream.key, 0.0)

    def _lose(self, stream: _Stream, why: str, code: str = "OK") -> None:
        if stream.lost_at is None:
            stream.lost_at = self._clock()
            self._queue_after(stream.key, compute_stale_seconds(stream.fleet))
            _log.debug("streamLost", pool=str(stream.key), code=code, message=why)
        elif stream.fleet is None and not stream.is_refused:
            stream.is_refused = True
            if code not in self._told:
                self._told.add(code)
                _log.warning("scalerRefusedPool", pool=str(stream.key), code=code, message=why)


def is_more_than_numbers(before: FleetView, after: FleetView) -> bool:
    """Return whether more changed than numbers. scaler.services.observer sends it at once; a test says so."""
    return _leave_out_numbers(before) != _leave_out_numbers(after)


def _leave_out_numbers(fleet: FleetView) -> tuple[object, ...]:
    replicas = tuple((one.name, one.address, one.replica_class, one.is_doubted) for one in fleet.replicas)
    return replicas, fleet.is_halted, fleet.desired_replicas, fleet.tip_ledger is None
