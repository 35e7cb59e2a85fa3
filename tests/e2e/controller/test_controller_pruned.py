"""What is pruned each time leaves a pool at rest, and it says so; what cannot be deleted stops nothing else.

A pool for each kind, all in one cluster.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devtools.api.small_api import Refusal, Write
from devtools.api.small_cluster import SmallCluster, run_small_cluster
from readpool.kubernetes.kinds import (
    ENDPOINT_SLICE,
    EVENT,
    HTTP_ROUTE,
    LEASE,
    POD,
    POOL,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    SERVICE,
    Kind,
    ObjectKey,
)

pytestmark = pytest.mark.timeout(180)
WORDS = "the test says no"
PRUNED: dict[str, Kind] = {"services": SERVICE, "notes": POD, "status": POOL}


def prune(made: dict[str, Any]) -> None:
    """Do as a definition does that lacks fields."""
    made.get("status", {}).pop("averageLag", None)
    made["metadata"].get("annotations", {}).pop("stellar.org/config", None)
    made["metadata"].get("labels", {}).pop("app.kubernetes.io/managed-by", None)


def is_of(pool: str, key: ObjectKey) -> bool:
    return key.name == pool or key.name.startswith(f"{pool}-")


def admit(key: ObjectKey, made: dict[str, Any]) -> None:
    if any(key.kind == kind and is_of(pool, key) for pool, kind in PRUNED.items()):
        prune(made)


def is_at_rest(cluster: SmallCluster, pool: str) -> bool:
    """Return whether a pool says that all is done, and what others change."""
    reconciling = cluster.read_conditions(pool).get("Reconciling", {})
    return reconciling.get("reason") == "UpToDate" and PRUNED[pool].name in reconciling["message"]


async def until_quiet(cluster: SmallCluster) -> None:
    """Wait for two seconds without a write; as many as there were are named otherwise."""
    before = 0

    def find_new() -> list[str]:
        nonlocal before
        writes = [one for one in cluster.api.writes if one.key.kind not in (LEASE, EVENT)]
        new, before = writes[before:], len(writes)
        return [f"{one.verb} {one.key.kind.name} {one.key.name} {one.subresource}" for one in new]

    for _ in range(12):
        await asyncio.sleep(2.0)
        new = find_new()
        if not new:
            return
    raise AssertionError(f"written again and again: {new}")


async def test_what_is_pruned_each_time_is_let_be_and_named(tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        cluster.api.admit = admit
        for pool in PRUNED:
            cluster.make(pool)
        for pool in PRUNED:
            await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool}")
            await cluster.until(partial(is_at_rest, cluster, pool), f"{pool} to be at rest")
        await until_quiet(cluster)
        for pool in PRUNED:
            cluster.change(pool, version="v23.0.0")
        for pool in PRUNED:
            await cluster.until(partial(runs_newest, cluster, pool), f"{pool} to be upgraded")
            await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool} at last")
            await cluster.until(partial(is_at_rest, cluster, pool), f"{pool} to be at rest at last")
        await until_quiet(cluster)


def runs_newest(cluster: SmallCluster, pool: str) -> bool:
    pods = [one for name, one in cluster.api.find(POD).items() if name.rpartition("-")[0] == pool]
    images = [container["image"] for pod in pods for container in pod["spec"]["containers"]]
    return {image.rpartition(":")[2] for image in images if "stellar-core" in image} == {"v23.0.0"}


async def hang() -> None:
    await asyncio.sleep(0.7)
    raise Refusal(504, WORDS, "Timeout")


FAULTS: dict[str, int | None] = {"403": 403, "404": 404, "409": 409, "422": 422, "500": 500, "too late": None}
DELETED: dict[str, Kind] = {
    "services": SERVICE,
    "slices": ENDPOINT_SLICE,
    "route": HTTP_ROUTE,
    "keda": SCALED_OBJECT,
    "alerts": PROMETHEUS_RULE,
}


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
async def test_what_cannot_be_deleted_stops_nothing_else(tmp_path: Path, status: int | None) -> None:
    async def meddle(write: Write) -> None:
        if write.verb == "delete" and any(
            write.key.kind == DELETED[pool] and is_of(pool, write.key) for pool in DELETED
        ):
            await (hang() if status is None else refuse(status))

    async with run_small_cluster(tmp_path) as cluster:
        for pool in DELETED:
            cluster.make(pool)
        for pool in DELETED:
            await cluster.until(partial(is_whole, cluster, pool), f"{pool} to be whole")
        cluster.api.meddle = meddle
        for pool in DELETED:
            balancing = {"enabled": True, "laggingNodeWeight": 0}
            cluster.change(pool, loadBalancing=balancing, alerting=False, autoscaling={"enabled": False})
            cluster.classes[f"{pool}-1"] = "lagging"
        for pool in DELETED:
            await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool}")
            await cluster.until_empty(partial(list_left, cluster, pool), f"of {pool} nothing to be left")
            if status != 404:  # who is not there has been deleted
                await cluster.until(partial(is_named, cluster, pool), f"status of {pool} to say why")


async def refuse(status: int) -> None:
    raise Refusal(status, WORDS, f"Http{status}")


def is_whole(cluster: SmallCluster, pool: str) -> bool:
    kinds = (HTTP_ROUTE, SCALED_OBJECT, PROMETHEUS_RULE)
    has_all = all(ObjectKey(kind, "default", pool) in cluster.api.objects for kind in kinds)
    return has_all and cluster.is_served_by_the_fresh(pool)


def list_left(cluster: SmallCluster, pool: str) -> set[str]:
    """List what should have gone, but for what cannot and what is needed while that is there."""
    failing = DELETED[pool]
    kinds = {HTTP_ROUTE, SCALED_OBJECT, PROMETHEUS_RULE, SERVICE} - {failing}
    kinds -= {SERVICE} if failing == HTTP_ROUTE else set()
    names = (pool, f"{pool}-fresh", f"{pool}-lagging")
    left = {
        f"{kind.name} {name}"
        for kind in kinds
        for name in names
        if ObjectKey(kind, "default", name) in cluster.api.objects
    }
    return left - {f"Service {pool}"}


def is_named(cluster: SmallCluster, pool: str) -> bool:
    told = [one["message"] for one in cluster.read_conditions(pool).values()]
    return any(WORDS in message and DELETED[pool].name in message for message in told)
