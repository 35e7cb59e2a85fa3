"""Asks the history archives of pools with ledger ranges what they hold, seldom and in the background.

The addresses are a tenant's own: one bounded GET each, no redirects, and of the answer only a number is used.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import httpx
import structlog

from controller.archive_reports import choose_archived_ledgers, parse_archived_ledger
from controller.pool_keys import PoolKey
from readpool.clock import Clock

REFRESH_SECONDS = 300.0
TIMEOUT_SECONDS = 10.0
MAX_BYTES = 256 * 1024
_AT_ONCE = 16
_AT_ONCE_OF_NAMESPACE = 2
"""So that archives that hang hold up those of their own namespace alone."""
_PATH = "/.well-known/stellar-history.json"
_LOG = structlog.get_logger()


@dataclass(slots=True)
class _Record:
    urls: tuple[str, ...]
    asked_at: float
    ledgers: tuple[int, int] | None = None
    task: asyncio.Task[None] | None = None


class Archives:
    """The last answers, by pool. `on_news` is told a pool whose archives hold something else than before."""

    def __init__(self, on_news: Callable[[PoolKey], None], clock: Clock) -> None:
        self._on_news = on_news
        self._clock = clock
        self._records: dict[PoolKey, _Record] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._of_namespaces: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def read(self, key: PoolKey, urls: Sequence[str]) -> tuple[int, int] | None:
        """Give the first and the last ledger by the last answer; where that is old, they are asked meanwhile."""
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
        asking = httpx.AsyncClient(follow_redirects=False, timeout=TIMEOUT_SECONDS, trust_env=False)
        async with self._find_turn(key.namespace), self._at_once, asking as client:
            answers = await asyncio.gather(*(_fetch(client, url) for url in record.urls))
        ledgers = choose_archived_ledgers(answers)
        if ledgers is not None and ledgers != record.ledgers:  # who does not answer has not lost anything
            record.ledgers = ledgers
            self._on_news(key)


async def _fetch(client: httpx.AsyncClient, url: str) -> int | None:
    """Fetch what one archive says; None for whatever else it does."""
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), client.stream("GET", url.rstrip("/") + _PATH) as answer:
            if answer.status_code != httpx.codes.OK:
                return None
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > MAX_BYTES:
                    return None
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        _LOG.debug("archive does not answer", url=url, why=str(error) or type(error).__name__)
        return None
    return parse_archived_ledger(bytes(body))
