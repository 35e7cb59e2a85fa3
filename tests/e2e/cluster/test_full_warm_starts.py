"""From asked for to fresh at the public network's own timing: from snapshots, from new volumes, and by plain `run`.

Ledgers take 5 s and checkpoints are of 64. The state is tiny, so what a new replica without a snapshot downloads for a
quarter of an hour is not in the figures. As of today is a pool with neither snapshots nor neighbours, whose replicas
run `new-db` and then `run`. READPOOL_RESULTS names a file of figures that they are added to.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.__main__ import merge_results
from controller.resources.pod_template import CONFIG_FOLDER
from controller.snapshots.snapshots import SETTLED_SECONDS
from devtools.cluster.csi_storage import CsiStorage
from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_or_fail
from tests.e2e.cluster import pool_snapshots as seen
from tests.e2e.cluster.conftest import borrow_namespace
from tests.e2e.cluster.core_network import CoreNetwork, start_core_network
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, Manifest, PoolView, apply_pool, build_override, build_pool

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400, func_only=True)]
TARGET = 2
ADDED = 6
"""New replicas of one round, all at once."""
WARM_ROUNDS, COLD_ROUNDS = 5, 1
TODAY_ADDED = 8
TODAY_SECONDS = 40.0
"""Between two new replicas as of today: all of them take as long as a checkpoint, so that each waits another time."""
MOST_SECONDS = 120.0
ASSUMED_SECONDS = 600.0
"""Who is not fresh by then fails the test: beyond a whole checkpoint."""
LOOK_SECONDS = 0.5
UNSCALED = {"enabled": False, "sustainSeconds": 10}
TODAY_CORE = ["stellar-core", "--conf", f"{CONFIG_FOLDER}/$(POD_NAME).cfg", "run"]

Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def timely_network(cluster: ProvidedCluster, pytestconfig: pytest.Config) -> Iterator[CoreNetwork]:
    """Start a network with the public one's timing."""
    image = cluster.images.core
    if image is None:
        skip_or_fail("READPOOL_CORE_IMAGE is not set: the cluster has no image of stellar-core")
    with borrow_namespace(cluster, pytestconfig, "timely-network") as name:
        yield start_core_network(cluster.access, name, image, cluster.images.readpool, is_accelerated=False)


def test_thirty_new_replicas_are_fresh_within_two_minutes(
    cluster: ProvidedCluster,
    namespace: str,
    timely_network: CoreNetwork,
    scaler_release: OwnRelease,
    snapshot_storage: CsiStorage,
    record_testsuite_property: Note,
) -> None:
    assert scaler_release.pods()
    today = apply_pool(cluster.access, namespace, build_today(timely_network, snapshot_storage))
    pool = apply_pool(cluster.access, namespace, build_warm(timely_network, snapshot_storage))
    pool.wait_until_fresh(TARGET, ASSUMED_SECONDS)
    today.wait_until_fresh(TARGET, ASSUMED_SECONDS)
    pool.wait_for("its first snapshot", lambda: seen.read_newest(pool), SETTLED_SECONDS + ASSUMED_SECONDS)
    taken: dict[str, list[float]] = {}
    with ThreadPoolExecutor(1) as beside:
        spread = beside.submit(time_spread, today)
        taken["warm_start"] = time_rounds(pool, WARM_ROUNDS, is_warm=True)
        pool.change({"storage": {"snapshots": {"enabled": False}}})
        taken["cluster_cold_start"] = time_rounds(pool, COLD_ROUNDS, is_warm=False)
        taken["cluster_today_start"] = spread.result()
    figures: dict[str, float] = {}
    for way, seconds in taken.items():
        record_testsuite_property(f"{way}_all_s", sorted(round(one, 1) for one in seconds))
        figures |= {f"{way}_p90_s": compute_p90(seconds), f"{way}_p50_s": statistics.median(seconds)}
    for name, value in figures.items():
        record_testsuite_property(name, value)
    if results := os.environ.get("READPOOL_RESULTS"):
        merge_results(Path(results), figures)
    assert figures["warm_start_p90_s"] <= MOST_SECONDS, sorted(taken["warm_start"])


