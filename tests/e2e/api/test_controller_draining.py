"""A replica that is about to go leaves its slice before it is told to end: in order, on a real API server."""

from collections.abc import Sequence
from typing import Any

import pytest

from devtools.api.api_relay import Asked
from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import has_replicas, running_pool
from readpool.kubernetes.kinds import POOL

pytestmark = pytest.mark.timeout(120)
ALL = {f"pool-{ordinal}": 100 for ordinal in range(5)}
LAST_LAGS: dict[str, Any] = {"classes": {"pool-4": "lagging"}, "lags": {"pool-4": 2000}, "tip": 5000}


async def test_a_scale_in_takes_endpoints_away_before_it_makes_the_pool_smaller(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.say(**LAST_LAGS)
        await stage.until_weights(ALL | {"pool-4": 10})
        await stage.until_quiet()
        before = len(stage.relay.writes)
        await scale(stage, 3)
        await stage.until(lambda: has_replicas(stage, 3), "a smaller StatefulSet")
        written = name_writes(stage.relay.writes[before:])
        order = [written.index(one) for one in ("PATCH pool-fresh-0", "DELETE pool-lagging-0", "PATCH pool")]
        assert order == sorted(order), written
        await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in range(3)})


async def test_a_scale_in_that_is_taken_back_gives_the_same_weights_and_moves_nobody_else(
    stage: ControllerStage,
) -> None:
    async with running_pool(stage):
        before = len(stage.relay.writes)
        for size in (3, 5, 4, 5):
            await scale(stage, size)
            await stage.until(lambda size=size: has_replicas(stage, size), f"{size} replicas")  # type: ignore[misc]
            await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in range(size)})
        slices = [one for one in stage.relay.writes[before:] if "/endpointslices/" in one.path]
        assert name_writes(slices) == ["PATCH pool-fresh-0"] * 4


async def test_an_upgrade_takes_the_endpoint_of_each_replica_away_before_its_pod(stage: ControllerStage) -> None:
    async with running_pool(stage):
        before = len(stage.relay.writes)
        change = {"spec": {"version": "v24.0.0"}}
        await stage.client.merge(POOL, stage.namespace, "pool", change, manager=USER)

        async def are_all_restarted() -> bool:
            await stage.cluster.run_pods("pool")
            return len([one for one in name_writes(stage.relay.writes[before:]) if one.startswith("DELETE")]) == 5

        await stage.until(are_all_restarted, "five pods to be deleted")
        written = name_writes(stage.relay.writes[before:])
        moved = [one for one in written if one == "PATCH pool-fresh-0" or one.startswith("DELETE pool-")]
        for index, one in enumerate(moved):
            assert one == "PATCH pool-fresh-0" or moved[index - 1] == "PATCH pool-fresh-0", moved


async def scale(stage: ControllerStage, replicas: int) -> None:
    """Scale the pool as the HPA does."""
    body = {"spec": {"replicas": replicas}}
    await stage.client.merge(POOL, stage.namespace, "pool", body, manager="kubectl", subresource="scale")


def name_writes(writes: Sequence[Asked]) -> list[str]:
    """Name writes by what they do to what; those of the read Service's slices and the StatefulSet matter here."""
    kinds = ("/endpointslices/", "/statefulsets/", "/pods/")
    return [f"{one.method} {one.path.rpartition('/')[2]}" for one in writes if any(kind in one.path for kind in kinds)]
