"""Which pool is looked at next? Keys, each at most once in the queue and at one worker at a time; after client-go's.

What has happened goes before what has only fallen due. A key that is added while it is worked on comes again later;
one that failed comes again ever more slowly.
"""

import asyncio
from collections import deque
from typing import NamedTuple

from controller.observed.pool_keys import PoolKey
from readpool.backoff import compute_backoff

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 120.0
PATIENCE_SECONDS = 1.0
"""A key that failed is left alone for so long, or as long as was asked for, whatever happens to it meanwhile."""


class _Timer(NamedTuple):
    """When a key falls due, by the loop's clock; uvloop's handles do not always know it themselves."""

    due: float
    handle: asyncio.Handle


class WorkQueue:
    """The queue; for one event loop."""

    def __init__(self) -> None:
        self._urgent: deque[PoolKey] = deque()
        self._routine: deque[PoolKey] = deque()
        self._wanted: dict[PoolKey, bool] = {}
        """Whether it is urgent, by key; a key in a deque that is not here was taken already."""
        self._worked_on: dict[PoolKey, bool] = {}
        """Whether it was urgent, by key."""
        self._timers: dict[PoolKey, _Timer] = {}
        self._failures: dict[PoolKey, int] = {}
        self._not_before: dict[PoolKey, float] = {}
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        """Count the keys that are to be worked on."""
        return len(self._wanted)

    @property
    def failing(self) -> int:
        """How many keys failed when they were last worked on."""
        return len(self._failures)

    @property
    def failing_keys(self) -> set[PoolKey]:
        """The keys that failed when they were last worked on."""
        return set(self._failures)

    def add(self, key: PoolKey, *, is_urgent: bool = True) -> None:
        """Queue a key; urgent keys come first."""
        now, not_before = asyncio.get_running_loop().time(), self._not_before.get(key, 0.0)
        if now < not_before:
            self.add_after(key, not_before - now)
            return
        self._cancel_timer(key)
        known = self._wanted.get(key)
        if known is None or (is_urgent and not known):
            self._wanted[key] = is_urgent
            if key not in self._worked_on:
                self._append(key)

    def add_after(self, key: PoolKey, seconds: float) -> None:
        """Queue a key after a delay; of several delays the shortest counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if key in self._wanted or (timer is not None and timer.due <= due):
            return
        self._cancel_timer(key)
        self._timers[key] = _Timer(due, loop.call_at(due, self._fall_due, key))

    def retry(self, key: PoolKey, at_least_seconds: float = 0.0, patience_seconds: float = PATIENCE_SECONDS) -> int:
        """Queue a key that failed again, after a time that doubles; return how often it has failed in a row.

        One that was added while it was worked on may be another by now, and waits no longer than the patience.
        """
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        spread = compute_backoff(failures, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
        least = max(at_least_seconds, min(spread, patience_seconds))
        self._not_before[key] = asyncio.get_running_loop().time() + least
        has_changed = self._wanted.pop(key, None) is not None
        self.add_after(key, least if has_changed else max(at_least_seconds, spread))
        return failures

    def succeed(self, key: PoolKey) -> None:
        """Forget that a key has failed."""
        self._failures.pop(key, None)
        self._not_before.pop(key, None)

    def forget(self, key: PoolKey) -> None:
        """Forget all of a key that is no more, unless it has been added again."""
        self.succeed(key)
        self._cancel_timer(key)

    async def get(self) -> PoolKey:
        """Wait for a key; the caller has to say `done` of it."""
        while (key := self._take()) is None:
            self._news.clear()
            await self._news.wait()
        self._idle.clear()
        return key

    def is_urgent(self, key: PoolKey) -> bool:
        """Return whether a key in progress was urgent."""
        return self._worked_on.get(key, True)

    def done(self, key: PoolKey) -> None:
        """Mark a key as done; it is queued again if it was added meanwhile."""
        self._worked_on.pop(key, None)
        if not self._worked_on:
            self._idle.set()
        if key in self._wanted:
            self._append(key)

    async def wait_until_idle(self) -> None:
        """Wait until no key is being worked on."""
        await self._idle.wait()

    def close(self) -> None:
        """Drop what is to come later."""
        for key in tuple(self._timers):
            self._cancel_timer(key)

    def _fall_due(self, key: PoolKey) -> None:
        self._timers.pop(key, None)
        self.add(key, is_urgent=False)

    def _append(self, key: PoolKey) -> None:
        (self._urgent if self._wanted[key] else self._routine).append(key)
        self._news.set()

    def _take(self) -> PoolKey | None:
        """Return the next key; one that has become urgent meanwhile is in both deques."""
        for waiting in (self._urgent, self._routine):
            while waiting:
                key = waiting.popleft()
                if key not in self._worked_on and key in self._wanted:
                    self._worked_on[key] = self._wanted.pop(key)
                    return key
        return None

    def _cancel_timer(self, key: PoolKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.handle.cancel()
