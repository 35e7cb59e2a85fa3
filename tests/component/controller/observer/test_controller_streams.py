"""What the controller hears of a scaler over real gRPC: at once, again after every loss, and since when it does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from controller.observed.pool_keys import PoolKey
from controller.observer.fleet_streams import FleetStreams
from controller.observer.scaler_link import ScalerLink
from controller.settings import ScalerTls
from devtools.pools.scripted_observer import ScriptedObserver, build_snapshot, serve_observer
from readpool.replica_class import ReplicaClass
from tests.component.certificates import Authority

KEY = PoolKey("n", "pool")
FIVE = {f"pool-{ordinal}": "fresh" for ordinal in range(5)}


class Listener:
    """Streams to one scaler, and what they have queued: pool and seconds."""

    def __init__(self, address: str, tls: ScalerTls | None = None) -> None:
        self.changed: list[PoolKey] = []
        self.queued: list[tuple[PoolKey, float]] = []
        self.link = ScalerLink(address, tls)
        self.streams = FleetStreams(self.link, self._queue, self._queue_after, time.time)

    def _queue(self, key: PoolKey) -> None:
        self.changed.append(key)

    def _queue_after(self, key: PoolKey, seconds: float) -> None:
        self.queued.append((key, seconds))

    @property
    def at_once(self) -> int:
        """How often a pool was queued because something had changed."""
        return len(self.changed)


@asynccontextmanager
async def listen(address: str, tls: ScalerTls | None = None) -> AsyncIterator[Listener]:
    listener = Listener(address, tls)
    link = asyncio.create_task(listener.link.run())
    try:
        yield listener
    finally:
        await listener.streams.close()
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what holds sets no event of ours
            await asyncio.sleep(0.01)


@pytest.fixture
async def observer() -> AsyncIterator[ScriptedObserver]:
    async with serve_observer() as served:
        yield served


async def test_a_word_is_heard_at_once_and_queues_its_pool(observer: ScriptedObserver) -> None:
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        listener.streams.watch(KEY, 30.0)
        assert listener.streams.read(KEY).silent_since is not None
        await observer.say(*KEY, build_snapshot(FIVE, time.time()))
        await until(lambda: listener.streams.read(KEY).fleet is not None)
        word = listener.streams.read(KEY)
        assert word.silent_since is None
        assert word.fleet is not None
        assert {one.replica_class for one in word.fleet.replicas} == {ReplicaClass.FRESH}
        assert listener.at_once == 1


async def test_a_class_queues_at_once_and_numbers_as_often_as_asked(observer: ScriptedObserver) -> None:
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        listener.streams.watch(KEY, 3600.0)
        for tip in range(1000, 1010):
            await observer.say(*KEY, build_snapshot(FIVE, time.time(), tip=tip))
            await until(lambda t=tip: _tip(listener) == t)  # type: ignore[misc]
        assert listener.at_once == 1
        await observer.say(*KEY, build_snapshot(FIVE | {"pool-1": "lagging"}, time.time(), tip=1010))
        await until(lambda: listener.at_once == 2)


async def test_a_doubt_about_a_fresh_one_queues_at_once_and_so_does_its_end(observer: ScriptedObserver) -> None:
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        listener.streams.watch(KEY, 3600.0)
        for turn, is_doubted in enumerate((False, True, True, False), start=1000):
            snapshot = build_snapshot(FIVE, time.time(), tip=turn)
            snapshot.replicas[2].suspect = is_doubted
            await observer.say(*KEY, snapshot)
            await until(lambda t=turn: _tip(listener) == t)  # type: ignore[misc]
        assert listener.at_once == 3


async def test_a_scaler_that_was_lost_is_found_again_and_what_it_said_is_kept_meanwhile() -> None:
    async with serve_observer() as first, listen(f"127.0.0.1:{first.port}") as listener:
        listener.streams.watch(KEY, 30.0)
        await first.say(*KEY, build_snapshot(FIVE, time.time()))
        await until(lambda: _tip(listener) == 1000)
        await first.stop()
        await until(lambda: listener.streams.read(KEY).silent_since is not None)
        assert _tip(listener) == 1000
        async with serve_observer(first.port) as second:
            await second.say(*KEY, build_snapshot(FIVE, time.time(), tip=2000))
            await until(lambda: _tip(listener) == 2000)
            assert listener.streams.read(KEY).silent_since is None


async def test_a_scaler_that_cannot_watch_pools_is_silent_and_asked_ever_more_seldom(
    observer: ScriptedObserver,
) -> None:
    observer.refusal = (grpc.StatusCode.UNIMPLEMENTED, "of an older version")
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        listener.streams.watch(KEY, 30.0)
        await asyncio.sleep(1.5)
        assert listener.streams.read(KEY).silent_since is not None
        assert 2 <= observer.asked <= 6
        observer.refusal = None
        await observer.say(*KEY, build_snapshot(FIVE, time.time()))
        await until(lambda: _tip(listener) == 1000)


async def test_a_pool_that_is_forgotten_is_asked_for_no_more(observer: ScriptedObserver) -> None:
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        listener.streams.watch(KEY, 30.0)
        await until(lambda: observer.watched[KEY] == 1)
        listener.streams.forget(KEY)
        await until(lambda: observer.watched[KEY] == 0)
        assert len(listener.streams) == 0


class ChangingChannel:
    """A channel that never connects, and whose state changes when a test says so."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    def change(self) -> None:
        """Wake who waits now, and nobody who comes later."""
        self._change.set()
        self._change.clear()

    def get_state(self, *, try_to_connect: bool) -> grpc.ChannelConnectivity:
        assert try_to_connect
        return grpc.ChannelConnectivity.CONNECTING

    async def wait_for_state_change(self, _state: grpc.ChannelConnectivity) -> None:
        await self._change.wait()

    async def close(self) -> None:
        return


