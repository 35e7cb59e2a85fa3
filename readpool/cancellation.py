"""Cancellations that libraries lose: before Python 3.12 asyncio.wait_for drops one that comes with its result."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def heed_cancellation(call: Awaitable[T]) -> T:
    """Await a call into a library; where this task was cancelled meanwhile, end as cancelled whatever it gives."""
    try:
        return await call
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
