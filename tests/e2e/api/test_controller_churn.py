"""How much is written to the API server: by the real controller, counted at a relay before a real API server."""

import asyncio
from typing import Any

import pytest

from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import BALANCED, running_pool

pytestmark = pytest.mark.timeout(180)
FRESH = {f"pool-{ordinal}": 100 for ordinal in range(5)}
LEDGERS = 60
CHANGES = 20
SLICES_EACH = 2
MODES = [
    pytest.param(BALANCED, id="Weighted"),
    pytest.param(BALANCED | {"loadBalancing": {"enabled": True, "mode": "FreshOnly"}}, id="FreshOnly"),
]


def count_slices(stage: ControllerStage, since: int) -> int:
    """Count the writes of EndpointSlices since so many writes, deletions among them."""
    return sum("/endpointslices" in one.path for one in stage.relay.writes[since:])


@pytest.mark.parametrize("spec", MODES)
async def test_ledgers_that_advance_without_a_change_of_class_write_no_slice(
    stage: ControllerStage, spec: dict[str, Any]
) -> None:
    async with running_pool(stage, **spec):
        await say_lagging(stage, 5000)
        await stage.until_quiet()
        before, weights = len(stage.relay.writes), await stage.read_weights()
        for tip in range(5001, 5001 + LEDGERS):
            await say_lagging(stage, tip)
            await asyncio.sleep(0.02)
        await stage.until_quiet()
        assert count_slices(stage, before) == 0
        assert await stage.read_weights() == weights


@pytest.mark.parametrize("spec", MODES[:2])
async def test_twenty_changes_of_class_write_at_most_two_slices_each(
    stage: ControllerStage, spec: dict[str, Any]
) -> None:
    async with running_pool(stage, **spec):
        is_weighted = spec is BALANCED
        lagging = FRESH | {"pool-4": 10} if is_weighted else {pod: 100 for pod in FRESH if pod != "pool-4"}
        before = len(stage.relay.writes)
        for turn in range(CHANGES // 2):
            await say_lagging(stage, 5000 + turn)
            await stage.until_weights(lagging)
            await stage.say(tip=5000 + turn)
            await stage.until_weights(FRESH)
        await stage.until_quiet()
        written = count_slices(stage, before)
        assert CHANGES <= written <= SLICES_EACH * CHANGES, written


async def test_a_replica_that_changes_its_class_is_never_in_no_slice(stage: ControllerStage) -> None:
    async with running_pool(stage):
        before = len(stage.relay.writes)
        await say_lagging(stage, 5000)
        await stage.until_weights(FRESH | {"pool-4": 10})
        await stage.until_quiet()
        await stage.say(tip=5001)
        await stage.until_weights(FRESH)
        await stage.until_quiet()
        slices = [one for one in stage.relay.writes[before:] if "/endpointslices/" in one.path]
        assert [f"{one.method} {one.path.rpartition('/')[2]}" for one in slices] == [
            "PATCH pool-lagging-0",
            "PATCH pool-fresh-0",
            "PATCH pool-fresh-0",
            "DELETE pool-lagging-0",
        ]


async def say_lagging(stage: ControllerStage, tip: int) -> None:
    """Make the scaler report that one of five lags, by some more at each ledger."""
    await stage.say(classes={"pool-4": "lagging"}, lags={"pool-4": tip - 2000}, tip=tip)
