"""The taking of snapshots rests while there is nothing to take."""

import asyncio

import pytest

from scaler.fleets.publisher import Publisher
from scaler.fleets.watched_fleet import WatchedFleet

SECONDS = 0.5
MOST_LOOKS = 20
"""In half a second: twice what the longest rest makes it, and a fifth of what the shortest would."""


async def test_without_fleets_it_seldom_looks_for_any(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, look = list[float](), Publisher._collect_due

    def count(publisher: Publisher, now: float) -> list[WatchedFleet]:
        looks.append(now)
        return look(publisher, now)

    monkeypatch.setattr(Publisher, "_collect_due", count)
    publisher = Publisher(5.0, lambda: None)
    await publisher.start()
    await asyncio.sleep(SECONDS)
    await publisher.stop()
    assert 2 <= len(looks) <= MOST_LOOKS