def build_warm(network: CoreNetwork, storage: CsiStorage) -> Manifest:
    """Build a pool with snapshots, whose replicas have neighbours."""
    return build_pool(
        "warm",
        network,
        storage=seen.build_storage(storage),
        autoscaling=UNSCALED,
        coreConfigOverride=build_override(network, has_neighbours=True),
        targetReplicas=TARGET,
        maxReplicas=TARGET + ADDED,
    )


def build_today(network: CoreNetwork, storage: CsiStorage) -> Manifest:
    """Build a pool as of today: plain `run` with the network's own peer, and what Core remembers by itself."""
    container = {"name": CORE, "command": TODAY_CORE}
    return build_pool(
        "today",
        network,
        storage=seen.build_storage(storage, enabled=False),
        autoscaling=UNSCALED,
        coreConfigOverride="MAX_SLOTS_TO_REMEMBER = 12\n" + build_override(network),
        template={"spec": {"terminationGracePeriodSeconds": 5, "containers": [container]}},
        targetReplicas=TARGET,
        maxReplicas=TARGET + TODAY_ADDED,
    )


def time_rounds(pool: PoolView, rounds: int, *, is_warm: bool) -> list[float]:
    """Scale a pool out and in again so often; return the seconds until each new replica is fresh."""
    seconds: list[float] = []
    for _ in range(rounds):
        seconds += time_newcomers(pool, [ADDED], 0.0)
        assert [bool(seen.read_origin(pool, TARGET + one)) for one in range(ADDED)] == [is_warm] * ADDED
        seen.scale(pool, TARGET, ASSUMED_SECONDS)
        pool.wait_for("what they had is gone", lambda: is_gone(pool), ASSUMED_SECONDS)
    return seconds


def is_gone(pool: PoolView) -> bool:
    """Return whether of replicas that were let go neither a pod nor a volume nor a line of status is left."""
    names = {pool.pod(TARGET + one) for one in range(ADDED)}
    told = {one["replicaName"] for one in pool.status().get("replicaWeights") or ()}
    found = pool.access.list("pods,persistentvolumeclaims", pool.namespace)
    left = {one["metadata"]["name"].removeprefix("data-") for one in found}
    return not names & (told | left)


def time_spread(pool: PoolView) -> list[float]:
    """Scale a pool out by one replica after the other; return the seconds until each is fresh."""
    return time_newcomers(pool, [1] * TODAY_ADDED, TODAY_SECONDS)


def time_newcomers(pool: PoolView, steps: list[int], between_seconds: float) -> list[float]:
    """Add so many replicas in each step; return the seconds from asking for each until status says that it is fresh."""
    asked_at: dict[str, float] = {}
    took: dict[str, float] = {}
    left, last = list(steps), time.monotonic() - between_seconds
    while left or len(took) < len(asked_at):
        now = time.monotonic()
        if left and now - last >= between_seconds:
            size, last = TARGET + len(asked_at) + left[0], now
            asked_at |= {pool.pod(one): now for one in range(TARGET + len(asked_at), size)}
            pool.access.kubectl("scale", f"rop/{pool.name}", f"--replicas={size}", f"--namespace={pool.namespace}")
            del left[0]
        for one in pool.status().get("replicaWeights") or ():
            if one["isFresh"] and (at := asked_at.get(one["replicaName"])) is not None:
                took.setdefault(one["replicaName"], time.monotonic() - at)
        if now - last > ASSUMED_SECONDS:
            raise TimeoutError(f"{pool.name}: only {took} are fresh; status: {pool.status()}")
        time.sleep(LOOK_SECONDS)
    return list(took.values())


def compute_p90(seconds: list[float]) -> float:
    """Compute the 90th percentile by the nearest rank."""
    ordered = sorted(seconds)
    return ordered[-(-9 * len(ordered) // 10) - 1]
