"""What is attacked: a program under the limits of its container, and those who ask it in all honesty meanwhile."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.hostile.memory_group import MemoryGroup


def _close_nothing() -> None:
    return


class UnansweredError(Exception):
    """Somebody honest was not answered as he should be; says how."""


@dataclass(frozen=True, slots=True)
class Honest:
    """Somebody who asks again and again.

    Attributes:
        ask: asks once. Raises UnansweredError; whatever takes longer than `answer_seconds` counts as that too.
        is_vital: whether each single one of the answers has to come, under any attack.
        close: closes what is kept between two times of asking.
        most_p99_ms: what 99 of 100 answers may take while an attack stands; None is not judged.
    """

    name: str
    ask: Callable[[], Awaitable[None]]
    every_seconds: float
    answer_seconds: float = 10.0
    is_vital: bool = False
    close: Callable[[], None] = _close_nothing
    most_p99_ms: float | None = None


async def _tell_nothing() -> dict[str, str]:
    return {}


async def _find_nothing() -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Part:
    """One program, running.

    Attributes:
        ports: of 127.0.0.1, by what they are for.
        memory: its group; None where nothing limits it.
        find_harm: what has become of it that should not have: that it has ended, lost a Lease. Asked at the end of each
            attack.
        tell: other figures for the report, such as the lag of its event loop; those since the last time.
    """

    ports: Mapping[str, int]
    honest: Sequence[Honest]
    memory: MemoryGroup | None = None
    find_harm: Callable[[], Awaitable[list[str]]] = _find_nothing
    tell: Callable[[], Awaitable[Mapping[str, str]]] = _tell_nothing
