"""A pool that is scaled by somebody who knows the day: its traffic, its faults, how long replicas take. The limit.

Known is what the day was drawn with; which newcomer hangs, comes late or never is not. So it is no proof of what the
best could do, but near it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from readpool.simulator.day.scenario import MOST_REPLICAS, Day, Fault, FaultKind
from readpool.simulator.day.traffic import BORNE_PER_REPLICA, STEP_SECONDS
from readpool.simulator.day.view import View

_CONNECTED_SECONDS = 60.0
_CATCHES_UP = 0.6
"""Seconds that it takes to make up for one without ledgers, beside readers."""
_STARTS_SECONDS = 120.0
_WARM_UP_SLACK = 1.5
"""Newcomers take this many times the day's middle at most, but for one in ten."""
_PLANNED_SHARE = 0.95
"""Of what a replica bears: machines differ."""


@dataclass(slots=True)
class Clairvoyant:
    """Asks for the least size at which enough are well, as long before as a replica takes."""

    day: Day
    sizes: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the day."""
        down = _find_down(self.day)
        needed = [
            _find_size(down[step], max(self.day.target, ceil(demand / (_PLANNED_SHARE * BORNE_PER_REPLICA))))
            for step, demand in enumerate(self.day.traffic)
        ]
        ahead = _STARTS_SECONDS + _WARM_UP_SLACK * self.day.warm_up_seconds
        self.sizes = _look_ahead(needed, int(ahead / STEP_SECONDS))

    def sync(self, view: View) -> int:
        """Return the size."""
        return self.sizes[min(int(view.now / STEP_SECONDS), len(self.sizes) - 1)]

    def restart(self, now: float) -> None:
        """Do nothing: there is nothing to forget."""


def _find_down(day: Day) -> list[list[bool]]:
    """Find for each step which ordinals are of no use."""
    down = [[False] * MOST_REPLICAS for _ in day.traffic]
    for fault in day.faults:
        first = int(fault.at / STEP_SECONDS)
        last = int((fault.at + fault.seconds + _find_recovery(fault)) / STEP_SECONDS)
        for step in range(first, min(last + 1, len(down))):
            down[step][fault.ordinal] = True
    return down


def _find_recovery(fault: Fault) -> float:
    away = 0.0 if fault.kind is FaultKind.SLOW else _CATCHES_UP * fault.seconds
    return away + (0.0 if fault.kind in (FaultKind.SLOW, FaultKind.STUCK) else _CONNECTED_SECONDS)


def _find_size(down: Sequence[bool], wanted: int) -> int:
    """Find the least size of which as many are well as are wanted."""
    well = 0
    for ordinal, is_down in enumerate(down):
        well += not is_down
        if well >= wanted:
            return ordinal + 1
    return len(down)


def _look_ahead(needed: Sequence[int], steps: int) -> list[int]:
    """Return at each step the most that is needed within so many steps from it."""
    sizes = [0] * len(needed)
    window: deque[int] = deque()
    for step in range(len(needed) - 1, -1, -1):
        while window and needed[window[-1]] <= needed[step]:
            window.pop()
        window.append(step)
        while window[0] > step + steps:
            window.popleft()
        sizes[step] = needed[window[0]]
    return sizes
