"""A pool that cannot be read, as under another version's definition: it is said, nothing is touched, and it mends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.api.api_server import Programs, run_api_server
from devtools.api.controller_stage import USER, ControllerStage, set_stage
from readpool.kubernetes.kinds import EVENT, POOL, STATEFUL_SET
from readpool.pool.crd import build_crd

pytestmark = pytest.mark.timeout(120)


@pytest_asyncio.fixture
async def lax_stage(programs: Programs, tmp_path: Path) -> AsyncIterator[ControllerStage]:
    """Yield a stage on a server whose definition of pools takes anything."""
    definition = build_crd()
    open_schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": open_schema}
    (tmp_path / "api").mkdir()
    with run_api_server(tmp_path / "api", programs) as server:
        server.access.apply(definition)
        server.access.kubectl("create", "namespace", "lax")
        async with set_stage(server, "lax", tmp_path) as stage:
            await stage.until(lambda: stage.client.serves(POOL), "pools to be served")
            yield stage


async def test_a_pool_that_cannot_be_read_is_stalled_until_it_can(lax_stage: ControllerStage) -> None:
    stage = lax_stage
    async with stage.controller():
        await stage.apply("good")
        await stage.apply(minReplicas=9, targetReplicas=2, maxReplicas=2)
        condition = await stage.until_condition("Stalled", status="True", reason="InvalidSpec")
        assert "spec.minReplicas" in condition["message"]
        await stage.until_there(STATEFUL_SET, "good")
        assert await stage.get(STATEFUL_SET, "pool") is None
        await stage.until_quiet()
        written = len(stage.relay.writes)
        await asyncio.sleep(1.0)
        assert len(stage.relay.writes) == written
        events, _ = await stage.client.list(EVENT, stage.namespace)
        assert [one["reason"] for one in events if one["regarding"]["name"] == "pool"] == ["InvalidSpec"]
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"minReplicas": 1}}, manager=USER)
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.until_condition("Stalled", status="False")
