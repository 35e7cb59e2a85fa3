"""The controller is killed between any two writes: whoever comes next ends in the same state as if nothing had been.

A real process, SIGKILL, and a relay that lets so many writes through; the next controller finishes the work.
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from devtools.api.api_server import ApiServer
from devtools.api.controller_stage import SECONDS, USER, ControllerStage, set_stage
from devtools.api.running_pool import BALANCED, has_replicas, running_pool
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    NETWORK_POLICY,
    PDB,
    POD,
    POOL,
    SERVICE,
    STATEFUL_SET,
)

pytestmark = pytest.mark.timeout(300)
KINDS = (SERVICE, CONFIG_MAP, STATEFUL_SET, NETWORK_POLICY, PDB, ENDPOINT_SLICE, POD, POOL)
ARCHIVES = ["https://archive1.example.com", "https://archive2.example.com"]
ONE = BALANCED | {"minReplicas": 1, "targetReplicas": 1}
CHANGE = {
    "shardBalancing": {"enabled": True, "shardCount": 2},
    "historyArchiveUrls": ARCHIVES,
    "loadBalancing": {"enabled": True, "freshNodeWeight": 50},
}
FIFTY = {"pool-0": 50}
_OF_THE_MOMENT = frozenset(
    {
        *("resourceVersion", "uid", "managedFields", "creationTimestamp", "generation", "observedGeneration"),
        *("clusterIP", "clusterIPs", "lastTransitionTime", "lastUpdated", "observedAt", "time", "startTime"),
        *("controller-revision-hash", "updateRevision", "stellar.org/applied", "resource_version"),
        "stellar.org/config",  # a hash of what names the namespace, in the addresses of neighbours
    }
)


QUIET_SECONDS = 8.0


async def test_killed_between_any_two_writes_of_a_new_pool(api_server: ApiServer, tmp_path: Path) -> None:
    async def begin(stage: ControllerStage) -> None:
        await stage.apply(**BALANCED)

    async def is_done(stage: ControllerStage) -> bool:
        return await has_replicas(stage, 5)

    async with new_stage(api_server, tmp_path, "new-whole") as stage:
        await begin(stage)
        async with stage.controller():
            await stage.until(lambda: is_done(stage), "an undisturbed end")
            await stage.until_quiet()
        whole, writes = await read_state(stage), len(stage.relay.writes)
    assert writes >= 8

    async def interrupt(number: int) -> None:
        async with new_stage(api_server, tmp_path, f"new-{number}") as stage:
            await begin(stage)
            await kill_after(stage, number, has_pods=False)
            async with stage.controller():
                await stage.until(lambda: is_done(stage), f"an end after {number} writes")
                await stage.until_quiet()
            assert await read_state(stage) == whole, f"killed after {number} writes"

    await a_few_at_once(interrupt, writes)


@pytest.mark.full  # a new pool is the proof on a real API server, and of any plan: test_controller_plan_invariants
async def test_killed_between_any_two_writes_of_a_change(api_server: ApiServer, tmp_path: Path) -> None:
    async def change(stage: ControllerStage) -> None:
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": CHANGE}, manager=USER)

    async with new_stage(api_server, tmp_path, "change-whole") as stage:
        async with running_pool(stage, 1, **ONE):
            before = len(stage.relay.writes)
            await change(stage)
            await until_at_rest(stage)
        whole, writes = await read_state(stage), len(stage.relay.writes) - before
    assert writes >= 6

    async def interrupt(number: int) -> None:
        async with new_stage(api_server, tmp_path, f"change-{number}") as stage:
            async with running_pool(stage, 1, **ONE):
                pass
            await change(stage)
            await kill_after(stage, number, has_pods=True)
            async with stage.controller():
                await until_at_rest(stage)
            assert await read_state(stage) == whole, f"killed after {number} writes"

    await a_few_at_once(interrupt, writes)


@pytest.mark.full  # any end of a plan anywhere: test_controller_plan_invariants
async def test_killed_between_any_two_writes_of_a_scale_in(api_server: ApiServer, tmp_path: Path) -> None:
    weights = {f"pool-{ordinal}": 100 for ordinal in range(3)}

    async def begin(stage: ControllerStage) -> None:
        # Without a lag in numbers: status tells averages once an interval, and may or may not have told these.
        await stage.say(classes={"pool-4": "lagging"})
        await stage.until_weights({f"pool-{ordinal}": 10 if ordinal == 4 else 100 for ordinal in range(5)})
        await stage.until_quiet()

    async def scale_in(stage: ControllerStage) -> None:
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"replicas": 3}}, manager=USER)

    async with new_stage(api_server, tmp_path, "smaller-whole") as stage:
        async with running_pool(stage):
            await begin(stage)
            before = len(stage.relay.writes)
            await scale_in(stage)
            await until_at_rest(stage, weights)
        whole, writes = await read_state(stage), len(stage.relay.writes) - before
    assert writes >= 3

    async def interrupt(number: int) -> None:
        async with new_stage(api_server, tmp_path, f"smaller-{number}") as stage:
            async with running_pool(stage):
                await begin(stage)
            await scale_in(stage)
            await kill_after(stage, number, has_pods=True)
            async with stage.controller():
                await until_at_rest(stage, weights)
            assert await read_state(stage) == whole, f"killed after {number} writes"

    await a_few_at_once(interrupt, writes)


async def a_few_at_once(work: Callable[[int], Awaitable[None]], count: int) -> None:
    """Do the work for each number below `count`; most of it is waiting."""
    numbers = iter(range(count))

    async def take() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(take())


@contextlib.asynccontextmanager
async def new_stage(server: ApiServer, folder: Path, namespace: str) -> AsyncIterator[ControllerStage]:
    """Set a stage in a new namespace."""
    await asyncio.to_thread(server.access.kubectl, "create", "namespace", namespace)
    (folder / namespace).mkdir()
    async with set_stage(server, namespace, folder / namespace) as stage:
        yield stage


async def kill_after(stage: ControllerStage, writes: int, *, has_pods: bool) -> None:
    """Run a controller, and kill it when it is about to make one write more; pods that go are made anew.

    Or where it has no more to write: on a busy machine two writes of status may be one.
    """
    stage.relay.writes_left, stage.relay.held = writes, asyncio.Event()
    before = written = len(stage.relay.writes)
    quiet_since = time.monotonic()
    async with stage.process() as process, asyncio.timeout(SECONDS):
        while not stage.relay.held.is_set():
            if has_pods:
                await stage.cluster.run_pods("pool")
            await asyncio.sleep(0.1)
            if written != len(stage.relay.writes):
                written, quiet_since = len(stage.relay.writes), time.monotonic()
            elif written > before and time.monotonic() - quiet_since > QUIET_SECONDS and await _is_reconciled(stage):
                break
        process.send_signal(signal.SIGKILL)
        await process.wait()
    stage.relay.writes_left = None
    await stage.client.request(
        "DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{stage.namespace}/leases/readpool-controller"
    )


async def until_at_rest(stage: ControllerStage, weights: Mapping[str, int] = FIFTY) -> None:
    """Wait until all pods are restarted that had to be, playing who makes them anew."""
    async with asyncio.timeout(SECONDS):
        while True:
            await stage.cluster.run_pods("pool")
            written = len(stage.relay.writes)
            await asyncio.sleep(0.7)
            is_quiet = written == len(stage.relay.writes)
            if is_quiet and await _is_reconciled(stage) and await stage.read_weights() == weights:
                return


async def _is_reconciled(stage: ControllerStage) -> bool:
    pool = await stage.read(POOL, "pool")
    conditions = {one["type"]: one for one in pool["status"]["conditions"]}
    is_seen = pool["status"]["observedGeneration"] == pool["metadata"]["generation"]
    return is_seen and all(conditions[name]["status"] == state for name, state in _AT_REST.items())


_AT_REST = {"Reconciling": "False", "Ready": "True", "Fresh": "True"}


async def read_state(stage: ControllerStage) -> dict[str, Any]:
    """Read all that a pool is in the cluster, but for what is another each time."""
    state = {}
    for kind in KINDS:
        for manifest in await _list(stage.client, kind, stage.namespace):
            text = json.dumps(_strip(manifest)).replace(f'"{stage.namespace}"', '"NAMESPACE"')
            text = text.replace(f".{stage.namespace}.svc", ".NAMESPACE.svc")
            state[f"{kind.name} {manifest['metadata']['name']}"] = json.loads(text)
    return state


async def _list(client: KubernetesClient, kind: Any, namespace: str) -> list[dict[str, Any]]:
    return (await client.list(kind, namespace))[0]


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _strip(part) for name, part in value.items() if name not in _OF_THE_MOMENT}
    return [_strip(part) for part in value] if isinstance(value, list) else value
