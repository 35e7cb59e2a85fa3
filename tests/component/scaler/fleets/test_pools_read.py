"""What the scaler keeps of a pool that it reads from an API server: all that its fleet is made of."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devtools.api.small_api import serve_small_api
from devtools.pools.pool_manifests import build_manifest
from readpool.kubernetes.kinds import POOL, ObjectKey
from scaler.fleets.pools import read_pools
from scaler.triggers.fleet_spec import FleetSpec, build_pool_target
from scaler.triggers.pool_fleet import ReferenceRules

KEY = ObjectKey(POOL, "stellar", "reads")
ASKED = build_pool_target("stellar", "reads")
BUSY = {"replicaName": "reads-0", "weight": 100, "replicaClass": "fresh"}
OUT = {"replicaName": "reads-1", "weight": 0, "replicaClass": "lagging", "lag": 7, "outOfService": True}


UNREADY = {
    "type": "Ready",
    "status": "False",
    "reason": "NotEnoughReady",
    "message": "0 of 5 replicas are ready: 5 starting",
}
CHANGED = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
MEMORY = {"reportedAt": "2027-01-15T08:00:00Z", "desiredReplicas": 7}


def build(*replicas: dict[str, Any], **others: Any) -> dict[str, Any]:
    status = {"learnedRequestsPerReplica": 450.0, "replicaWeights": list(replicas), **others}
    return build_manifest("reads", "stellar") | {"status": status}


async def until(derive: Callable[[], FleetSpec], is_so: Callable[[FleetSpec], bool]) -> FleetSpec:
    async with asyncio.timeout(30):
        while not is_so(spec := derive()):  # noqa: ASYNC110 - what was read sets no event
            await asyncio.sleep(0.02)
    return spec


async def test_who_is_out_of_service_is_learned_from_the_status_and_forgotten_with_it(tmp_path: Path) -> None:
    async with serve_small_api(tmp_path) as (api, _):
        api.put(KEY, build(BUSY, OUT))
        async with read_pools(tmp_path / "kubeconfig", (), ReferenceRules()) as pools:
            spec = await until(lambda: pools.derive(ASKED, None), lambda spec: spec.hold_reason is None)
            assert spec.out_of_service == {"reads-1"}
            assert spec.learned_requests_per_replica == 450.0
            api.put(KEY, build(BUSY, {**OUT, "outOfService": None}))
            await until(lambda: pools.derive(ASKED, spec), lambda spec: not spec.out_of_service)


async def test_why_pods_are_not_ready_and_what_is_remembered_are_learned_from_the_status(tmp_path: Path) -> None:
    async with serve_small_api(tmp_path) as (api, _):
        api.put(KEY, build(BUSY, conditions=[UNREADY | CHANGED], scalingMemory=MEMORY))
        async with read_pools(tmp_path / "kubeconfig", (), ReferenceRules()) as pools:
            spec = await until(lambda: pools.derive(ASKED, None), lambda spec: spec.hold_reason is None)
            assert spec.unready == UNREADY["message"]
            assert spec.remembered is not None
            assert spec.remembered.asked == 7
