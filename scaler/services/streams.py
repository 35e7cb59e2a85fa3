"""The long-lived answers: how many may be open, and that all of them end cleanly when the scaler drains.

A stream that ends makes KEDA open the next one, on whichever scaler then serves: after 2 s, doubling to a minute.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from readpool.budget import Budget

T = TypeVar("T")


class Stream:
    """One open stream."""

    def __init__(self) -> None:
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_ending(self) -> bool:
        """Return whether the stream has to stop sending."""
        return self._ending.done()

    def end(self) -> None:
        """Wake the stream to its end."""
        if not self._ending.done():
            self._ending.set_result(None)

    async def until_end(self) -> None:
        """Wait for the end."""
        await asyncio.wait({self._ending})

    async def wait_for(self, change: Coroutine[object, object, T], timeout_seconds: float | None = None) -> T | None:
        """Wait for `change`; None when the time is over or the stream is to end first."""
        changing = asyncio.ensure_future(change)
        try:
            either: set[asyncio.Future[Any]] = {changing, self._ending}
            await asyncio.wait(either, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            return changing.result() if changing.done() else None
        finally:
            changing.cancel()


class Streams:
    """All open streams of one kind, as many as `budget` has for them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._open: set[Stream] = set()
        self._is_ending = False

    def __len__(self) -> int:
        """Count the open streams."""
        return len(self._open)

    @contextmanager
    def admit(self, caller: str = "", namespace: str = "") -> Iterator[Stream]:
        """Admit one more stream of a caller, which asks about a namespace, for as long as the block runs.

        Raises:
            OverBudget: when too many are open.
        """
        with self._budget.hold(caller, namespace):
            stream = Stream()
            if self._is_ending:
                stream.end()
            self._open.add(stream)
            try:
                yield stream
            finally:
                self._open.discard(stream)

    def end_all(self) -> None:
        """End every open stream, and from now on every new one right after its first message."""
        self._is_ending = True
        for stream in tuple(self._open):
            stream.end()
