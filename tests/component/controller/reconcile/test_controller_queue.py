"""The controller's queue: each pool once, at one worker at a time, later where it failed or was asked to wait."""

import asyncio

import pytest

from controller.observed.pool_keys import PoolKey
from controller.reconcile.reconcile import Routed
from controller.reconcile.work_queue import PATIENCE_SECONDS, WorkQueue
from controller.reconcile.workers import LONG_SECONDS, Lane, Workers
from readpool.kubernetes.errors import ApiError

A, B = PoolKey("n", "a"), PoolKey("n", "b")
SOON_SECONDS = 10.0


@pytest.fixture
async def queue() -> WorkQueue:
    return WorkQueue()


async def take(queue: WorkQueue) -> PoolKey:
    return await asyncio.wait_for(queue.get(), SOON_SECONDS)


async def is_empty_for(queue: WorkQueue, seconds: float) -> bool:
    try:
        await asyncio.wait_for(queue.get(), seconds)
    except TimeoutError:
        return True
    return False


async def test_a_pool_that_is_added_often_is_worked_on_once(queue: WorkQueue) -> None:
    for key in (A, B, A, A):
        queue.add(key)
    assert [await take(queue), await take(queue)] == [A, B]
    assert len(queue) == 0


async def test_what_has_happened_goes_before_what_has_fallen_due(queue: WorkQueue) -> None:
    c = PoolKey("n", "c")
    for key in (A, B, c):
        queue.add(key, is_urgent=False)
    queue.add(c)
    queue.add(c, is_urgent=False)
    assert len(queue) == 3
    assert [await take(queue) for _ in range(3)] == [c, A, B]
    queue.done(c)
    assert await is_empty_for(queue, 0.05)


async def test_a_pool_that_is_added_while_it_is_worked_on_comes_again_afterwards(queue: WorkQueue) -> None:
    queue.add(A)
    assert await take(queue) == A
    queue.add(A)
    assert await is_empty_for(queue, 0.05)
    queue.done(A)
    assert await take(queue) == A


async def test_of_several_times_the_soonest_counts(queue: WorkQueue) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    queue.add_after(A, 60.0)
    queue.add_after(A, 0.1)
    queue.add_after(A, 30.0)
    assert await take(queue) == A
    assert 0.09 <= loop.time() - began < SOON_SECONDS
    queue.done(A)
    assert await is_empty_for(queue, 0.2)


async def test_what_falls_due_at_once_is_no_other(queue: WorkQueue) -> None:
    queue.add_after(A, 0.0)
    queue.add_after(A, 0.0001)
    queue.add_after(A, 5.0)
    assert await take(queue) == A


async def test_what_happens_now_does_not_wait_for_a_later_time(queue: WorkQueue) -> None:
    queue.add_after(A, 60.0)
    queue.add(A)
    assert await take(queue) == A


async def test_pauses_double_while_a_pool_goes_on_failing_and_begin_anew_after_a_success(queue: WorkQueue) -> None:
    assert [queue.retry(A) for _ in range(3)] == [1, 2, 3]
    assert queue.failing == 1
    queue.succeed(A)
    assert queue.retry(A) == 1


async def test_a_throttled_pool_is_left_alone_whatever_happens_to_it_meanwhile(queue: WorkQueue) -> None:
    loop = asyncio.get_running_loop()
    queue.add(A)
    await take(queue)
    began = loop.time()
    queue.add(A)
    queue.retry(A, at_least_seconds=0.5)
    queue.done(A)
    queue.add(A)
    assert await take(queue) == A
    assert loop.time() - began >= 0.49


async def test_a_pool_that_is_forgotten_does_not_come_back(queue: WorkQueue) -> None:
    queue.retry(A)
    queue.forget(A)
    assert queue.failing == 0
    assert await is_empty_for(queue, 0.4)


async def test_the_queue_says_when_nobody_works(queue: WorkQueue) -> None:
    queue.add(A)
    await take(queue)
    waiting = asyncio.create_task(queue.wait_until_idle())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done(A)
    await asyncio.wait_for(waiting, SOON_SECONDS)


async def test_a_change_while_a_failing_pool_is_worked_on_waits_for_the_patience_and_not_for_the_back_off(
    queue: WorkQueue,
) -> None:
    for _ in range(10):
        queue.retry(A)  # by now it waits for a minute or two
    await asyncio.sleep(PATIENCE_SECONDS)
    queue.add(A)
    assert await take(queue) == A
    queue.add(A)
    queue.retry(A)
    queue.done(A)
    async with asyncio.timeout(PATIENCE_SECONDS + SOON_SECONDS):
        assert await queue.get() == A


@pytest.mark.parametrize("is_urgent", [True, False])
async def test_a_pool_that_is_worked_on_is_known_for_urgent_or_not(queue: WorkQueue, is_urgent: bool) -> None:
    queue.add(A, is_urgent=is_urgent)
    await take(queue)
    assert queue.is_urgent(A) is is_urgent


async def test_pools_that_take_long_hold_up_no_other(queue: WorkQueue) -> None:
    begun: list[PoolKey] = []
    forever = asyncio.Event()

    async def work(key: PoolKey) -> None:
        begun.append(key)
        if key.namespace == "slow":
            await forever.wait()

    lane = Lane(queue, work, 2)
    taking = asyncio.create_task(lane.run())
    for number in range(8):
        queue.add(PoolKey("slow", str(number)))
    queue.add(A)
    async with asyncio.timeout(8 / 2 * LONG_SECONDS + SOON_SECONDS):
        while A not in begun:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    taking.cancel()
    await lane.end()
    await queue.wait_until_idle()


class OddReconciler:
    """Reconciles as it is told to: with what a library lets out, what our own code does wrong, what a server says."""

    def __init__(self, *errors: BaseException, fails_readers: bool = False) -> None:
        self._errors = [] if fails_readers else list(errors)
        self._of_readers = list(errors) if fails_readers else []
        self.calls = 0
        self.routed = 0

    async def route(self, _key: PoolKey) -> Routed:
        self.routed += 1
        if self._of_readers:
            raise self._of_readers.pop(0)
        return Routed(None, has_more=self.calls < 2)

    def has_progressed(self, _key: PoolKey) -> bool:
        return False

    async def reconcile(self, _key: PoolKey) -> float | None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return None


class Stop:
    """As much of an Applier as workers know."""

    is_stopping = False

    def stop(self) -> None:
        self.is_stopping = True


@pytest.mark.parametrize("fails_readers", [False, True], ids=["the rest", "readers"])
@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), ValueError("ours"), ApiError(500, "InternalError", "")],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_one_look_ends_with_the_workers_go_on_and_look_again(
    queue: WorkQueue, error: BaseException, fails_readers: bool
) -> None:
    reconciler = OddReconciler(error, fails_readers=fails_readers)
    workers = Workers(queue, reconciler, Stop(), 1)  # type: ignore[arg-type]
    working = asyncio.create_task(workers.run())
    queue.add(A)
    async with asyncio.timeout(30):
        while reconciler.calls < 2 or (fails_readers and reconciler.routed < 2):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert working.cancelled()
