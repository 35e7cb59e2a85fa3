"""One attack on one part: honest ones ask, memory is watched, the attacker comes, stands and goes."""

import asyncio
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from tests.hostile.attack import Attack
from tests.hostile.memory_group import MemoryGroup
from tests.hostile.outcome import BACK_SECONDS, WINDOW_SECONDS, Asked, Group, Outcome, Phases, find_return
from tests.hostile.part import Honest, Part, UnansweredError
from tests.hostile.priority import AS_OTHERS
from tests.hostile.processes import end, read_line, run_program

AFTER_SECONDS = 3.0
REST_SECONDS = 2.0
"""From the end of an attack until all has to be well: what it has left in sockets goes."""
_SAMPLE_SECONDS = 0.05


class Watch:
    """What is seen of a part while attacks come and go."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        self.memory_peak = 0

    @contextlib.asynccontextmanager
    async def keep(self) -> AsyncIterator[None]:
        """Keep the honest ones asking, and watch memory, during the block."""
        tasks = [asyncio.create_task(self._ask(one)) for one in self._part.honest]
        if self._part.memory is not None:
            tasks.append(asyncio.create_task(self._sample(self._part.memory)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in self._part.honest:
                one.close()

    async def _ask(self, honest: Honest) -> None:
        while True:
            sent_at, failure = time.monotonic(), ""
            try:
                async with asyncio.timeout(honest.answer_seconds):
                    await honest.ask()
            except TimeoutError:
                failure = f"no answer within {honest.answer_seconds:.0f} s"
            except UnansweredError as error:
                failure = str(error)
            self.asked[honest.name].append(Asked(sent_at, time.monotonic() - sent_at, failure))
            await asyncio.sleep(max(0.0, sent_at + honest.every_seconds - time.monotonic()))

    async def _sample(self, memory: MemoryGroup) -> None:
        while True:
            self.memory_peak = max(self.memory_peak, memory.read_used())
            await asyncio.sleep(_SAMPLE_SECONDS)


async def make_attack(name: str, attack: Attack, part: Part, seconds: float, folder: Path) -> Outcome:
    """Make the attack of this module on a part, for so long at least, and return what became of it."""
    watch, log = Watch(part), folder / f"attack-{name}.log"
    command = [*AS_OTHERS, sys.executable, "-m", "tests.hostile.attacker", name, json.dumps(dict(part.ports))]
    kills = part.memory.count_kills() if part.memory else 0
    async with watch.keep():
        await asyncio.sleep(WINDOW_SECONDS / 2)
        began = time.monotonic()
        async with run_program(command, log) as attacker:
            await read_line(attacker, log)
            stood = time.monotonic()
            await asyncio.sleep(seconds)
            await _wait_for_return(part, watch, began, stood)
            over = time.monotonic()
            await end(attacker)
        await asyncio.sleep(REST_SECONDS)
        phases = Phases(began, stood, over, time.monotonic())
        await asyncio.sleep(AFTER_SECONDS)
    return Outcome(
        attack=attack.name,
        part=attack.part,
        phases=phases,
        groups=_group(part, watch),
        serves_throughout=attack.serves_throughout,
        memory_peak=watch.memory_peak,
        memory_limit=part.memory.limit_bytes if part.memory else None,
        kills=(part.memory.count_kills() if part.memory else 0) - kills,
        harm=await part.find_harm(),
        told=await part.tell(),
    )


async def _wait_for_return(part: Part, watch: Watch, began: float, stood: float) -> None:
    """Keep the attack going until all are served again, or until that is too late."""
    while (now := time.monotonic()) < stood + BACK_SECONDS + 2 * WINDOW_SECONDS:
        phases = Phases(began, stood, now, now)
        if all(find_return(group.asked, phases) is not None for group in _group(part, watch)):
            return
        await asyncio.sleep(WINDOW_SECONDS / 4)


def _group(part: Part, watch: Watch) -> list[Group]:
    of = {one.name: one for one in part.honest}
    return [Group(name, watch.asked[name], one.is_vital, one.most_p99_ms) for name, one in of.items()]
