"""One write of a pool fails for as long as it is tried, whichever and however: all else becomes what it should.

A pool for each write, all in one cluster; each with a fault of its own, and of the same kind.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devtools.api.small_api import Refusal, Write
from devtools.api.small_cluster import SmallCluster, run_small_cluster
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    PDB,
    POD,
    POOL,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Kind,
    ObjectKey,
)

pytestmark = pytest.mark.timeout(180)
WORDS = "the test says no"
APPLIED = "stellar.org/applied"

Fault = Callable[[], Awaitable[None]]


def refuse(status: int, message: str = WORDS) -> Fault:
    async def fail() -> None:
        raise Refusal(status, message, f"Http{status}")

    return fail


async def time_out() -> None:
    await asyncio.sleep(0.7)
    raise Refusal(504, WORDS, "Timeout")


FAULTS = {
    "forbidden": refuse(403),
    "not found": refuse(404),
    "conflict": refuse(409),
    "invalid": refuse(422),
    "internal error": refuse(500),
    "a field that the schema lacks": refuse(500, f"failed to create typed patch object: {WORDS}"),
    "too late": time_out,
}
WRITES: dict[str, tuple[str, Kind, str]] = {
    "nodes": ("apply", SERVICE, "{}-nodes"),
    "read": ("apply", SERVICE, "{}"),
    "class": ("apply", SERVICE, "{}-lagging"),
    "policy": ("apply", NETWORK_POLICY, "{}"),
    "budget": ("apply", PDB, "{}"),
    "config": ("apply", CONFIG_MAP, ""),
    "replicas": ("apply", STATEFUL_SET, "{}"),
    "slices": ("apply", ENDPOINT_SLICE, ""),
    "route": ("apply", HTTP_ROUTE, "{}"),
    "keda": ("apply", SCALED_OBJECT, "{}"),
    "alerts": ("apply", PROMETHEUS_RULE, "{}"),
    "volumes": ("apply", PVC, ""),
    "snapshots": ("apply", VOLUME_SNAPSHOT, ""),
    "notes": ("merge", POD, ""),
    "ends": ("delete", POD, ""),
    "size": ("merge", POOL, "{}"),
    "status": ("apply", POOL, "{}"),
}
"""By the pool's name, whose write of this verb and kind fails; of a name, where several are of that kind."""
OWNED = (
    SERVICE,
    NETWORK_POLICY,
    PDB,
    CONFIG_MAP,
    STATEFUL_SET,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    SCALED_OBJECT,
    PROMETHEUS_RULE,
)
TAKEN = {"enabled": True, "interval": "1h"}
WITHOUT_REPLICAS = ("config", "replicas")
NEEDS = {"config": (STATEFUL_SET,), "replicas": (), "class": (HTTP_ROUTE,), "size": (SCALED_OBJECT,)}
"""What may be missing beside what fails, since it needs that."""


def is_hit(write: Write) -> bool:
    """Return whether it is the write that fails, of the pool that it fails for."""
    for pool, (verb, kind, name) in WRITES.items():
        if write.verb == verb and write.key.kind == kind and (write.subresource == "status") is (pool == "status"):
            names = {name.format(pool)} if name else set()
            if write.key.name in names or (not name and write.key.name.startswith((f"{pool}-", f"data-{pool}-"))):
                return True
    return False


def set_faults(cluster: SmallCluster, fault: Fault) -> None:
    async def meddle(write: Write) -> None:
        if is_hit(write):
            await fault()

    cluster.api.meddle = meddle


def make_pools(cluster: SmallCluster) -> None:
    """Make a pool for each write; replicas are fresh for long, so that one's volume may be copied."""
    cluster.since = time.time() - 86_400
    for pool in WRITES:
        cluster.make(pool, storage={"size": "100Gi"} | ({"snapshots": TAKEN} if pool == "snapshots" else {}))


def list_missing(cluster: SmallCluster, pool: str) -> set[tuple[str, str]]:
    """List what a pool should have and has not, but for what fails and what needs that."""
    _, failing, _ = WRITES[pool]
    services = {f"{pool}{ending}" for ending in ("", "-nodes", "-fresh", "-lagging")}
    wanted = {(SERVICE, name) for name in services} | {
        (kind, pool) for kind in (NETWORK_POLICY, PDB, STATEFUL_SET, HTTP_ROUTE, SCALED_OBJECT, PROMETHEUS_RULE)
    }
    wanted -= {(failing, WRITES[pool][2].format(pool))} | {(kind, pool) for kind in NEEDS.get(pool, ())}
    missing = {
        (kind.name, name) for kind, name in wanted if ObjectKey(kind, "default", name) not in cluster.api.objects
    }
    has_config = any(key.kind == CONFIG_MAP and key.name.startswith(f"{pool}-") for key in cluster.api.objects)
    return missing | ({("ConfigMap", pool)} if pool != "config" and not has_config else set())


