"""A claim of before that is still going, on a real API server: no replica comes over it, the next has what is due."""

from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from readpool.kubernetes.kinds import POOL, PVC, STATEFUL_SET, Manifest
from tests.e2e.api.test_controller_snapshots import TAKES, install, make, none_is_left, say

pytestmark = pytest.mark.timeout(180)
CLAIM = "data-pool-4"
KEPT = "readpool.test/keep"
SNAPSHOT_SIZE = "150Gi"
__all__ = ["none_is_left"]


async def has_size(stage: ControllerStage, replicas: int) -> bool:
    found = await stage.read(STATEFUL_SET, "pool")
    return bool(found["spec"]["replicas"] == replicas)


async def scale(stage: ControllerStage, replicas: int) -> None:
    await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"replicas": replicas}}, manager=USER)


async def keep_claim(stage: ControllerStage, *finalizers: str) -> None:
    body = {"metadata": {"finalizers": list(finalizers)}}
    await stage.client.merge(PVC, stage.namespace, CLAIM, body, manager=USER)


async def leave_claim_going(stage: ControllerStage) -> Manifest:
    """Make the pool go from five to four, and its last claim be deleted and stay for a finalizer; return the claim."""
    await keep_claim(stage, KEPT)
    await scale(stage, 4)
    await stage.until(lambda: has_size(stage, 4), "4 replicas")
    await stage.cluster.run_pods("pool")
    assert await stage.client.delete(PVC, stage.namespace, CLAIM)
    going = await stage.read(PVC, CLAIM)
    assert going["metadata"]["deletionTimestamp"]
    return going


@pytest.mark.parametrize("with_snapshot", [False, True], ids=["by-the-template", "from-a-snapshot"])
async def test_no_replica_comes_over_a_claim_that_is_still_going(stage: ControllerStage, with_snapshot: bool) -> None:
    spec: dict[str, Any] = {"storage": TAKES} if with_snapshot else {}
    if with_snapshot:
        await install(stage)
    async with stage.controller(check_seconds=0.3):
        await stage.apply(**spec)
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.cluster.run_pods("pool")
        await say(stage)
        name = await make(stage) if with_snapshot else ""
        await stage.until_condition("Ready", status="True")
        going = await leave_claim_going(stage)
        await scale(stage, 5)

        async def is_told() -> bool:
            conditions = (await stage.read(POOL, "pool"))["status"]["conditions"]
            return any("the previous volume of pool-4 to be deleted" in one.get("message", "") for one in conditions)

        await stage.until(is_told, "status to name the volume")
        await stage.until_quiet()
        assert await has_size(stage, 4)
        assert (await stage.read(PVC, CLAIM))["metadata"]["uid"] == going["metadata"]["uid"]

        await keep_claim(stage)
        await stage.until(lambda: has_size(stage, 5), "5 replicas, once it is gone")
        claim = await stage.get(PVC, CLAIM)
        if not with_snapshot:
            assert claim is None, "the StatefulSet makes it, of its template"
            return
        assert claim is not None, "it was made before the StatefulSet asked for it"
        assert claim["metadata"]["uid"] != going["metadata"]["uid"]
        assert claim["spec"]["dataSource"]["name"] == name
        assert claim["spec"]["resources"]["requests"]["storage"] == SNAPSHOT_SIZE