async def test_a_link_that_is_cancelled_while_its_state_changes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = ChangingChannel()
    monkeypatch.setattr(grpc.aio, "insecure_channel", lambda *_: channel)
    link = asyncio.create_task(ScalerLink("scaler:6000", None).run())
    await asyncio.sleep(0.05)
    channel.change()
    await asyncio.sleep(0)  # what waited has heard of it, and who waits for that has not
    link.cancel()
    done, _ = await asyncio.wait({link}, timeout=30.0)
    assert done, "the cancellation was lost"
    assert link.cancelled()


async def test_many_pools_share_one_connection(observer: ScriptedObserver) -> None:
    async with listen(f"127.0.0.1:{observer.port}") as listener:
        keys = [PoolKey("n", f"pool-{number}") for number in range(300)]
        for key in keys:
            await observer.say(*key, build_snapshot(FIVE, time.time()))
            listener.streams.watch(key, 30.0)
        await until(lambda: listener.streams.connected == len(keys))
        assert len(observer.peers) == 1


async def test_certificates_that_were_wrong_are_read_again_once_they_are_right(tmp_path: Path) -> None:
    authority, stranger = Authority("ours"), Authority("another")
    pair = authority.issue()
    credentials = grpc.ssl_server_credentials([(pair.key, pair.certificate)], authority.root, require_client_auth=True)
    ca, certificate, key = tmp_path / "ca.crt", tmp_path / "tls.crt", tmp_path / "tls.key"
    client = stranger.issue("controller")
    ca.write_bytes(authority.root)
    certificate.write_bytes(client.certificate)
    key.write_bytes(client.key)
    async with serve_observer(credentials=credentials) as observer:
        await observer.say(*KEY, build_snapshot(FIVE, time.time()))
        async with listen(f"localhost:{observer.port}", ScalerTls(ca, certificate, key)) as listener:
            listener.streams.watch(KEY, 30.0)
            await asyncio.sleep(0.5)
            assert listener.streams.read(KEY).fleet is None
            client = authority.issue("controller")
            certificate.write_bytes(client.certificate)
            key.write_bytes(client.key)
            await until(lambda: _tip(listener) == 1000, 15.0)


def _tip(listener: Listener) -> int | None:
    fleet = listener.streams.read(KEY).fleet
    return fleet.tip_ledger if fleet is not None else None
