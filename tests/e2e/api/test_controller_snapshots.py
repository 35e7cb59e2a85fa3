"""Snapshots and growth on a real API server that knows the snapshot controller's own definition."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from controller.resources.claims import read_size
from devtools.api.controller_stage import USER, ControllerStage
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import EVENT, POD, POOL, PVC, STATEFUL_SET, VOLUME_SNAPSHOT, Manifest
from tests.e2e.api.open_definitions import remove
from tests.e2e.api.snapshot_definitions import read_volume_snapshot_definition

pytestmark = pytest.mark.timeout(180)
CHECK_SECONDS = 0.3
CLASSES_PATH = "/apis/storage.k8s.io/v1/storageclasses"
TAKES: dict[str, Any] = {"snapshots": {"enabled": True, "volumeSnapshotClassName": "fast"}}
GATE = {"image": "envoyproxy/envoy:distroless-v1.40.0"}


@pytest_asyncio.fixture(autouse=True)
async def none_is_left(stage: ControllerStage) -> AsyncIterator[None]:
    yield
    await remove(stage.client, VOLUME_SNAPSHOT)


async def install(stage: ControllerStage) -> None:
    """Install the definition of VolumeSnapshot, and return when it is served."""
    try:
        definition = read_volume_snapshot_definition()
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    stage.server.access.kubectl("apply", "-f", "-", stdin=definition)

    async def is_served() -> bool:
        return await stage.client.serves(VOLUME_SNAPSHOT)

    await stage.until(is_served, "VolumeSnapshots to be served")


@contextlib.asynccontextmanager
async def begun(stage: ControllerStage, **spec: Any) -> AsyncIterator[None]:
    """Run a controller, and five replicas that have been fresh for ten minutes, during the block."""
    async with stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply(**spec)
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.cluster.run_pods("pool")
        await say(stage)
        yield


async def say(stage: ControllerStage, **changes: Any) -> None:
    await stage.say(since=time.time() - 600.0, **changes)


async def list_snapshots(stage: ControllerStage) -> list[Any]:
    found, _ = await stage.client.list(VOLUME_SNAPSHOT, stage.namespace)
    return list(found)


async def make(stage: ControllerStage) -> str:
    """Make the one that is taken, as a snapshot controller does, and return its name."""
    (taken,) = await stage.until(lambda: list_snapshots(stage), "a snapshot to be taken")
    name = str(taken["metadata"]["name"])
    at = taken["metadata"]["creationTimestamp"]
    made = {"readyToUse": True, "creationTime": at, "restoreSize": "150Gi", "boundVolumeSnapshotContentName": "x"}
    await merge_status(stage.client, stage.namespace, name, made)
    await stage.until_condition("Snapshots", status="True", reason="SnapshotReady")
    return name


async def merge_status(client: KubernetesClient, namespace: str, name: str, status: Any) -> None:
    body = {"status": status}
    await client.merge(VOLUME_SNAPSHOT, namespace, name, body, manager="snapshot-controller", subresource="status")


async def scale(stage: ControllerStage, replicas: int) -> Manifest:
    """Scale the pool, and return the claim of its last replica."""
    await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"replicas": replicas}}, manager=USER)

    async def has_grown() -> bool:
        return bool((await stage.read(STATEFUL_SET, "pool"))["spec"]["replicas"] == replicas)

    await stage.until(has_grown, f"{replicas} replicas")
    before = await stage.get(PVC, f"data-pool-{replicas - 1}")
    await stage.cluster.run_pods("pool")
    after = await stage.read(PVC, f"data-pool-{replicas - 1}")
    assert before is None or before["metadata"]["uid"] == after["metadata"]["uid"]
    return after


async def test_a_pool_takes_snapshots_once_the_cluster_can_and_new_replicas_start_from_them(
    stage: ControllerStage,
) -> None:
    async with begun(stage, storage=TAKES):
        await stage.until_condition("Snapshots", status="False", reason="SnapshotApiMissing")
        await stage.until_condition("Ready", status="True")
        await install(stage)
        name = await make(stage)
        (taken,) = await list_snapshots(stage)
        assert taken["spec"]["volumeSnapshotClassName"] == "fast"
        assert taken["metadata"]["annotations"]["stellar.org/verdict"] == "good"
        pool = await stage.read(POOL, "pool")
        assert taken["metadata"]["ownerReferences"][0]["uid"] == pool["metadata"]["uid"]
        claim = await scale(stage, 6)
        assert claim["spec"]["dataSource"]["name"] == name
        assert claim["spec"]["resources"]["requests"]["storage"] == "150Gi"
        await stage.until_quiet()


async def test_one_that_a_replica_cannot_start_from_is_not_used_again(stage: ControllerStage) -> None:
    await install(stage)
    async with begun(stage, storage=TAKES):
        name = await make(stage)
        await scale(stage, 6)
        await say(stage, classes={"pool-5": "catchingUp"})
        ended = {"exitCode": 65, "message": "the data folder copied from pool-0 is bad"}
        core = {"name": "stellar-core", "image": "core", "imageID": "", "ready": False, "restartCount": 1}
        core |= {"state": {"running": {}}, "lastState": {"terminated": ended}}
        body = {"status": {"containerStatuses": [core]}}
        await stage.client.merge(POD, stage.namespace, "pool-5", body, manager="kubelet", subresource="status")
        told = await stage.until_condition("Snapshots", status="False", reason="SnapshotUnusable")
        assert told["message"].startswith(f"{name} is not used: pool-5 failed to start from it: the data folder")
        (bad,) = await list_snapshots(stage)
        assert bad["metadata"]["annotations"]["stellar.org/verdict"] == "bad"
        assert "dataSource" not in (await scale(stage, 7))["spec"]

        async def is_told() -> bool:
            events, _ = await stage.client.list(EVENT, stage.namespace)
            return any(one["reason"] == "SnapshotUnusable" and one["type"] == "Warning" for one in events)

        await stage.until(is_told, "an Event")


@pytest.mark.parametrize("may_grow", [True, False])
async def test_a_volume_grows_before_it_is_full_or_a_condition_says_why_not(
    stage: ControllerStage, may_grow: bool
) -> None:
    await install(stage)
    kind = f"class-{stage.namespace}"
    body: dict[str, Any] = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": kind}}
    body |= {"provisioner": "example.com/nobody", "allowVolumeExpansion": may_grow}
    await stage.client.request("POST", CLASSES_PATH, body=body)
    grows = {"storageClass": kind, "size": "100Gi", "autoGrow": {"maxSize": "300Gi"}}
    async with begun(stage, storage=TAKES | grows, gate=GATE):
        await make(stage)
        claim = await scale(stage, 6)  # made by us, and of a snapshot: none of that may be taken away
        assert claim["spec"]["dataSource"]
        await say(stage, used={"pool-1": 81, "pool-5": 85}, classes={"pool-5": "fresh"})
        if not may_grow:
            told = await stage.until_condition("VolumeSpace", status="False", reason="CannotGrow")
            assert "pool-1 is 81 % full" in told["message"]
            assert "must support resize" in told["message"]
            return

        async def have_grown() -> bool:
            found = [await stage.read(PVC, f"data-pool-{ordinal}") for ordinal in (0, 1, 5)]
            sizes = [read_size(one["spec"]) / 1024**3 for one in found]
            return sizes == [100, 125, 187.5]

        await stage.until(have_grown, "volumes to grow")
        await stage.until_condition("VolumeSpace", status="True", reason="VolumesGrowing")
        grown = await stage.read(PVC, "data-pool-5")
        assert grown["spec"]["dataSource"] == claim["spec"]["dataSource"]
        assert grown["metadata"]["annotations"]["stellar.org/restored-from"]


BAD_STORAGE: dict[str, tuple[dict[str, Any], str]] = {
    "an interval without a unit": ({"snapshots": {"interval": "3600"}}, "must be a duration from 10m to 720h"),
    "no interval": ({"snapshots": {"interval": ""}}, "must be a duration from 10m to 720h"),
    "too short": ({"snapshots": {"interval": "9m59s"}}, "must be a duration from 10m to 720h"),
    "too long": ({"snapshots": {"interval": "720h1s"}}, "must be a duration from 10m to 720h"),
    "none kept": ({"snapshots": {"keep": 0}}, "should be greater than or equal to 1"),
    "a class that is no name": ({"snapshots": {"volumeSnapshotClassName": "Fast"}}, "must be an object's name"),
    "no bound": ({"autoGrow": {}}, "maxSize: Required value"),
    "a bound below the size": ({"size": "100Gi", "autoGrow": {"maxSize": "50Gi"}}, "must be at least storage.size"),
    "an increase by nothing": ({"autoGrow": {"maxSize": "1Ti", "increase": "0%"}}, "must be a percentage such as"),
    "an increase that is no number": ({"autoGrow": {"maxSize": "1Ti", "increase": "much"}}, "must be a percentage"),
    "full before it grows": ({"autoGrow": {"maxSize": "1Ti", "usedPercent": 99}}, "less than or equal to 95"),
}


@pytest.mark.parametrize(("storage", "sentence"), BAD_STORAGE.values(), ids=BAD_STORAGE.keys())
async def test_what_cannot_be_is_refused_with_a_sentence(
    stage: ControllerStage, storage: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Exception, match=sentence):
        await stage.apply(storage=storage)


async def test_growth_without_a_gate_is_refused(stage: ControllerStage) -> None:
    with pytest.raises(Exception, match="the gate reports how full a volume is"):
        await stage.apply(storage={"autoGrow": {"maxSize": "1Ti"}}, gate={"enabled": False})
