"""Several attacks at once, from one process: in full force once each of them is, or after a while all the same."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.hostile.arrivals import Arrivals
from tests.hostile.attack import Stand

STAND_SECONDS = 3.0
"""Those that are banned do not get any further."""


async def run_all(stand: Stand, *attacks: Callable[[Stand], Awaitable[None]]) -> None:
    """Make all of these, each of which says when it stands."""
    arrivals = Arrivals(1, stand)
    of_attacks = Arrivals(len(attacks), lambda: arrivals.note(0))

    async def make(number: int, attack: Callable[[Stand], Awaitable[None]]) -> None:
        await attack(lambda: of_attacks.note(number))

    async with asyncio.TaskGroup() as group:
        for number, attack in enumerate(attacks):
            group.create_task(make(number, attack))
        await asyncio.sleep(STAND_SECONDS)
        arrivals.note(0)
