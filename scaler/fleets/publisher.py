"""When snapshots are taken: each fleet's three times an interval while there is news, at once when it cannot wait.

Taking one costs in proportion to the fleet, so fleets take turns: evenly over time, a moment at most before the loop
continues with polls and answers, and no fleet more of the time than its share.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

import structlog

from scaler.fleets.watched_fleet import WatchedFleet
from scaler.polling.poll_schedule import compute_next_due, compute_phase

_TICK_SECONDS, _IDLE_TICK_SECONDS = 0.005, 0.05
"""How often the loop looks for snapshots that are due: at most, and at least."""
_TURN_SECONDS = 0.0002
"""Snapshots in a row, two or so, before the loop's other work has its turn: an answer to KEDA takes several turns."""
_REST_FACTOR = 20.0
"""After a snapshot a fleet rests this many times as long as it took: 5 % of a core at most."""
_SNAPSHOTS_PER_INTERVAL = 3
_IDLE_SECONDS = 1.0
"""Without news a snapshot is taken this often, since time itself decides things."""

_log = structlog.get_logger()


class Publisher:
    """Takes the snapshots of all fleets.

    Args:
        interval_seconds: the polls' interval.
        announce: called after each snapshot.
    """

    def __init__(self, interval_seconds: float, announce: Callable[[], None]) -> None:
        self._period = interval_seconds / _SNAPSHOTS_PER_INTERVAL
        self._idle_seconds = max(interval_seconds, _IDLE_SECONDS)
        self._announce = announce
        self._order = count()
        self._due: list[tuple[float, int, WatchedFleet]] = []
        self._phases: dict[WatchedFleet, float] = {}
        self._urgent: dict[WatchedFleet, None] = {}
        self._taken_at: dict[WatchedFleet, float] = {}
        self._rests_until: dict[WatchedFleet, float] = {}
        self._faulty: set[WatchedFleet] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start taking snapshots of whatever is added, now and later."""
        self._task = asyncio.create_task(self._run(), name="publisher")

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, fleet: WatchedFleet) -> None:
        """Start taking this fleet's snapshots."""
        now = asyncio.get_running_loop().time()
        order = next(self._order)
        self._phases[fleet] = compute_phase(order, self._period)
        self._taken_at[fleet] = now
        heapq.heappush(self._due, (compute_next_due(self._phases[fleet], self._period, now), order, fleet))

    def remove(self, fleet: WatchedFleet) -> None:
        """Stop taking this fleet's snapshots."""
        for kept in (self._phases, self._urgent, self._taken_at, self._rests_until):
            kept.pop(fleet, None)
        self._faulty.discard(fleet)

    def note_news(self, fleet: WatchedFleet) -> None:
        """Schedule a snapshot for the next tick; simultaneous news are published together."""
        self._urgent[fleet] = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            turn_ends = loop.time() + _TURN_SECONDS
            for fleet in self._collect_due(loop.time()):
                if fleet in self._phases:
                    self._publish(fleet)
                if loop.time() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = loop.time() + _TURN_SECONDS
            await asyncio.sleep(min(max(self._find_idle_seconds(loop.time()), _TICK_SECONDS), _IDLE_TICK_SECONDS))

    def _find_idle_seconds(self, now: float) -> float:
        """Find how long nothing will be due."""
        if self._urgent:
            return 0.0
        return self._due[0][0] - now if self._due else _IDLE_TICK_SECONDS

    def _collect_due(self, now: float) -> list[WatchedFleet]:
        """Collect the fleets whose snapshot is to be taken now, each once."""
        chosen = [fleet for fleet in self._urgent if self._rests_until.get(fleet, 0.0) <= now]
        while self._due and self._due[0][0] <= now:
            _, order, fleet = heapq.heappop(self._due)
            if fleet not in self._phases:
                continue
            heapq.heappush(self._due, (compute_next_due(self._phases[fleet], self._period, now), order, fleet))
            is_wanted = fleet.has_news or now - self._taken_at[fleet] >= self._idle_seconds
            if is_wanted and fleet not in self._urgent and self._rests_until.get(fleet, 0.0) <= now:
                chosen.append(fleet)
        for fleet in chosen:
            self._urgent.pop(fleet, None)
        return chosen

    def _publish(self, fleet: WatchedFleet) -> None:
        """Publish one snapshot. A fault in one fleet is logged once, and every other fleet goes on."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            fleet.publish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the snapshots of all others
            if fleet not in self._faulty:
                self._faulty.add(fleet)
                _log.error("publishFault", fleet=fleet.name, exc_info=error)
        ended = loop.time()
        self._taken_at[fleet] = ended
        self._rests_until[fleet] = ended + _REST_FACTOR * (ended - started)
        self._announce()
