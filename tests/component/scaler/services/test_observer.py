"""Observer.Watch on a real gRPC port, with fleets whose snapshots the test sets: what is told, when, to how many."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest

from readpool.budget import Budget, Limits
from readpool.clock import steady_clock
from readpool.replica_class import ReplicaClass
from readpool.v1.observer_pb2 import Fleets as FleetsTarget
from readpool.v1.observer_pb2 import Pool, Snapshot, Trigger, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub, add_ObserverServicer_to_server
from scaler.fleet.snapshot import FleetSnapshot
from scaler.fleets.change_counter import ChangeCounter
from scaler.policy.policy import Bounds, Decision
from scaler.services.admission import Admission
from scaler.services.observer import Observer
from scaler.services.streams import Streams
from scaler.triggers.fleet_spec import FleetSpec, ServiceSource
from scaler.triggers.pool_hold_reasons import POOL_DELETED
from tests.component.scripted_fleets import make_replica, make_snapshot, make_three_fresh

if TYPE_CHECKING:
    from readpool.v1.observer_pb2_grpc import ObserverAsyncStub  # exists in the typed stub only
    from scaler.fleets.fleets import Fleets

NEVER_SECONDS = 3600.0
TRIGGER = {"service": "core", "port": "11626", "targetReplicas": "3"}
BY_TRIGGER = WatchRequest(trigger=Trigger(namespace="stellar", metadata=TRIGGER))
ALL = WatchRequest(fleets=FleetsTarget())


class ScriptedFleet:
    """One fleet in the shape of scaler.fleets.watched_fleet.WatchedFleet; the test puts its snapshots."""

    def __init__(self, snapshot: FleetSnapshot) -> None:
        self.name = snapshot.fleet
        self.spec = FleetSpec(snapshot.namespace, ServiceSource(self.name, 11626), Bounds(1, 3, 10))
        self.snapshot = snapshot
        self.changes = ChangeCounter()
        self.holders = 0

    async def next_snapshot(self, after_sequence: int) -> FleetSnapshot:
        while self.snapshot.sequence <= after_sequence:
            await self.changes.wait_beyond(self.changes.value)
        return self.snapshot


class ScriptedFleets:
    """Fleets in the shape of scaler.fleets.fleets.Fleets; a trigger finds the first."""

    def __init__(self, *snapshots: FleetSnapshot) -> None:
        self.fleets = [ScriptedFleet(snapshot) for snapshot in snapshots]
        self._changes = ChangeCounter()

    def all(self) -> tuple[ScriptedFleet, ...]:
        return tuple(self.fleets)

    async def changed(self, after: int) -> int:
        return await self._changes.wait_beyond(after)

    @contextlib.contextmanager
    def lease(self, _spec: FleetSpec, _caller: str = "") -> Iterator[ScriptedFleet]:
        fleet = self.fleets[0]
        fleet.holders += 1
        try:
            yield fleet
        finally:
            fleet.holders -= 1

    def put(self, snapshot: FleetSnapshot) -> None:
        """Swap the fleet's snapshot for one with the next sequence, or add the fleet."""
        known = next((fleet for fleet in self.fleets if fleet.name == snapshot.fleet), None)
        if known is None:
            self.fleets.append(ScriptedFleet(snapshot))
        else:
            known.snapshot = replace(snapshot, sequence=known.snapshot.sequence + 1)
            known.changes.advance()
        self._changes.advance()

    def drop(self, name: str) -> None:
        self.fleets = [fleet for fleet in self.fleets if fleet.name != name]
        self._changes.advance()


@dataclass(frozen=True)
class Served:
    """An Observer on a port of its own."""

    fleets: ScriptedFleets
    streams: Streams
    observer: "ObserverAsyncStub"


