"""From slices that change to assignments that are told: what is taken together, what is waited for, what goes."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from controller.cluster.sight import Sight
from controller.eds.eds import Assignment
from controller.eds.eds_feed import MISSING_SECONDS, EdsFeed
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_slices import build_slice
from readpool.kubernetes.informer import OnChange
from readpool.kubernetes.kinds import ENDPOINT_SLICE, Manifest, ObjectKey, key_of

ONE, TWO = "10.0.0.1", "10.0.0.2"
POOL = "default/pool"


class Slices:
    """Slices as the watches have them, changed by the test's word."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()
        self.sight = Sight(())
        self._there: dict[ObjectKey, Manifest] = {}
        self._listeners: list[OnChange] = []

    def on_change(self, listener: OnChange) -> None:
        self._listeners.append(listener)

    def get(self, key: ObjectKey) -> Manifest | None:
        return self._there.get(key)

    def put(self, *addresses: str, **fields: Any) -> None:
        manifest = build_slice(addresses, **fields)
        key = key_of(ENDPOINT_SLICE, manifest)
        self._there[key] = manifest
        for listener in self._listeners:
            listener(key, manifest)

    def delete(self, name: str) -> None:
        key = ObjectKey(ENDPOINT_SLICE, "default", name)
        manifest = self._there.pop(key)
        for listener in self._listeners:
            listener(key, manifest)


class RecordingStore(EdsStore):
    """Keeps each assignment that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, dict[str, int] | None]] = []
        self.came = asyncio.Event()

    def update(self, name: str, assignment: Assignment | None) -> None:
        super().update(name, assignment)
        weights = (
            None
            if assignment is None
            else {e.address: e.weight for one in assignment.localities for e in one.endpoints}
        )
        self.told.append((name, weights))
        self.came.set()

    async def read_next(self) -> Mapping[str, int] | None:
        self.came.clear()
        async with asyncio.timeout(30):
            await self.came.wait()
        return self.told[-1][1]


@pytest.fixture
async def slices() -> Slices:
    return Slices()


@pytest.fixture
async def store(slices: Slices) -> RecordingStore:
    """A store that has been told of a pool of one fresh and one lagging replica."""
    store = RecordingStore()
    feed = EdsFeed(slices, store)  # type: ignore[arg-type]  # as much of the watches as a feed reads
    slices.put(ONE, name="pool-fresh-0")
    slices.put(TWO, weight=10, name="pool-lagging-0")
    slices.synced.set()
    await feed.run()
    return store


async def test_the_store_is_ready_with_all_that_there_is(store: RecordingStore) -> None:
    assert store.ready.is_set()
    assert store.told == [(POOL, {ONE: 100, TWO: 10})]


async def test_two_writes_of_one_change_are_told_once(slices: Slices, store: RecordingStore) -> None:
    slices.put(name="pool-fresh-0")
    slices.put(ONE, TWO, weight=10, name="pool-lagging-0")
    assert await store.read_next() == {ONE: 10, TWO: 10}
    assert len(store.told) == 2


async def test_an_endpoint_on_its_way_from_one_slice_to_another_is_waited_for(
    slices: Slices, store: RecordingStore
) -> None:
    slices.delete("pool-fresh-0")
    await asyncio.sleep(MISSING_SECONDS / 2)
    assert len(store.told) == 1
    slices.put(ONE, TWO, weight=10, name="pool-lagging-0")
    assert await store.read_next() == {ONE: 10, TWO: 10}
    assert len(store.told) == 2


async def test_one_that_stays_away_is_gone_soon_however_often_something_else_changes(
    slices: Slices, store: RecordingStore
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    slices.delete("pool-fresh-0")
    while len(store.told) == 1:
        slices.put(TWO, weight=10, name="pool-lagging-0")
        await asyncio.sleep(0.005)
    assert store.told[-1] == (POOL, {TWO: 10})
    assert MISSING_SECONDS <= loop.time() - begun < 4 * MISSING_SECONDS


async def test_a_pool_whose_slices_go_goes(slices: Slices, store: RecordingStore) -> None:
    slices.delete("pool-fresh-0")
    slices.delete("pool-lagging-0")
    assert await store.read_next() is None
    assert store.names() == frozenset()
    slices.put(ONE, name="pool-fresh-0")
    assert await store.read_next() == {ONE: 100}


async def test_a_slice_that_comes_to_belong_to_another_service_changes_both(
    slices: Slices, store: RecordingStore
) -> None:
    slices.put(ONE, name="pool-fresh-0", service="other")
    async with asyncio.timeout(30):
        while len(store.told) < 3:
            await store.read_next()
    assert dict(store.told[1:]) == {"default/other": {ONE: 100}, POOL: {TWO: 10}}


async def test_what_else_changes_is_no_matter(slices: Slices, store: RecordingStore) -> None:
    slices.put(ONE, TWO, name="loose", service="")
    slices.put(ONE, name="pool-fresh-0")
    await store.read_next()
    assert store.told[1:] == [(POOL, {ONE: 100, TWO: 10})]