def is_named(cluster: SmallCluster, pool: str) -> bool:
    """Return whether status names what fails, in the API server's words; it is of the newest spec."""
    found = cluster.read_pool(pool)
    told = [one["message"] for one in (found.get("status") or {}).get("conditions", ())]
    is_said = any(WORDS in message and WRITES[pool][1].name in message for message in told)
    return is_said and found["status"]["observedGeneration"] == found["metadata"]["generation"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_new_pool_gets_all_that_does_not_need_what_fails(fault: Fault, tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        set_faults(cluster, fault)
        make_pools(cluster)
        for pool in WRITES:
            await cluster.until_empty(partial(list_missing, cluster, pool), f"{pool} to have all")
            if pool not in (*WITHOUT_REPLICAS, "slices"):
                await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool}")
            if pool not in ("status", "ends", "volumes"):
                await cluster.until(partial(is_named, cluster, pool), f"status of {pool} to say why")


def list_owned(cluster: SmallCluster, pool: str) -> list[tuple[ObjectKey, dict[str, Any]]]:
    """List what a pool owns."""
    return [
        (key, one)
        for key, one in cluster.api.objects.items()
        if key.kind in OWNED and one["metadata"]["labels"]["stellar.org/pool"] == pool
    ]


def spoil(cluster: SmallCluster, pool: str) -> None:
    """Make the controller write everything of a pool once more."""
    for key, one in list_owned(cluster, pool):
        annotations = {**one["metadata"]["annotations"], APPLIED: "spoiled"}
        cluster.api.put(key, {**one, "metadata": {**one["metadata"], "annotations": annotations}})


def list_spoiled(cluster: SmallCluster, pool: str) -> set[str]:
    """List what has not been written since, but for what fails and what needs that."""
    _, failing, name = WRITES[pool]
    return {
        f"{key.kind.name} {key.name}"
        for key, one in list_owned(cluster, pool)
        if one["metadata"]["annotations"][APPLIED] == "spoiled"
        and not (key.kind == failing and (not name or key.name == name.format(pool)))
        and not (pool == "config" and key.kind == STATEFUL_SET)
    }


def list_old_versions(cluster: SmallCluster, pool: str) -> set[str]:
    """List the versions that a pool's replicas run, but for the new one."""
    pods = [one for name, one in cluster.api.find(POD).items() if name.rpartition("-")[0] == pool]
    images = [container["image"] for pod in pods for container in pod["spec"]["containers"]]
    return {image.rpartition(":")[2] for image in images if "stellar-core" in image} - {"v23.0.0"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_running_pool_goes_on_but_for_what_fails(fault: Fault, tmp_path: Path) -> None:
    async with run_small_cluster(tmp_path) as cluster:
        make_pools(cluster)
        for pool in WRITES:
            await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool} at first")
            await cluster.until_empty(partial(list_missing, cluster, pool), f"{pool} to have all")
        set_faults(cluster, fault)
        for pool in WRITES:
            spoil(cluster, pool)
            cluster.classes[f"{pool}-1"] = "lagging"
            cluster.api.drop(ObjectKey(POD, "default", f"{pool}-0"))
        served = [pool for pool in WRITES if pool != "slices"]
        for pool in served:
            await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool}")
        cluster.classes.clear()
        for pool in WRITES:
            cluster.change(pool, version="v23.0.0")
        cluster.change("volumes", storage={"size": "200Gi"})
        for pool in served:
            if pool not in (*WITHOUT_REPLICAS, "ends"):
                await cluster.until_empty(partial(list_old_versions, cluster, pool), f"{pool} to be upgraded")
                await cluster.until(partial(cluster.is_served_by_the_fresh, pool), f"readers of {pool} at last")
        # Whoever is to be restarted is sent no readers any more, though it cannot be.
        await cluster.until(
            lambda: set(cluster.read_readers("ends")) < cluster.list_fresh("ends"), "one to be left out"
        )
        assert len(cluster.read_readers("ends")) == 1
        for pool in WRITES:
            await cluster.until_empty(partial(list_spoiled, cluster, pool), f"{pool} to be whole")
            is_gone = pool == "ends" and fault is FAULTS["not found"]  # who is not there has been deleted
            if pool not in ("status", "size", "snapshots") and not is_gone:  # the next one is due in an hour
                await cluster.until(partial(is_named, cluster, pool), f"status of {pool} to say why")
