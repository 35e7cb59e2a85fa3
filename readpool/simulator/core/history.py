"""What a running node has to do with its history archives: asking one at the start, catching up, and publishing."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from readpool.simulator.core.archive import find_checkpoint
from readpool.simulator.core.catchup import CatchUpError, Replica, catch_up
from readpool.simulator.core.catchup_plan import COMPLETE, Target
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.get_command import Commands
from readpool.simulator.core.header_check import check_header
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.publish import Publisher
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store

FIRST_CHECK_SECONDS = 20.0
CHECK_SECONDS = 10.0
"""When a node looks for its own first ledger in archives; 12 to 110 s after the start were recorded, mostly tens."""


class History:
    """The archives of one node; what runs is ended by `close`.

    Args:
        fail: is called with what ends the process, such as a command that can't be made of its template.
    """

    def __init__(self, settings: CoreSettings, store: Store, fail: Callable[[BaseException], None]) -> None:
        self._fail = fail
        commands = Commands()
        self._settings = settings
        self._store = store
        self._downloads = Downloads(settings, commands)
        self._publisher = Publisher(settings, self._downloads, commands)
        self._can_get = any(archive.get for archive in settings.archives)
        self._tasks: set[asyncio.Task[None]] = set()
        self._publishing: asyncio.Task[None] | None = None

    @property
    def status(self) -> str | None:
        """What /info's status says of publishing; None when it says nothing."""
        return self._publisher.describe(self._store)

    @property
    def count(self) -> int:
        """How many ledgers a node without a database replays."""
        return COMPLETE if self._settings.catchup_complete else self._settings.catchup_recent

    def start(self) -> None:
        """Ask an archive for its state, as Core does at each start; nothing depends on the answer."""
        if self._can_get:
            self._keep(self._probe())
            self._keep(self._check_own_header())

    def publish(self) -> None:
        """Publish the checkpoints that wait, unless that is under way. Call it after each ledger."""
        if self._publishing is None or self._publishing.done():
            queued = self._store.list_queued()
            if queued and queued[0] < self._store.header.num:
                self._publishing = self._keep(self._publisher.publish(self._store))

    async def catch_up(
        self,
        target: Target,
        apply: Callable[[ClosedLedger], None],
        assumed: Callable[[], None],
        burn: Callable[[float], None],
        progress: Callable[[str], None],
    ) -> bool:
        """Catch up to a target; False when what the archive has does not belong to this network."""
        replica = Replica(self._settings, self._store, self._downloads, apply, assumed, burn)
        try:
            await catch_up(replica, target, progress)
        except CatchUpError:
            return False  # the reason is logged; the next checkpoint is a new chance
        return True

    async def close(self) -> None:
        """End what runs, child processes too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _probe(self) -> None:
        await self._downloads.probe()

    async def _check_own_header(self) -> None:
        """Some time after the start, see once whether archives have the ledger that the node began with."""
        own, frequency = self._store.header, self._settings.checkpoint_ledgers
        await asyncio.sleep(FIRST_CHECK_SECONDS)
        while self._store.header.num <= find_checkpoint(own.num, frequency) + 1:  # noqa: ASYNC110  # who publishes it sets no event
            await asyncio.sleep(CHECK_SECONDS)
        await check_header(self._downloads, own, frequency)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
