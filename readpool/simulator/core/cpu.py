"""What applying a ledger and answering a query cost, and burning it: CPU time of the thread at work, the GIL released.

So the threads of one Core share what CPU time its container has, as those of the real one do. Figures of Core 22.4.1:
13 ms for a ledger of 500 payments, 0.2 ms for a query of one key, 7 ms for one of 3000.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator

LEDGER_SECONDS = 0.0003
OPERATION_SECONDS = 20e-6
"""14 microseconds to apply one, the rest to receive it and check it before, on the thread that closes ledgers: with
what following a network takes anyhow, a full ledger takes 13 ms of it."""
QUERY_SECONDS = 0.00005
KEY_SECONDS = 2.1e-6
"""Of the thread that answers; receiving the request and sending the answer take the rest of what Core takes."""
_BLOCK = bytes(64 * 1024)
"""Hashed in one go: some 50 to 200 microseconds, during which Python lets other threads run."""


def cost_of_ledger(operations: int) -> float:
    """Return the CPU seconds of applying a ledger."""
    return LEDGER_SECONDS + OPERATION_SECONDS * operations


def cost_of_query(keys: int) -> float:
    """Return the CPU seconds of answering a query."""
    return QUERY_SECONDS + KEY_SECONDS * keys


@contextlib.contextmanager
def costing(cpu_seconds: float, began: float | None = None) -> Iterator[None]:
    """Make the block take at least so much CPU time of this thread: what it does not use is burnt at its end.

    Args:
        cpu_seconds: what it costs.
        began: the thread's CPU time (`time.thread_time`) from which on it counts, the block's beginning by default.
    """
    until = (time.thread_time() if began is None else began) + cpu_seconds
    yield
    while time.thread_time() < until:
        hashlib.sha256(_BLOCK)
