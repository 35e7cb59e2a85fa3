"""Looks for garbage: seldom through the whole heap, which stops every answer."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from scaler.gc_tuning import collect_seldom


@pytest.fixture
def _restored_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("_restored_collector")
async def test_while_it_runs_python_looks_through_the_old_only_when_told_and_never_at_what_was_imported() -> None:
    collecting = asyncio.create_task(collect_seldom())
    await asyncio.sleep(0)
    whole_heap = gc.get_stats()[2]["collections"]
    held = [[number] for number in range(500_000)]  # by itself Python would look through the whole heap several times
    assert gc.get_stats()[2]["collections"] == whole_heap
    assert gc.get_freeze_count() > 10_000
    assert len(held) == 500_000
    collecting.cancel()
