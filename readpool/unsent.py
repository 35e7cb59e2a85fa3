"""How much of what streams tell may be on its way to one caller: who takes nothing waits for nothing but itself.

gRPC keeps a message until the other side has room for it, and a snapshot of a large fleet is a megabyte. So a message
is encoded, and copied, only when there is room for it here; the streams of a caller wait in line for that.
"""

import asyncio
from collections import Counter, defaultdict, deque

MOST_BYTES = 16 * 1024 * 1024
"""Of one caller. A single message may be longer: it waits until nothing else is on its way."""


class Unsent:
    """What is on its way to each caller, in bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._used: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[tuple[int, asyncio.Future[None]]]] = defaultdict(deque)

    async def take(self, caller: str, count: int) -> None:
        """Reserve room for so many bytes, once there is; `give_back` returns it."""
        if caller not in self._waiting and self._fits(caller, count):
            self._used[caller] += count
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[caller].append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(caller, count)  # it had been given in the same moment
            raise

    def give_back(self, caller: str, count: int) -> None:
        """Return room; those who wait get it in their order, as far as it goes."""
        self._used[caller] -= count
        if self._used[caller] <= 0:
            del self._used[caller]
        waiting = self._waiting.get(caller)
        while waiting:
            needed, turn = waiting[0]
            if not turn.done() and not self._fits(caller, needed):
                return
            waiting.popleft()
            if not turn.done():
                self._used[caller] += needed
                turn.set_result(None)
        self._waiting.pop(caller, None)

    def _fits(self, caller: str, count: int) -> bool:
        used = self._used.get(caller, 0)
        return not used or used + count <= self._most