@contextlib.asynccontextmanager
async def serve_observer(
    *snapshots: FleetSnapshot,
    interval_seconds: float = NEVER_SECONDS,
    limit: int = 10,
    pool_namespaces: tuple[str, ...] | None = None,
) -> AsyncIterator[Served]:
    """Serve for as long as the block runs."""
    fleets, streams = ScriptedFleets(*snapshots), Streams(Budget("streams", Limits(limit, limit)))
    admission = Admission(allow_static_nodes=False, pool_namespaces=pool_namespaces)
    observer = Observer(cast("Fleets", fleets), admission, streams, interval_seconds, steady_clock())
    server = grpc.aio.server()
    add_ObserverServicer_to_server(observer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(fleets, streams, ObserverStub(channel))
    finally:
        streams.end_all()
        await server.stop(grace=1)


async def read(stream: Any) -> Snapshot:
    """Read the next message, which must come soon."""
    async with asyncio.timeout(30):
        message = await stream.read()
    assert isinstance(message, Snapshot)
    return message


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def make_lagging(name: str = "stellar/core") -> FleetSnapshot:
    return make_snapshot(name, make_replica("core-0", ReplicaClass.LAGGING, 2000))


@pytest.mark.parametrize("request_", [BY_TRIGGER, ALL], ids=["one fleet", "all fleets"])
async def test_the_first_snapshot_comes_at_once_and_each_change_of_class_at_once(request_: WatchRequest) -> None:
    async with serve_observer(make_three_fresh()) as served:
        stream = served.observer.Watch(request_)
        assert [replica.name for replica in (await read(stream)).replicas] == ["core-0", "core-1", "core-2"]
        served.fleets.put(make_lagging())
        assert (await read(stream)).sequence == 2
        served.fleets.put(make_three_fresh())
        assert (await read(stream)).sequence == 3


@pytest.mark.parametrize("request_", [BY_TRIGGER, ALL], ids=["one fleet", "all fleets"])
async def test_mere_numbers_come_at_most_once_an_interval_and_then_the_newest(request_: WatchRequest) -> None:
    interval_seconds, puts = 0.4, 60
    async with serve_observer(make_three_fresh(), interval_seconds=interval_seconds) as served:
        stream = served.observer.Watch(request_)
        began = time.monotonic()
        received = [(await read(stream)).sequence]

        async def put_numbers() -> None:
            for _ in range(puts):
                served.fleets.put(make_three_fresh())
                await asyncio.sleep(0.02)

        putting = asyncio.create_task(put_numbers())
        while received[-1] < 1 + puts:
            received.append((await read(stream)).sequence)
        await putting
        assert len(received) <= 1 + (time.monotonic() - began) / interval_seconds


async def test_a_slow_reader_gets_the_newest_and_no_backlog() -> None:
    replicas = [make_replica(f"core-{i}", ReplicaClass.FRESH, i) for i in range(200)]
    changes = 2000
    async with serve_observer(make_snapshot("stellar/core", *replicas)) as served:
        stream = served.observer.Watch(BY_TRIGGER)
        await read(stream)
        for number in range(changes):
            served.fleets.put(make_snapshot("stellar/core", *replicas, decision=Decision(number, "Steady", "")))
            if number % 10 == 0:
                await asyncio.sleep(0)
        read_count = 1
        while (await read(stream)).decision.desired_replicas != changes - 1:
            read_count += 1
        assert read_count < changes / 4


async def test_a_stream_keeps_its_fleet_held_and_lets_go_when_its_client_does() -> None:
    async with serve_observer(make_three_fresh()) as served:
        stream = served.observer.Watch(BY_TRIGGER)
        await read(stream)
        assert served.fleets.fleets[0].holders == 1
        stream.cancel()
        await wait_until(lambda: served.fleets.fleets[0].holders == 0)
        assert len(served.streams) == 0


async def test_a_stream_too_many_is_refused_until_another_ends() -> None:
    async with serve_observer(make_three_fresh(), limit=2) as served:
        first, second = served.observer.Watch(ALL), served.observer.Watch(BY_TRIGGER)
        await read(first)
        await read(second)
        with pytest.raises(grpc.aio.AioRpcError, match="has 2 streams, at most 2 are allowed") as refusal:
            await served.observer.Watch(ALL).read()
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()
        await wait_until(lambda: len(served.streams) == 1)
        await read(served.observer.Watch(ALL))


async def test_a_thousand_streams_over_one_connection_are_each_told_within_seconds() -> None:
    async with serve_observer(make_three_fresh(), limit=1000) as served, asyncio.timeout(30):
        streams = [served.observer.Watch(BY_TRIGGER) for _ in range(1000)]
        await asyncio.gather(*map(read, streams))
        served.fleets.put(make_lagging())
        assert {snapshot.sequence for snapshot in await asyncio.gather(*map(read, streams))} == {2}


async def test_the_last_snapshot_of_a_deleted_pool_is_marked_and_the_stream_goes_on() -> None:
    deleted = make_snapshot("stellar/core", decision=Decision(None, POOL_DELETED, "The ReadOnlyPool was deleted."))
    async with serve_observer(make_three_fresh(), pool_namespaces=()) as served:
        stream = served.observer.Watch(WatchRequest(pool=Pool(namespace="stellar", name="core")))
        assert (await read(stream)).gone is False
        served.fleets.put(deleted)
        assert (await read(stream)).gone is True
        served.fleets.put(make_three_fresh())
        assert (await read(stream)).gone is False


async def test_fleets_that_come_are_told_and_those_that_go_are_told_as_gone() -> None:
    async with serve_observer(make_three_fresh("a/core")) as served:
        stream = served.observer.Watch(ALL)
        assert (await read(stream)).fleet == "a/core"
        served.fleets.put(make_three_fresh("b/core"))
        assert (await read(stream)).fleet == "b/core"
        served.fleets.drop("a/core")
        last = await read(stream)
        assert (last.fleet, last.gone) == ("a/core", True)
        served.fleets.put(make_three_fresh("a/core"))
        again = await read(stream)
        assert (again.fleet, again.gone) == ("a/core", False)


async def test_a_watch_of_one_namespace_tells_nothing_of_another() -> None:
    async with serve_observer(make_three_fresh("a/core"), make_three_fresh("b/core")) as served:
        stream = served.observer.Watch(WatchRequest(fleets=FleetsTarget(namespace="b")))
        assert (await read(stream)).fleet == "b/core"
        served.fleets.put(make_lagging("a/core"))
        served.fleets.put(make_lagging("b/core"))
        assert (await read(stream)).fleet == "b/core"


async def test_draining_ends_streams_with_ok() -> None:
    async with serve_observer(make_three_fresh()) as served:
        streams = [served.observer.Watch(request) for request in (BY_TRIGGER, ALL)]
        for stream in streams:
            await read(stream)
        served.streams.end_all()
        for stream in streams:
            assert await stream.read() is grpc.aio.EOF
            assert await stream.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("request_", "code", "why"),
    [
        pytest.param(WatchRequest(), "INVALID_ARGUMENT", "no target given", id="no target"),
        pytest.param(
            WatchRequest(pool=Pool(namespace="stellar", name="core")), "UNIMPLEMENTED", "--pools", id="a pool"
        ),
        pytest.param(
            WatchRequest(trigger=Trigger(namespace="stellar", metadata={**TRIGGER, "nonsense": "1"})),
            "INVALID_ARGUMENT",
            "nonsense",
            id="a bad trigger",
        ),
        pytest.param(
            WatchRequest(trigger=Trigger(namespace="stellar", metadata={"pool": "core"})),
            "UNIMPLEMENTED",
            "--pools",
            id="a trigger by pool",
        ),
    ],
)
async def test_what_cannot_be_watched_is_refused(request_: WatchRequest, code: str, why: str) -> None:
    async with serve_observer(make_three_fresh()) as served:
        with pytest.raises(grpc.aio.AioRpcError, match=why) as refusal:
            await served.observer.Watch(request_).read()
        assert refusal.value.code().name == code
        assert len(served.streams) == 0
