"""A library that loses a cancellation keeps no task of ours alive."""

import asyncio

import pytest

from readpool.cancellation import heed_cancellation


async def lose_cancellation(error: Exception | None = None) -> str:
    """Answer when cancelled, as asyncio.wait_for does where the answer is there as well."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        if error is not None:
            raise error from None
    return "answer"


@pytest.mark.parametrize("error", [None, OSError("no answer")], ids=["answers", "fails"])
async def test_whoever_was_cancelled_ends_so_whatever_the_library_gives(error: Exception | None) -> None:
    task = asyncio.create_task(heed_cancellation(lose_cancellation(error)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()


async def test_a_deadline_is_one_still() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heed_cancellation(lose_cancellation())
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_without_a_cancellation_the_result_and_the_error_are_the_librarys() -> None:
    assert await heed_cancellation(asyncio.sleep(0, "answer")) == "answer"
    with pytest.raises(TimeoutError, match="theirs"):
        await heed_cancellation(_fail())


async def _fail() -> None:
    raise TimeoutError("theirs")
