"""Getting many files, 16 at once: all of them, or one after the other in order while those behind are on their way."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

from readpool.simulator.core.get_command import CONCURRENT

K = TypeVar("K")
T = TypeVar("T")


async def download_all(
    names: Sequence[K], get: Callable[[K], Awaitable[T]], *, started: Callable[[int], None]
) -> list[T]:
    """Download all, 16 at once, and return them in the order of their names; `started` is told how many were begun."""
    count = 0
    places = asyncio.Semaphore(CONCURRENT)

    async def one(name: K) -> T:
        nonlocal count
        async with places:
            count += 1
            started(count)
            return await get(name)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(name)) for name in names]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


async def download_in_order(names: Sequence[K], get: Callable[[K], Awaitable[T]]) -> AsyncGenerator[tuple[K, T], None]:
    """Yield one after the other while up to 15 behind it are fetched; the next is begun once one was used."""
    waiting = iter(names)
    under_way: deque[tuple[K, asyncio.Task[T]]] = deque()

    def begin() -> None:
        if (name := next(waiting, None)) is not None:
            under_way.append((name, asyncio.ensure_future(get(name))))

    try:
        for _ in range(CONCURRENT):
            begin()
        while under_way:
            name, task = under_way[0]
            result = await task
            yield name, result
            under_way.popleft()
            begin()
    finally:
        await _cancel([task for _, task in under_way])


async def _cancel(tasks: Sequence["asyncio.Task[T]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
