"""Asks the history archives of pools with ledger ranges what they hold, seldom and in the background.

The addresses are a tenant's own: archives.archive_fetch checks them, and of the answer only a number is used.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from controller.archives.archive_fetch import ArchiveFetcher
from controller.archives.archive_reports import choose_archived_ledgers
from controller.observed.pool_keys import PoolKey
from readpool.clock import Clock

REFRESH_SECONDS = 300.0
_AT_ONCE = 16
_AT_ONCE_OF_NAMESPACE = 2
"""So that archives that hang hold up those of their own namespace alone."""


@dataclass(slots=True)
class _Record:
    urls: tuple[str, ...]
    asked_at: float
    ledgers: tuple[int, int] | None = None
    task: asyncio.Task[None] | None = None


class Archives:
    """The last answers, by pool. `on_news` is told a pool whose archives hold something else than before."""

    def __init__(self, on_news: Callable[[PoolKey], None], clock: Clock, fetcher: ArchiveFetcher | None = None) -> None:
        self._on_news = on_news
        self._clock = clock
        self._fetcher = fetcher or ArchiveFetcher()
        self._records: dict[PoolKey, _Record] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._of_namespaces: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def read(self, key: PoolKey, urls: Sequence[str]) -> tuple[int, int] | None:
        """Return the first and the last ledger of the last answer; an old answer is refreshed in the background."""
        record = self._records.get(key)
        if record is None or record.urls != tuple(urls):
            self.forget(key)
            record = self._records[key] = _Record(tuple(urls), -REFRESH_SECONDS)
        now = self._clock()
        if now - record.asked_at >= REFRESH_SECONDS and (record.task is None or record.task.done()):
            record.asked_at = now
            record.task = asyncio.create_task(self._refresh(key, record), name=f"archives of {key}")
        return record.ledgers

    def forget(self, key: PoolKey) -> None:
        """Forget a pool."""
        record = self._records.pop(key, None)
        if record is not None and record.task is not None:
            record.task.cancel()

    async def close(self) -> None:
        """End what is under way."""
        tasks = [record.task for record in self._records.values() if record.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._records.clear()

    def _find_turn(self, namespace: str) -> asyncio.Semaphore:
        """Find what the archives of a namespace take turns by; it is kept while one of them does."""
        turn = self._of_namespaces.get(namespace)
        if turn is None:
            turn = self._of_namespaces[namespace] = asyncio.Semaphore(_AT_ONCE_OF_NAMESPACE)
        return turn

    async def _refresh(self, key: PoolKey, record: _Record) -> None:
        async with self._find_turn(key.namespace), self._at_once:
            answers = await asyncio.gather(*(self._fetcher.fetch(url) for url in record.urls))
        ledgers = choose_archived_ledgers(answers)
        if ledgers is not None and ledgers != record.ledgers:  # who does not answer has not lost anything
            record.ledgers = ledgers
            self._on_news(key)
