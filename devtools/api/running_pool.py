"""A controller with a pool whose replicas are ready and fresh, when there is nothing more to write."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from controller.process import Controller
from devtools.api.controller_stage import ControllerStage
from readpool.kubernetes.kinds import STATEFUL_SET

BALANCED: dict[str, Any] = {"loadBalancing": {"enabled": True}, "version": "v30.0.0"}
FRESH = {f"pool-{ordinal}": 100 for ordinal in range(5)}


@contextlib.asynccontextmanager
async def running_pool(stage: ControllerStage, replicas: int = 5, **spec: Any) -> AsyncIterator[Controller]:
    """Run both during the block; the pool is BALANCED where nothing else is said."""
    async with stage.controller() as controller:
        await stage.apply(**(spec or BALANCED))
        await stage.until(lambda: has_replicas(stage, replicas), "a StatefulSet")
        await stage.cluster.run_pods("pool")
        await stage.say()
        await stage.until_condition("Ready", status="True")
        await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in range(replicas)})
        await stage.until_quiet()
        yield controller


async def has_replicas(stage: ControllerStage, count: int) -> bool:
    """Return whether the pool's StatefulSet is to have so many replicas."""
    found = await stage.get(STATEFUL_SET, "pool")
    return found is not None and found["spec"]["replicas"] == count
