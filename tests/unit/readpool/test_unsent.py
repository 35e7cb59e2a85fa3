"""What is on its way to a caller is bounded, in line, and given back whatever becomes of who waits."""

import asyncio
import contextlib

import pytest

from readpool.unsent import Unsent


async def take_all(unsent: Unsent, caller: str, *counts: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(unsent.take(caller, count)) for count in counts]
    await asyncio.sleep(0)
    return tasks


def list_done(tasks: list[asyncio.Task[None]]) -> list[bool]:
    return [task.done() for task in tasks]


async def test_what_does_not_fit_waits_in_line_and_others_do_not() -> None:
    unsent = Unsent(100)
    tasks = await take_all(unsent, "evil", 60, 40, 1, 50)
    assert list_done(tasks) == [True, True, False, False]
    await unsent.take("keda", 100)
    unsent.give_back("evil", 40)
    await asyncio.sleep(0)
    assert list_done(tasks) == [True, True, True, False], "a later one waits although it might come first"
    unsent.give_back("evil", 60)
    await asyncio.sleep(0)
    assert list_done(tasks) == [True, True, True, True]


async def test_one_that_is_longer_than_all_room_goes_alone() -> None:
    unsent = Unsent(100)
    tasks = await take_all(unsent, "a", 1000, 1)
    assert list_done(tasks) == [True, False]
    unsent.give_back("a", 1000)
    await asyncio.sleep(0)
    assert list_done(tasks) == [True, True]


@pytest.mark.parametrize("is_given", [False, True])
async def test_who_goes_while_it_waits_leaves_nothing_behind(is_given: bool) -> None:
    unsent = Unsent(100)
    first, waiting, last = await take_all(unsent, "a", 100, 100, 100)
    if is_given:
        unsent.give_back("a", 100)  # and it has not heard of it yet
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    if not is_given:
        unsent.give_back("a", 100)
    await asyncio.sleep(0)
    assert list_done([first, last]) == [True, True]
    unsent.give_back("a", 100)
    await asyncio.wait_for(unsent.take("a", 100), 1)


async def test_callers_that_have_gone_are_forgotten() -> None:
    unsent = Unsent(10)
    for number in range(1000):
        (task,) = await take_all(unsent, f"10.0.0.{number}", 20)
        assert task.done()
        unsent.give_back(f"10.0.0.{number}", 20)
    assert (len(unsent._used), len(unsent._waiting)) == (0, 0)
