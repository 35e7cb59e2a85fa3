"""Takes pools out of the queue, readers' part first, and what is left in a second lane; failures come back ever slower.

Runs while this process leads. At its end, writes that have begun are finished, and none is begun.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import structlog

from controller.observed.pool_keys import PoolKey
from controller.reconcile.apply import Applier, Stopping
from controller.reconcile.reconcile import Reconciler
from controller.reconcile.work_queue import PATIENCE_SECONDS, WorkQueue
from readpool.kubernetes.errors import ApiError

LAST_WRITES_SECONDS = 3.0
"""How long writes that have begun may take to be answered once this process is to end."""
RESYNC_SECONDS = 600.0
"""Every pool is looked at so often, whatever happens: it costs no request where nothing is to do."""
LONG_SECONDS = 0.5
"""A pool that is worked on for longer holds up no other: it leaves its place to the next."""
MOST_AT_ONCE = 200
"""Of pools that take long; a server that is slow for everybody is not to be asked by all pools at once."""
READERS_PATIENCE_SECONDS = 0.2
_log = structlog.get_logger()


class Lane:
    """Works on the keys of a queue, `count` at a time and each key by itself; those that take long come on top."""

    def __init__(self, queue: WorkQueue, work: Callable[[PoolKey], Awaitable[None]], count: int) -> None:
        self._queue = queue
        self._work = work
        self._count = count
        self._quick = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Process keys until cancelled; work in progress continues."""
        while True:
            while self._quick >= self._count or len(self._tasks) >= MOST_AT_ONCE:
                self._room.clear()
                await self._room.wait()
            key = await self._queue.get()
            self._quick += 1
            task = asyncio.create_task(self._do(key), name=f"work on {key}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(0)  # a thousand pools at which nothing is to do are not to keep the loop from all else

    async def end(self) -> None:
        """End what is still being worked on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(self, key: PoolKey) -> None:
        is_long = False

        def leave_place() -> None:
            nonlocal is_long
            is_long = True
            self._free()

        timer = asyncio.get_running_loop().call_later(LONG_SECONDS, leave_place)
        try:
            with contextlib.suppress(Stopping):
                await self._work(key)
        finally:
            timer.cancel()
            self._queue.done(key)
            if is_long:
                self._room.set()
            else:
                self._free()

    def _free(self) -> None:
        self._quick -= 1
        self._room.set()


class Workers:
    """The two lanes: `queue` is that of readers, whose pools go on to the other. `run` works until it is cancelled."""

    def __init__(self, queue: WorkQueue, reconciler: Reconciler, applier: Applier, count: int) -> None:
        self._queue = queue
        self._rest = WorkQueue()
        self._reconciler = reconciler
        self._applier = applier
        self._lanes = (Lane(queue, self._route, count), Lane(self._rest, self._reconcile, count))

    @property
    def queued(self) -> int:
        """How many pools wait to be looked at, in either lane."""
        return len(self._queue) + len(self._rest)

    @property
    def failing(self) -> int:
        """How many pools failed when they were last looked at, in either lane."""
        return len(self._queue.failing_keys | self._rest.failing_keys)

    async def run(self) -> None:
        """Work on what is queued until cancelled, and then for a moment longer."""
        tasks = {asyncio.create_task(lane.run()) for lane in self._lanes}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            self._applier.stop()
            for task in tasks:
                task.cancel()
            await self._let_go()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _let_go(self) -> None:
        """Wait for the writes in progress, and stop everything after that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITES_SECONDS):
                await self._queue.wait_until_idle()
                await self._rest.wait_until_idle()
        self._rest.close()
        for lane in self._lanes:
            await lane.end()

    async def _route(self, key: PoolKey) -> None:
        """Care for the readers of a pool, and have the rest done by the other lane."""
        is_urgent, has_more = self._queue.is_urgent(key), True
        with self._failing(key, self._queue, READERS_PATIENCE_SECONDS):
            again, has_more = await self._reconciler.route(key)
            self._queue.succeed(key)
            if again is not None:
                self._queue.add_after(key, again)
        if has_more:
            self._rest.add(key, is_urgent=is_urgent)
        else:
            self._rest.forget(key)

    async def _reconcile(self, key: PoolKey) -> None:
        """Do the rest; what comes of it is looked at by the readers' lane first."""
        with self._failing(key, self._rest, PATIENCE_SECONDS):
            again = await self._reconciler.reconcile(key)
            self._rest.succeed(key)
            if again is not None:
                self._queue.add_after(key, again)

    @contextlib.contextmanager
    def _failing(self, key: PoolKey, queue: WorkQueue, patience_seconds: float) -> Iterator[None]:
        """Requeue a key that fails in the block; Stopping and our own cancellation propagate."""
        try:
            yield
        except ApiError as error:
            if queue is self._rest and self._reconciler.has_progressed(key):
                queue.succeed(key)
            failures = queue.retry(key, error.retry_after_seconds or 0.0, patience_seconds)
            log = _log.warning if failures == 1 else _log.debug
            log("cannotReconcile", pool=str(key), reason=error.reason, message=error.message, status=error.status)
        except Stopping:
            raise
        except asyncio.CancelledError:
            self._go_on_unless_stopping()
            queue.retry(key)
        except Exception:  # noqa: BLE001 - a pool that breaks our own code is to break no other
            if queue.retry(key) == 1:
                _log.exception("planFailed", pool=str(key))

    def _go_on_unless_stopping(self) -> None:
        """Go on where a library has cancelled a request of its own and let that out; raise where we are meant."""
        task = asyncio.current_task()
        if self._applier.is_stopping or task is None:
            raise asyncio.CancelledError
        while task.cancelling():
            task.uncancel()
        _log.exception("unexpectedCancellation")
