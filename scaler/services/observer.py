"""readpool.v1.Observer: snapshots as they change, for each watcher. Decides only which are worth sending now.

Each stream remembers what it sent last and reads the newest snapshot when its reader is ready, so a slow reader gets
the newest and never a backlog.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from readpool.budget import Budget, Limits, OverBudget
from readpool.callers import read_caller
from readpool.clock import Clock
from readpool.refusals import Refusals
from readpool.v1.observer_pb2 import Snapshot, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverServicer
from scaler.fleet.snapshot import FleetSnapshot
from scaler.fleets.fleets import Fleets
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.services.admission import Admission
from scaler.services.snapshot_message import build_snapshot_message
from scaler.services.streams import Stream, Streams
from scaler.triggers.fleet_spec import FleetSpec
from scaler.triggers.pool_hold_reasons import POOL_DELETED

_SWEEP_SPACING_SECONDS = 0.1
"""Between two looks at all fleets: thousands of polls a second must not mean thousands of looks."""
_OF_ALL = Limits(process=64, caller=32, namespace=8)
"""Each looks at all fleets, ten times a second while they change."""
_MOST_BUILT = 512
_log = structlog.get_logger(__name__)
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class LastSent:
    """What a stream last sent of one fleet, and when; `compared` is the newest snapshot compared with it."""

    fleet: WatchedFleet
    snapshot: FleetSnapshot
    at: float
    compared: FleetSnapshot | None = None

    def compute_rest_seconds(self, newest: FleetSnapshot, now: float, interval_seconds: float) -> float | None:
        """Compute in how many seconds to send `newest`, 0 for at once; None if it was sent already."""
        if newest is self.snapshot:
            return None
        if newest is not self.compared:
            if is_more_than_numbers(self.snapshot, newest):
                return 0.0
            self.compared = newest
        return max(self.at + interval_seconds - now, 0.0)


class Observer(ObserverServicer):
    """Streams what the scaler sees. `interval_seconds` is how often mere numbers are sent."""

    def __init__(
        self,
        fleets: Fleets,
        admission: Admission,
        streams: Streams,
        interval_seconds: float,
        clock: Clock,
        refusals: Refusals | None = None,
    ) -> None:
        self._fleets = fleets
        self._admission = admission
        self._streams = streams
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._refusals = refusals or Refusals()
        self._of_all = Budget("streams of all fleets", _OF_ALL)
        self._built: OrderedDict[str, tuple[FleetSnapshot, Snapshot]] = OrderedDict()
        self._faulty: set[str] = set()

    async def Watch(self, request: WatchRequest, context: _Context) -> AsyncIterator[Snapshot]:
        """Stream one fleet or all; see the proto for what is sent when."""
        caller = read_caller(context.peer())  # now: gRPC crashes when it is asked at the end
        try:
            with self._streams.admit(caller, _find_namespace(request)) as stream:
                async for snapshot in await self._find_snapshots(request, context, stream, caller):
                    yield snapshot
        except OverBudget as error:
            self._refusals.note(error, caller)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    async def _find_snapshots(
        self, request: WatchRequest, context: _Context, stream: Stream, caller: str
    ) -> AsyncIterator[Snapshot]:
        target = request.WhichOneof("target")
        if target == "fleets":
            return self._watch_all(request.fleets.namespace, stream, caller)
        if target == "trigger":
            asked = request.trigger
            trigger = await self._admission.admit(asked.namespace, "", asked.metadata, context)
            return self._watch_one(trigger.fleet, stream, caller)
        if target == "pool":
            pool = request.pool
            trigger = await self._admission.admit(pool.namespace, "", {"pool": pool.name}, context)
            return self._watch_one(trigger.fleet, stream, caller)
        return await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no target given; set trigger, pool or fleets")

    async def _watch_one(self, spec: FleetSpec, stream: Stream, caller: str) -> AsyncIterator[Snapshot]:
        with self._fleets.lease(spec, caller) as fleet:
            last_sent = None
            while True:
                last_sent = LastSent(fleet, fleet.snapshot, self._clock())
                message = self._build(last_sent.snapshot, is_gone=is_of_deleted_pool(last_sent.snapshot))
                if message is not None:
                    yield message
                await self._wait_until_worth_telling(last_sent, stream)
                if stream.is_ending:
                    return

    async def _wait_until_worth_telling(self, last_sent: LastSent, stream: Stream) -> None:
        """Wait for the fleet's next snapshot, and for one that only brings new numbers until its time has come."""
        seen = await stream.wait_for(last_sent.fleet.next_snapshot(last_sent.snapshot.sequence))
        while seen is not None:
            rest_seconds = last_sent.compute_rest_seconds(seen, self._clock(), self._interval_seconds)
            if not rest_seconds:
                return
            seen = await stream.wait_for(last_sent.fleet.next_snapshot(seen.sequence), rest_seconds)

    async def _watch_all(self, namespace: str, stream: Stream, caller: str) -> AsyncIterator[Snapshot]:
        with self._of_all.hold(caller, namespace):
            async for snapshot in self._sweep(namespace, stream):
                yield snapshot

    async def _sweep(self, namespace: str, stream: Stream) -> AsyncIterator[Snapshot]:
        last_sent: dict[str, LastSent] = {}
        sequence = 0
        while not stream.is_ending:
            watched = {fleet.name: fleet for fleet in self._fleets.all() if namespace in ("", fleet.spec.namespace)}
            for name in last_sent.keys() - watched.keys():
                if (gone := self._build(last_sent.pop(name).snapshot, is_gone=True)) is not None:
                    yield gone
            wake_seconds = None
            for name, fleet in watched.items():
                rest_seconds = self._compute_rest_seconds(last_sent.get(name), fleet)
                if rest_seconds == 0:
                    last_sent[name] = LastSent(fleet, fleet.snapshot, self._clock())
                    if (message := self._build(last_sent[name].snapshot)) is not None:
                        yield message
                elif rest_seconds is not None:
                    wake_seconds = min(rest_seconds, wake_seconds or rest_seconds)
            await stream.wait_for(asyncio.sleep(_SWEEP_SPACING_SECONDS))
            sequence = await stream.wait_for(self._fleets.changed(sequence), wake_seconds) or sequence

    def _build(self, snapshot: FleetSnapshot, *, is_gone: bool = False) -> Snapshot | None:
        """Build a snapshot's message, once for all; None for one that cannot be said, which ends no stream."""
        known = self._built.get(snapshot.fleet)
        if known is not None and known[0] is snapshot and not is_gone:
            return known[1]
        try:
            message = build_snapshot_message(snapshot, is_gone=is_gone, poll_interval_seconds=self._interval_seconds)
        except (ValueError, TypeError, OverflowError) as error:
            if snapshot.fleet not in self._faulty:
                self._faulty.add(snapshot.fleet)
                _log.error("updateNotSent", fleet=snapshot.fleet, exc_info=error)
            return None
        if is_gone:
            self._built.pop(snapshot.fleet, None)
            return message
        self._built[snapshot.fleet] = snapshot, message
        self._built.move_to_end(snapshot.fleet)
        if len(self._built) > _MOST_BUILT:
            self._built.popitem(last=False)
        return message

    def _compute_rest_seconds(self, last_sent: LastSent | None, fleet: WatchedFleet) -> float | None:
        if last_sent is None or last_sent.fleet is not fleet:
            return 0.0  # new, or dropped and asked for again
        return last_sent.compute_rest_seconds(fleet.snapshot, self._clock(), self._interval_seconds)


def _find_namespace(request: WatchRequest) -> str:
    """Find the namespace that is asked about; "" for all, and where none is given."""
    target = request.WhichOneof("target")
    return getattr(request, target).namespace if target else ""


def is_of_deleted_pool(snapshot: FleetSnapshot) -> bool:
    """Return whether the fleet's pool existed and is gone."""
    return snapshot.decision.reason == POOL_DELETED


def is_more_than_numbers(before: FleetSnapshot, after: FleetSnapshot) -> bool:
    """Return whether a class or suspicion, the replicas, the tip's health, the decision or the bounds changed.

    All that controller.observer.fleet_streams acts on at once is among it.
    """
    return _build_standing(before) != _build_standing(after)


def _build_standing(snapshot: FleetSnapshot) -> tuple[object, ...]:
    return (
        tuple(
            (one.name, one.address, one.standing.replica_class, one.standing.is_suspect) for one in snapshot.replicas
        ),
        snapshot.tip and (snapshot.tip.is_stalled, snapshot.tip.is_halted),
        (snapshot.decision.desired, snapshot.decision.reason),
        (snapshot.bounds, snapshot.lag_threshold, snapshot.network),
    )
