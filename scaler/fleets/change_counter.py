"""A number that only grows, and the waiting for it: how streams learn of news the poller knows nothing of."""

import asyncio


class ChangeCounter:
    """Counts changes. Every waiter is woken by the next change; advancing never waits, even for slow waiters."""

    __slots__ = ("_waiters", "value")

    def __init__(self) -> None:
        self.value = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def advance(self) -> None:
        """Count one change and wake all that wait."""
        self.value += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_beyond(self, value: int) -> int:
        """Wait until the count is over `value`, and return it."""
        while self.value <= value:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self.value
