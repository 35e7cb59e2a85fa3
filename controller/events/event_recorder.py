"""Writes Events in the background: no plan waits for one or fails for one. events.event_series decides which."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog

from controller.events.event_series import EventSeries, Sentence, Series
from controller.events.pool_events import PoolEvent
from controller.telemetry.stats import ControllerStats
from readpool.clock import Clock
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import EVENT, POOL
from readpool.text import make_printable
from readpool.timestamps import format_micro_time

CONTROLLER = "stellar.org/readpool"
MAX_NOTE_BYTES = 1024
_WAITING = 1_000
_FLUSH_SECONDS = 1.0
_log = structlog.get_logger()


class EventRecorder:
    """Takes Events of pools. `run` writes them.

    Args:
        client: to the API server.
        identity: this process's, as it stands in its Lease.
        stats: counts what became of them.
        clock: Unix seconds.
    """

    def __init__(self, client: KubernetesClient, identity: str, stats: ControllerStats, clock: Clock) -> None:
        self._client = client
        self._identity = identity
        self._stats = stats
        self._clock = clock
        self._series = EventSeries()
        self._waiting: asyncio.Queue[tuple[dict[str, Any], PoolEvent]] = asyncio.Queue(_WAITING)
        self._has_failed = False

    def record(self, namespace: str, name: str, uid: str, event: PoolEvent) -> None:
        """Queue an Event of a pool; it is dropped if the queue is full."""
        regarding = {
            "apiVersion": POOL.api_version,
            "kind": POOL.name,
            "namespace": namespace,
            "name": name,
            "uid": uid,
        }
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait((regarding, event))
            return
        self._stats.events["Dropped"] += 1

    async def run(self) -> None:
        """Write until cancelled, and then for a moment what still waits."""
        try:
            while True:
                await self._write(*await self._waiting.get())
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    while not self._waiting.empty():
                        await self._write(*self._waiting.get_nowait())

    async def _write(self, regarding: dict[str, Any], event: PoolEvent) -> None:
        now = self._clock()
        sentence = Sentence(regarding["uid"], event.reason, event.message)
        series = self._series.find(sentence, now)
        if series is not None:
            await self._repeat(regarding["namespace"], sentence, series, now)
        elif self._series.may_begin(sentence, now):
            await self._begin(regarding, event, sentence, now)
        else:
            self._stats.events["Dropped"] += 1

    async def _begin(self, regarding: dict[str, Any], event: PoolEvent, sentence: Sentence, now: float) -> None:
        manifest = build_event(regarding, event, self._identity, now)
        if await self._try(lambda: self._client.create(EVENT, manifest)):
            self._series.begin(sentence, manifest["metadata"]["name"], now)
            self._stats.events["Written"] += 1

    async def _repeat(self, namespace: str, sentence: Sentence, series: Series, now: float) -> None:
        self._stats.events["Repeated"] += 1
        if not self._series.is_due(series, now):
            return
        body = {"series": {"count": series.count, "lastObservedTime": format_micro_time(now)}}
        if await self._try(lambda: self._client.merge(EVENT, namespace, series.name, body, manager=CONTROLLER)):
            series.written_at = now
        else:
            self._series.drop(sentence)

    async def _try(self, write: Callable[[], Any]) -> bool:
        """Write; a failure is logged once until one succeeds, and leaves everything else alone."""
        try:
            await write()
        except ApiError as error:
            self._stats.events["Failed"] += 1
            if not self._has_failed:
                _log.warning("cannotWriteEvents", reason=error.reason, message=error.message)
            self._has_failed = True
            return False
        self._has_failed = False
        return True


def build_event(regarding: dict[str, Any], event: PoolEvent, identity: str, now: float) -> dict[str, Any]:
    """Build an Event of events.k8s.io/v1."""
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": f"{regarding['name']}.{uuid4().hex[:16]}", "namespace": regarding["namespace"]},
        "eventTime": format_micro_time(now),
        "reportingController": CONTROLLER,
        "reportingInstance": identity[:128],
        "action": "Reconcile",
        "reason": event.reason,
        "type": "Warning" if event.is_warning else "Normal",
        "note": make_printable(event.message.encode()[:MAX_NOTE_BYTES].decode(errors="ignore"), " "),
        "regarding": regarding,
    }
