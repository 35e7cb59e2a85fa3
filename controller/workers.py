"""Takes pools out of the queue and has them reconciled, several at a time; failures come back ever more slowly.

Runs while this process leads. At its end, writes that have begun are finished, and none is begun.
"""

import asyncio
import contextlib

import structlog

from controller.apply import Applier, Stopping
from controller.pool_keys import PoolKey
from controller.reconcile import Reconciler
from controller.work_queue import WorkQueue
from readpool.kubernetes.errors import ApiError

LAST_WRITES_SECONDS = 3.0
"""How long writes that have begun may take to be answered once this process is to end."""
RESYNC_SECONDS = 600.0
"""Every pool is looked at so often, whatever happens: it costs no request where nothing is to do."""
_LOG = structlog.get_logger()


class Workers:
    """The workers; `run` works until it is cancelled, and then for a moment longer."""

    def __init__(self, queue: WorkQueue, reconciler: Reconciler, applier: Applier, count: int) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._applier = applier
        self._count = count

    async def run(self) -> None:
        """Reconcile what is queued until cancelled."""
        tasks = {asyncio.create_task(self._work(), name=f"worker {number}") for number in range(self._count)}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            self._applier.stop()
            await self._let_go(tasks)

    async def _let_go(self, tasks: set["asyncio.Task[None]"]) -> None:
        """Let the workers finish the write that they are at, and end them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITES_SECONDS):
                await self._queue.wait_until_idle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            await asyncio.sleep(0)  # a thousand pools at which nothing is to do are not to keep the loop from all else
            try:
                await self._reconcile(key)
            except Stopping:
                return
            finally:
                self._queue.done(key)

    def _go_on_unless_stopping(self) -> None:
        """Go on where a library has cancelled a request of its own and let that out; raise where we are meant."""
        task = asyncio.current_task()
        if self._applier.is_stopping or task is None:
            raise asyncio.CancelledError
        while task.cancelling():
            task.uncancel()
        _LOG.exception("cancelled by nobody of ours")

    async def _reconcile(self, key: PoolKey) -> None:
        try:
            again = await self._reconciler.reconcile(key)
        except ApiError as error:
            if self._reconciler.has_progressed(key):
                self._queue.succeed(key)
            failures = self._queue.retry(key, error.retry_after_seconds or 0.0)
            log = _LOG.warning if failures == 1 else _LOG.debug
            log("cannot reconcile", pool=str(key), reason=error.reason, why=error.message, status=error.status)
        except Stopping:
            raise
        except asyncio.CancelledError:
            self._go_on_unless_stopping()
            self._queue.retry(key)
        except Exception:  # noqa: BLE001 - a pool that breaks our own code is to break no other
            failures = self._queue.retry(key)
            if failures == 1:
                _LOG.exception("cannot plan", pool=str(key))
        else:
            self._queue.succeed(key)
            if again is not None:
                self._queue.add_after(key, again)
